// SPDX-License-Identifier: Apache-2.0

// Package handover gives the listening sockets of one process to the next one,
// so that a restart refuses no connection: the sockets never close, and what
// waits in their queues is accepted by whoever has them.
//
// The flow: (1) a process that serves makes an Offer in its data folder, a
// Unix socket that only its user reaches; (2) a successor calls Take: it is
// sent the description of the sockets and, by SCM_RIGHTS, the sockets; (3) it
// makes itself ready and says so by Ready; until then it may fail without
// harm, for the predecessor serves on; (4) the predecessor sees Taken, accepts
// no more, lets its requests finish and leaves, which ends the connection
// between the two: Gone.
//
// A service manager that holds the sockets (systemd's socket activation) is a
// predecessor that does not serve: Activated takes its sockets.
//
// What it does not do: it knows no protocol and stops nothing; data that two
// processes may not have at once is guarded by whoever owns it. Connections
// are not handed over, only sockets that listen.
//
// Concurrency: an Offer has one goroutine and serves one successor at a time;
// a Legacy belongs to one goroutine, but for Gone.
package handover

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Socket is a socket that listens, and what for: http, https, admin.
type Socket struct {
	Kind string
	File *os.File
}

// ErrNobody says that no process offers its sockets.
var ErrNobody = errors.New("handover: nobody offers sockets")

const (
	version  = 1
	mostText = 64 << 10 // of one message
	mostFDs  = 64
	patience = 10 * time.Second // for a message that should be there at once
)

// offered is what a predecessor sends first, with the sockets in the order of
// Kinds.
type offered struct {
	Version int      `json:"version"`
	PID     int      `json:"pid"`
	Kinds   []string `json:"kinds,omitempty"`
	Refused string   `json:"refused,omitempty"` // why there are no sockets
}

// ready is what a successor answers, when it serves.
const ready = "ready\n"

// place is where an Offer of the data folder dir listens. The folder, open to
// its owner only, is what guards it.
func place(dir string) (folder string) { return filepath.Join(dir, "handover") }

const socketName = "socket"

// within calls f with a path of the socket called name in folder that is short
// enough for a Unix address (108 bytes), however long the folder's is.
func within(folder, name string, f func(path string) error) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer d.Close()
	rc, err := d.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := rc.Control(func(fd uintptr) { inner = f(fmt.Sprintf("/proc/self/fd/%d/%s", fd, name)) }); err != nil {
		return err
	}
	return inner
}

// send writes one message and sockets with it.
func send(c *net.UnixConn, m offered, sockets []Socket) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	fds := make([]int, 0, len(sockets))
	for _, s := range sockets {
		fd, err := number(s.File)
		if err != nil {
			return err
		}
		fds = append(fds, fd)
	}
	var rights []byte
	if len(fds) > 0 {
		rights = syscall.UnixRights(fds...)
	}
	if err := c.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, _, err = c.WriteMsgUnix(append(b, '\n'), rights, nil)
	return err
}

// number is a file's descriptor. File.Fd would make the socket blocking, for
// every process that has it.
func number(f *os.File) (fd int, err error) {
	rc, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = rc.Control(func(n uintptr) { fd = int(n) })
	return fd, err
}

// receive reads one message and the sockets that come with it.
func receive(c *net.UnixConn) (m offered, files []*os.File, err error) {
	defer func() {
		if err != nil {
			closeAll(files)
			files = nil
		}
	}()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return m, nil, err
	}
	var text []byte
	buf, oob := make([]byte, 4096), make([]byte, syscall.CmsgSpace(4*mostFDs))
	for len(text) == 0 || text[len(text)-1] != '\n' {
		n, on, flags, _, err := c.ReadMsgUnix(buf, oob)
		more, rerr := rights(oob[:on])
		files = append(files, more...)
		text = append(text, buf[:n]...)
		switch {
		case rerr != nil:
			return m, files, rerr
		case flags&syscall.MSG_CTRUNC != 0 || len(text) > mostText:
			return m, files, errors.New("handover: the message is too large")
		case err != nil:
			return m, files, err
		case n == 0:
			return m, files, io.ErrUnexpectedEOF
		}
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return m, files, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, files, fmt.Errorf("handover: %w", err)
	}
	return m, files, nil
}

// rights are the files of ancillary data.
func rights(oob []byte) (files []*os.File, err error) {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		fds, err := syscall.ParseUnixRights(&m)
		if err != nil {
			continue // other ancillary data
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "socket"))
		}
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // a copy: the socket is the other process's too
	}
}
