// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// edge is a hub on free ports of loopback.
type edge struct {
	*Hub
	addr string
}

func newEdge(t testing.TB, o HubOptions) *edge {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	h, err := OpenHub(o)
	if err != nil {
		t.Fatal(err)
	}
	e := &edge{Hub: h}
	var tcp net.Listener
	var udp net.PacketConn
	for range 20 { // a port that is free for both
		if tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if udp, err = net.ListenPacket("udp", tcp.Addr().String()); err == nil {
			break
		}
		_ = tcp.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	e.addr = tcp.Addr().String()
	ends := make(chan error, 2)
	go func() { ends <- h.ServeTCP(tcp) }()
	go func() { ends <- h.ServeQUIC(udp) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		for range 2 {
			if err := <-ends; err != nil {
				t.Errorf("serve: %v", err)
			}
		}
	})
	return e
}

func (e *edge) token(t testing.TB, names ...string) string {
	t.Helper()
	_, token, err := e.Issue(names, time.Hour, false)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// runner is an agent that runs.
type runner struct {
	*Agent
	states chan State
	stop   context.CancelFunc
	done   chan error
}

func startAgent(t testing.TB, e *edge, o AgentOptions) *runner {
	t.Helper()
	r := &runner{states: make(chan State, 100), done: make(chan error, 1)}
	o.To = e.addr
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	o.OnState = func(s State) { r.states <- s }
	a, err := NewAgent(o)
	if err != nil {
		t.Fatal(err)
	}
	r.Agent = a
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.done <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		<-r.done
		close(r.done)
	})
	return r
}

// halt stops an agent and waits.
func (r *runner) halt() error {
	r.stop()
	err := <-r.done
	r.done <- nil
	return err
}

func (r *runner) connected(t testing.TB) State {
	t.Helper()
	for {
		select {
		case s := <-r.states:
			if s.Connected {
				return s
			}
		case err := <-r.done:
			r.done <- nil
			t.Fatalf("the agent ended: %v", err)
		case <-time.After(10 * time.Second):
			t.Fatal("the agent did not connect")
		}
	}
}

// serves waits until n agents serve a name.
func (e *edge) serves(t testing.TB, name string, n int) {
	t.Helper()
	end := time.After(10 * time.Second)
	for {
		e.mu.Lock()
		changed := e.changed
		e.mu.Unlock()
		if e.Serving(name) == n {
			return
		}
		select {
		case <-changed:
		case <-end:
			t.Fatalf("%d agents serve %s, want %d", e.Serving(name), name, n)
		}
	}
}

func target1(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// get asks once, over a stream of its own.
func get(ctx context.Context, r *Route) (string, error) {
	w, done, err := r.Take(ctx, nil)
	if err != nil {
		return "", err
	}
	defer done(0)
	c, err := w.Dial(ctx)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	b, err := io.ReadAll(c)
	_, body, _ := strings.Cut(string(b), "\r\n\r\n")
	return body, err
}

var carriers = []struct {
	name   string
	choice Choice
	kind   string
}{{"quic", OnlyQUIC, "quic"}, {"h2", OnlyTCP, "h2"}}

func TestO10StreamsReachTheTarget(t *testing.T) {
	for _, tt := range carriers {
		t.Run(tt.name, func(t *testing.T) {
			e := newEdge(t, HubOptions{Ping: time.Hour})
			url := target1(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "hello from %s", r.Host) })
			a := startAgent(t, e, AgentOptions{Token: e.token(t, "Orders"), Origins: map[string]string{"Orders": url}, Carrier: tt.choice})
			if s := a.connected(t); s.Carrier != tt.kind || len(s.Agent) != 16 {
				t.Errorf("state %+v", s)
			}
			if n := e.Serving("Orders"); n != 1 {
				t.Errorf("an agent that says it is connected: %d serve", n)
			}
			for range 3 {
				body, err := get(t.Context(), e.Route("Orders"))
				if err != nil || body != "hello from api" {
					t.Fatalf("%q, %v", body, err)
				}
			}
			if _, err := get(t.Context(), e.Route("Other")); !isNoAgent(err) {
				t.Errorf("another origin: %v", err)
			}
			if err := a.halt(); err != nil {
				t.Errorf("the agent ended with %v", err)
			}
			e.serves(t, "Orders", 0)
		})
	}
}

func isNoAgent(err error) bool {
	var n *NoAgent
	return errors.As(err, &n)
}
