// SPDX-License-Identifier: Apache-2.0

package viewer

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// TestMet: a viewer's round trip is measured once a connection.
func TestMet(t *testing.T) {
	type met struct {
		viewer netip.Addr
		rtt    time.Duration
		ok     bool
	}
	got := make(chan met, 4)
	s, err := Listen(t.Context(), "127.0.0.1:0", func(_ context.Context, _ *httpmsg.Request, w Writer, _ bool) func() {
		_ = w.Whole(&httpmsg.Response{Status: 200}, nil, nil)
		return nil
	}, Options{Met: func(viewer netip.Addr, measure func() (time.Duration, bool)) {
		rtt, ok := measure()
		got <- met{viewer, rtt, ok}
	}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve() }()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if m := <-got; m.viewer != netip.MustParseAddr("127.0.0.1") || !m.ok || m.rtt <= 0 || m.rtt > time.Second {
		t.Errorf("%+v", m)
	}
	_ = c.Close()
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(got) != 0 {
		t.Error("met twice")
	}
}
