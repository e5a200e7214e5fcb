// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// Legacy is what a successor was given.
type Legacy struct {
	PID     int // of the predecessor; 0: a service manager
	conn    *net.UnixConn
	sockets []Socket
	gone    chan struct{}
}

// Take asks the process that uses the data folder dir for its sockets.
// ErrNobody: there is none.
func Take(dir string) (*Legacy, error) {
	var c *net.UnixConn
	err := within(place(dir), socketName, func(path string) (err error) {
		c, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		return err
	})
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, ErrNobody // never there, or not any more
	}
	if err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	m, files, err := receive(c)
	if err == nil {
		switch {
		case m.Refused != "":
			err = fmt.Errorf("process %d: %s", m.PID, m.Refused)
		case m.Version != version || len(files) != len(m.Kinds):
			err = fmt.Errorf("process %d speaks another version of the hand-over: stop it, and start anew", m.PID)
		}
	}
	if err != nil {
		closeAll(files)
		_ = c.Close()
		return nil, fmt.Errorf("handover: %w", err)
	}
	l := &Legacy{PID: m.PID, conn: c, gone: make(chan struct{})}
	for i, f := range files {
		l.sockets = append(l.sockets, Socket{m.Kinds[i], f})
	}
	return l, nil
}

// Ready tells the predecessor, if there is one, that this process serves,
// which makes it leave.
func (l *Legacy) Ready() {
	if l.conn == nil {
		close(l.gone)
		return
	}
	if _, err := io.WriteString(l.conn, ready); err != nil { // it has left already
		close(l.gone)
		return
	}
	go func() { // ends with the predecessor, or with Close
		defer close(l.gone)
		_, _ = l.conn.Read(make([]byte, 1))
	}()
}

// Gone is closed, after Ready, when the predecessor has let go of everything,
// or at Close.
func (l *Legacy) Gone() <-chan struct{} { return l.gone }

// Close gives up what was not taken. Before Ready it leaves the predecessor
// where it was.
func (l *Legacy) Close() error {
	for _, s := range l.sockets {
		_ = s.File.Close() // a copy
	}
	l.sockets = nil
	if l.conn != nil {
		return l.conn.Close()
	}
	return nil
}
