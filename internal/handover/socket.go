// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Listener takes the socket of a kind that listens on addr, which is "" for
// any: a port of 0 in addr stands for any port. Nil: there is none.
func (l *Legacy) Listener(kind, addr string) (net.Listener, error) {
	for i, s := range l.sockets {
		if s.Kind != kind {
			continue
		}
		ln, err := net.FileListener(s.File) // has a copy of its own
		if err != nil {
			return nil, fmt.Errorf("handover: %s: %w", kind, err)
		}
		if addr != "" && !fits(ln.Addr(), addr) {
			_ = ln.Close()
			continue
		}
		_ = s.File.Close()
		l.sockets = append(l.sockets[:i:i], l.sockets[i+1:]...)
		return ln, nil
	}
	return nil, nil
}

// fits tells whether bound is what addr would bind.
func fits(bound net.Addr, addr string) bool {
	tcp, ok := bound.(*net.TCPAddr)
	want, err := net.ResolveTCPAddr("tcp", addr)
	if !ok || err != nil || want.Port != 0 && want.Port != tcp.Port {
		return false
	}
	have, _ := netip.AddrFromSlice(tcp.IP)
	if want.IP == nil { // every address
		return have.IsUnspecified()
	}
	asked, _ := netip.AddrFromSlice(want.IP)
	return have.Unmap() == asked.Unmap()
}

// firstFD is where a service manager puts the sockets (sd_listen_fds(3)).
const firstFD = 3

// Activated takes the sockets that a service manager has passed, by the
// variables of sd_listen_fds(3). They are told apart by their names
// (FileDescriptorName=): http, https or admin. Nil: there are none.
func Activated(getenv func(string) string) (*Legacy, error) {
	n, err := strconv.Atoi(getenv("LISTEN_FDS"))
	if err != nil || n <= 0 || getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	names := strings.Split(getenv("LISTEN_FDNAMES"), ":")
	if len(names) != n || n > mostFDs {
		return nil, fmt.Errorf("handover: %d sockets with %d names", n, len(names))
	}
	l := &Legacy{gone: make(chan struct{})}
	for i, name := range names {
		if name != "http" && name != "https" && name != "admin" {
			return nil, fmt.Errorf("handover: a socket with the name %q: set FileDescriptorName to http, https or admin", name)
		}
		syscall.CloseOnExec(firstFD + i)
		l.sockets = append(l.sockets, Socket{name, os.NewFile(uintptr(firstFD+i), name)})
	}
	return l, nil
}
