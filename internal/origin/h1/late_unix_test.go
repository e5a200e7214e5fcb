// SPDX-License-Identifier: Apache-2.0

//go:build unix

package h1

import (
	"context"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

// late is a connection on which the poller says, every time, that the deadline
// has passed before anything was begun: the goroutine was kept waiting.
type late struct{ *net.TCPConn }

func (l late) SyscallConn() (syscall.RawConn, error) {
	rc, err := l.TCPConn.SyscallConn()
	return tardy{rc}, err
}

type tardy struct{ syscall.RawConn }

func (tardy) Read(func(uintptr) bool) error { return os.ErrDeadlineExceeded }

// TestABusyMachineIsNoSlowOrigin: the short time after which turn stops waiting
// for an answer does not count as long as the request has not been sent.
func TestABusyMachineIsNoSlowOrigin(t *testing.T) {
	cl := peer(t, says(hello))
	dial := cl.Dial
	cl.Dial = func(ctx context.Context, secure bool) (net.Conn, error) {
		c, err := dial(ctx, secure)
		if err != nil {
			return nil, err
		}
		return late{c.(*net.TCPConn)}, nil
	}
	for range 3 { // on a new connection, and on one that has rested
		if got := outcome(t.Context(), cl, request("GET")); !strings.HasPrefix(got, "200") {
			t.Error(got)
		}
	}
	if n := resting(cl); n != 1 {
		t.Errorf("%d connections rest", n)
	}
}
