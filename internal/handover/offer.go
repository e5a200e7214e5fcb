// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// Offer waits for a successor.
type Offer struct {
	ln     *net.UnixListener
	folder string
	name   string // under which the socket was made
	made   os.FileInfo
	taken  chan struct{}

	mu      sync.Mutex
	sockets []Socket
	conn    *net.UnixConn // of the successor that asks, or has taken over
	gone    bool
	wg      sync.WaitGroup
}

// NewOffer offers sockets, which it owns from then on, to a successor that
// asks in the data folder dir. It takes the place of an Offer of before, whose
// process may still be about to leave.
func NewOffer(dir string, sockets []Socket) (_ *Offer, err error) {
	o := &Offer{folder: place(dir), name: fmt.Sprintf("%s.%d", socketName, os.Getpid()), taken: make(chan struct{}), sockets: sockets}
	defer func() {
		if err != nil {
			o.release()
		}
	}()
	if err := os.MkdirAll(o.folder, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chmod(o.folder, 0o700); err != nil {
		return nil, err
	}
	err = within(o.folder, o.name, func(path string) error {
		_ = os.Remove(path) // of a process of the same number, long ago
		o.ln, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	o.ln.SetUnlinkOnClose(false) // the name may be the successor's by then
	if err := os.Rename(filepath.Join(o.folder, o.name), filepath.Join(o.folder, socketName)); err != nil {
		_ = o.ln.Close()
		return nil, err
	}
	if o.made, err = os.Lstat(filepath.Join(o.folder, socketName)); err != nil {
		_ = o.ln.Close()
		return nil, err
	}
	o.wg.Go(o.serve)
	return o, nil
}

// Taken is closed when a successor has the sockets and serves. A nil Offer is
// never taken.
func (o *Offer) Taken() <-chan struct{} {
	if o == nil {
		return nil
	}
	return o.taken
}

// Close takes the offer back. After Taken it tells the successor that this
// process has let go of everything. It may be called again.
func (o *Offer) Close() error {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	o.gone = true
	conn := o.conn
	o.mu.Unlock()
	err := o.ln.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	if conn != nil {
		_ = conn.Close() // its other side has seen all it needs
	}
	o.wg.Wait()
	o.release()
	name := filepath.Join(o.folder, socketName)
	if now, lerr := os.Lstat(name); lerr == nil && os.SameFile(now, o.made) { // else it is a successor's
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// release closes the copies of the sockets.
func (o *Offer) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.sockets {
		_ = s.File.Close()
	}
	o.sockets = nil
}

func (o *Offer) serve() {
	for {
		c, err := o.ln.AcceptUnix()
		if err != nil {
			return // closed, or of no use
		}
		if !o.enter(c) {
			_ = send(c, offered{Version: version, PID: os.Getpid(), Refused: "another process is taking over already"}, nil)
			_ = c.Close()
			continue
		}
		o.wg.Go(func() { o.give(c) })
	}
}

// enter makes c the successor, unless there is one.
func (o *Offer) enter(c *net.UnixConn) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone || o.conn != nil {
		return false
	}
	o.conn = c
	return true
}

// give sends the sockets and waits until the successor serves, or ends.
func (o *Offer) give(c *net.UnixConn) {
	o.mu.Lock()
	sockets := o.sockets
	m := offered{Version: version, PID: os.Getpid()}
	for _, s := range sockets {
		m.Kinds = append(m.Kinds, s.Kind)
	}
	err := send(c, m, sockets)
	o.mu.Unlock()
	answer := make([]byte, len(ready))
	if err == nil {
		_, err = io.ReadFull(c, answer)
	}
	if err == nil && string(answer) == ready {
		_ = o.ln.Close()
		o.release()
		close(o.taken)
		return // c stays open until Close
	}
	o.mu.Lock()
	o.conn = nil
	o.mu.Unlock()
	_ = c.Close()
}
