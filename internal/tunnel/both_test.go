// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/tunnel/carrier"
	"github.com/forelane/forelane/internal/tunnel/identity"
)

// kinds are the carriers of the links there are.
func (e *edge) kinds() (quic, tcp int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for l := range e.links {
		if l.edge.Kind() == carrier.QUIC {
			quic++
		} else {
			tcp++
		}
	}
	return quic, tcp
}

// TestCarrierSuitsTheAnswers: small answers by QUIC, large ones by TCP, one agent
// counted once.
func TestCarrierSuitsTheAnswers(t *testing.T) {
	e := newEdge(t, HubOptions{})
	url := target1(t, hello)
	token, dir := e.token(t, "A"), t.TempDir()
	a := startAgent(t, e, AgentOptions{Token: token, Dir: dir, Origins: map[string]string{"A": url}})
	if s := a.connected(t); s.Carrier != "quic" {
		t.Errorf("the first connection is by %s", s.Carrier)
	}
	if s := a.connected(t); s.Carrier != "h2" {
		t.Errorf("the second connection is by %s", s.Carrier)
	}
	if q, h := e.kinds(); q != 1 || h != 1 || len(e.Agents()) != 1 {
		t.Fatalf("%d by QUIC, %d by TCP, of %d agents", q, h, len(e.Agents()))
	}
	r := e.Route("A")
	take := func(read int64) string {
		t.Helper()
		w, done, err := r.Take(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		done(read)
		return w.link.edge.Kind().String()
	}
	for _, tt := range []struct {
		read int64
		want string
	}{
		{1 << 10, "h2"}, // nothing is known yet
		{1 << 10, "quic"},
		{4 << 20, "quic"},
		{1 << 10, "h2"},
	} {
		if got := take(tt.read); got != tt.want {
			t.Errorf("by %s, want %s", got, tt.want)
		}
	}
	for range 100 {
		take(100)
	}
	if got := take(100); got != "quic" {
		t.Errorf("after many small answers: by %s", got)
	}
}

// TestKilledAgentIsFoundByItsOtherConnection: a process that is killed says
// nothing over QUIC, and pings are far apart; the end of its TCP connection tells.
func TestKilledAgentIsFoundByItsOtherConnection(t *testing.T) {
	e := newEdge(t, HubOptions{Ping: time.Hour, Patience: -1})
	m, err := identity.OpenMember(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	helper := &Agent{o: AgentOptions{To: e.addr}, member: m}
	if err := helper.join(t.Context(), e.token(t, "A")); err != nil {
		t.Fatal(err)
	}
	dead := make(chan struct{}) // from here on nothing is answered
	serve := func(k carrier.Kind) carrier.Agent {
		c, err := helper.dial(t.Context(), k, m.TLS(alpnTunnel))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_ = c.Serve(func(s carrier.Stream) {
				m, err := readMessage(s)
				if err == nil && m.kind == kindControl {
					err = writeMessage(s, helloMessage([]string{"A"}))
				}
				for err == nil {
					if m, err = readMessage(s); err != nil {
						break
					}
					select {
					case <-dead:
					default:
						err = writeMessage(s, message{kindPong, m.content})
					}
				}
			})
		}()
		return c
	}
	quic := serve(carrier.QUIC)
	defer quic.Close()
	tcp := serve(carrier.HTTP2)
	for {
		e.mu.Lock()
		changed, n := e.changed, len(e.links)
		e.mu.Unlock()
		if n == 2 {
			break
		}
		select {
		case <-changed:
		case <-time.After(10 * time.Second):
			t.Fatalf("%d connections", n)
		}
	}
	r := e.Route("A")
	r.mean.Store(0)
	w, done, err := r.Take(t.Context(), nil)
	if err != nil || w.link.edge.Kind() != carrier.QUIC {
		t.Fatalf("%v %v", w, err)
	}
	defer done(0)

	close(dead)
	_ = tcp.Close()
	select {
	case <-w.Over().Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the QUIC connection of an agent that is gone is still used")
	}
	e.serves(t, "A", 0)
}

// TestLostCarrierLeavesTheOther: an agent that lives loses one connection and is
// asked by the other one.
func TestLostCarrierLeavesTheOther(t *testing.T) {
	e := newEdge(t, HubOptions{Ping: time.Hour})
	url := target1(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 100)) })
	a := startAgent(t, e, AgentOptions{Token: e.token(t, "A"), Origins: map[string]string{"A": url}})
	a.connected(t)
	a.connected(t)
	for range 20 {
		e.cut(t, carrier.HTTP2)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		body, err := get(ctx, e.Route("A"))
		cancel()
		if err != nil || len(body) != 100 {
			t.Fatalf("%d bytes, %v", len(body), err)
		}
	}
	if s := a.connected(t); s.Carrier != "h2" {
		t.Errorf("it came back by %s", s.Carrier)
	}
}

// cut ends the links of a carrier, and waits until they are gone.
func (e *edge) cut(t *testing.T, k carrier.Kind) {
	t.Helper()
	e.mu.Lock()
	var all []*Link
	for l := range e.links {
		if l.edge.Kind() == k {
			all = append(all, l)
		}
	}
	e.mu.Unlock()
	for _, l := range all {
		_ = l.edge.Close()
		select {
		case <-l.over.Done():
		case <-time.After(10 * time.Second):
			t.Fatal("a connection that was closed is still used")
		}
	}
}
