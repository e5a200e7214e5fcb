// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/tunlink"
)

// world is what examples/multi-region runs in: three APIs, three edges and
// three viewers, in the order of regionNames.
type world struct {
	port      string // of APIs and edges
	api, edge [3]string
	dns       [3]string // addresses of name servers, at the edges
	admin     string    // port
	// far tells that there are real delays between the regions.
	far bool
	// subnet is what viewers' resolvers tell of them. Empty: it is measured.
	subnet [3]string
	extra  []string // arguments of edges
	temp   string

	start func(name string, i int, args ...string) *proc
	dial  func(viewer int, network, addr string, patience time.Duration) (net.Conn, error)
	cut   func(name string, i int, cut bool)
}

// oneWay are the delays between regions in milliseconds.
var oneWay = [3][3]int{{1, 40, 100}, {40, 1, 70}, {100, 70, 1}}

// loopbackEnv has TestMultiRegionNetwork run as if there were no namespaces.
const loopbackEnv = "FORELANE_TEST_LOOPBACK"

// newWorld is one of namespaces that delaying links join.
func newWorld(t *testing.T) (*world, error) {
	if os.Getenv(loopbackEnv) != "" {
		return nil, errors.New(loopbackEnv + " is set")
	}
	n, err := tunlink.New()
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{port: "80", admin: "9900", far: true, temp: t.TempDir()}
	nodes := map[string]*tunlink.Node{}
	kinds := []string{"api", "edge", "viewer"}
	for k, kind := range kinds {
		for i := range regionNames {
			name := fmt.Sprint(kind, i)
			addr := netip.AddrFrom4([4]byte{10, byte(k + 1), byte(i + 1), 1})
			if nodes[name], err = n.Add(name, addr); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range regionNames {
		w.api[i], w.edge[i] = nodes[fmt.Sprint("api", i)].Addr.String(), nodes[fmt.Sprint("edge", i)].Addr.String()
		w.dns[i] = net.JoinHostPort(w.edge[i], "53")
		for j := range regionNames {
			for _, a := range kinds {
				for _, b := range kinds {
					n.Delay(nodes[fmt.Sprint(a, i)], nodes[fmt.Sprint(b, j)], time.Duration(oneWay[i][j])*time.Millisecond)
				}
			}
		}
	}
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	w.start = func(name string, i int, args ...string) *proc {
		return startBy(t, bin, t.TempDir(), nodes[fmt.Sprint(name, i)].Start, args...)
	}
	w.dial = func(viewer int, network, addr string, patience time.Duration) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return nodes[fmt.Sprint("viewer", viewer)].Dial(ctx, network, addr)
	}
	w.cut = func(name string, i int, cut bool) { n.Cut(nodes[fmt.Sprint(name, i)], cut) }
	return w, nil
}

// newLoopback is one on this machine's loopback addresses, where all is near:
// a region is cut off by stopping its process, and how far viewers are is told.
func newLoopback(t *testing.T) *world {
	w := &world{admin: "0", temp: t.TempDir(), subnet: [3]string{"203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24"}}
	w.extra = []string{"--latency", "../../examples/multi-region/latency.txt"}
	var all []string
	for i := range regionNames {
		w.api[i], w.edge[i] = fmt.Sprintf("127.1.%d.1", i+1), fmt.Sprintf("127.2.%d.1", i+1)
		all = append(all, w.api[i], w.edge[i])
	}
	w.port = sharedPort(t, all...)
	procs := map[string]*proc{}
	w.start = func(name string, i int, args ...string) *proc {
		p := start(t, args...)
		procs[fmt.Sprint(name, i)] = p
		if name == "edge" {
			w.dns[i] = p.ready.DNS
		}
		return p
	}
	w.dial = func(viewer int, network, addr string, patience time.Duration) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	w.cut = func(name string, i int, cut bool) {
		sig := syscall.SIGCONT
		if cut {
			sig = syscall.SIGSTOP
		}
		if err := procs[fmt.Sprint(name, i)].cmd.Process.Signal(sig); err != nil {
			t.Error(err)
		}
	}
	return w
}
