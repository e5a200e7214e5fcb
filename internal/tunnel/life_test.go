// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/tunnel/carrier"
	"github.com/forelane/forelane/internal/tunnel/identity"
)

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

func TestLeastUnderWayIsTaken(t *testing.T) {
	e := newEdge(t, HubOptions{})
	url := target1(t, hello)
	for range 3 {
		startAgent(t, e, AgentOptions{Token: e.token(t, "A"), Origins: map[string]string{"A": url}, Carrier: OnlyTCP}).connected(t)
	}
	e.serves(t, "A", 3)
	r := e.Route("A")
	taken := map[*Link]int{}
	var ends []func(int64)
	for range 30 {
		w, done, err := r.Take(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		taken[w.link]++
		ends = append(ends, done)
	}
	for l, n := range taken {
		if n != 10 {
			t.Errorf("agent %s has %d of 30 requests", l.id, n)
		}
	}
	first := ends[0]
	ends = ends[1:]
	var freed *Link
	before := map[*Link]int{}
	for l := range taken {
		before[l], _, _ = l.load()
	}
	first(0)
	for l := range taken {
		if n, _, _ := l.load(); n < before[l] {
			freed = l
		}
	}
	w, done, err := r.Take(t.Context(), nil)
	if err != nil || w.link != freed {
		t.Errorf("the agent with the fewest was not taken: %v", err)
	}
	ends = append(ends, done)
	for _, done := range ends {
		done(0)
	}
	tried := []Way{}
	for range 3 {
		w, done, err := r.Take(t.Context(), tried)
		if err != nil {
			t.Fatal(err)
		}
		done(0)
		tried = append(tried, w)
	}
	if _, _, err := r.Take(t.Context(), tried); !isNoAgent(err) {
		t.Errorf("all were tried: %v", err)
	}
}

func TestMoreExactNameFirst(t *testing.T) {
	e := newEdge(t, HubOptions{Patience: -1})
	whole := target1(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "whole") })
	port := target1(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "port") })
	startAgent(t, e, AgentOptions{Token: e.token(t, "Link"), Origins: map[string]string{"Link": whole}}).connected(t)
	e.serves(t, "Link", 1)
	r := e.Route("Link:8081", "Link")
	if body, err := get(t.Context(), r); body != "whole" {
		t.Errorf("%q, %v", body, err)
	}
	a := startAgent(t, e, AgentOptions{Token: e.token(t, "Link:8081"), Origins: map[string]string{"Link:8081": port}})
	a.connected(t)
	e.serves(t, "Link:8081", 1)
	if body, err := get(t.Context(), r); body != "port" {
		t.Errorf("%q, %v", body, err)
	}
}

func TestOnlyNamesOfTheToken(t *testing.T) {
	e := newEdge(t, HubOptions{Patience: -1})
	url := target1(t, hello)
	a := startAgent(t, e, AgentOptions{Token: e.token(t, "A"), Origins: map[string]string{"A": url, "B": url}})
	a.connected(t)
	e.serves(t, "A", 1)
	if n := e.Serving("B"); n != 0 {
		t.Errorf("%d agents serve what their token does not name", n)
	}
	// On a stream of A the edge cannot be made to reach B, nor an agent what it
	// does not serve.
	w, done, err := e.Route("A").Take(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer done(0)
	var de *DialError
	if _, err := w.link.Dial(t.Context(), "C"); !errors.As(err, &de) || de.Refusal != RefusedUnknown {
		t.Errorf("%v", err)
	}
}

func TestTokens(t *testing.T) {
	e := newEdge(t, HubOptions{})
	run := func(token string) error {
		a, err := NewAgent(AgentOptions{To: e.addr, Dir: t.TempDir(), Token: token, Origins: map[string]string{"A": "http://127.0.0.1:1"}, Carrier: OnlyTCP})
		if err != nil {
			t.Fatal(err)
		}
		return a.join(t.Context(), token)
	}
	once := e.token(t, "A")
	_, many, err := e.Issue([]string{"A"}, time.Hour, true)
	if err != nil {
		t.Fatal(err)
	}
	id, taken, err := e.Issue([]string{"A"}, time.Hour, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Revoke(id); err != nil {
		t.Fatal(err)
	}
	other := newEdge(t, HubOptions{})
	forged, _ := identity.ParseToken(e.token(t, "A"))
	forged.Secret[0]++
	for _, tt := range []struct {
		name, token, want string
	}{
		{"the first time", once, ""},
		{"the second time", once, "refuses"},
		{"reusable", many, ""},
		{"reusable again", many, ""},
		{"revoked", taken, "refuses"},
		{"another secret", forged.String(), "refuses"},
		{"of another edge", other.token(t, "A"), "not the one that issued"},
		{"none", "", "refuses"},
		{"not a token", "flt1.abc", "no token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var err error
			if tt.token == "" { // it trusts whom it is told to
				a, _ := NewAgent(AgentOptions{To: e.addr, Dir: t.TempDir(), Origins: map[string]string{"A": "http://127.0.0.1:1"}})
				conf := identity.JoinTLS(forged, alpnJoin)
				conn, shut, derr := a.dialJoin(t.Context(), conf)
				if derr != nil {
					t.Fatal(derr)
				}
				defer shut()
				var rs joinAnswer
				_, csr, _ := a.member.Request()
				err = errors.Join(writeJSON(conn, joinRequest{Request: csr}), readJSON(conn, &rs))
				if err == nil {
					err = errors.New(rs.Error)
				}
			} else {
				err = run(tt.token)
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, _, err := e.Issue([]string{"a b"}, time.Hour, false); err == nil {
		t.Error("a token for a name with a space")
	}
}

func TestRevokedIsCut(t *testing.T) {
	e := newEdge(t, HubOptions{Patience: -1})
	a := startAgent(t, e, AgentOptions{Token: e.token(t, "A"), Origins: map[string]string{"A": target1(t, hello)}})
	id := a.connected(t).Agent
	e.serves(t, "A", 1)
	if err := e.Revoke(id); err != nil {
		t.Fatal(err)
	}
	e.serves(t, "A", 0)
	if _, err := get(t.Context(), e.Route("A")); !isNoAgent(err) {
		t.Errorf("%v", err)
	}
	for s := range a.states { // it is told so, again and again
		if s.Err != nil && !s.Connected {
			break
		}
	}
	if n := e.Serving("A"); n != 0 {
		t.Errorf("%d", n)
	}
}

// TestIdentityIsKept: an agent comes back with its certificate, and the roll
// outlives the hub.
func TestIdentityIsKept(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	e := newEdge(t, HubOptions{Dir: dir})
	o := AgentOptions{Dir: data, Token: e.token(t, "A"), Origins: map[string]string{"A": target1(t, hello)}}
	a := startAgent(t, e, o)
	id := a.connected(t).Agent
	if err := a.halt(); err != nil {
		t.Fatal(err)
	}
	o.Token = ""
	again := newEdge(t, HubOptions{Dir: dir})
	b := startAgent(t, again, o)
	if got := b.connected(t).Agent; got != id {
		t.Errorf("agent %s has become %s", id, got)
	}
	again.serves(t, "A", 1)
	if err := b.join(t.Context(), ""); err != nil {
		t.Errorf("renewing: %v", err)
	}
}

// TestDrainedAgentLosesNothing: requests under way finish, new ones go to the
// other agent.
func TestDrainedAgentLosesNothing(t *testing.T) {
	for _, tt := range carriers {
		t.Run(tt.name, func(t *testing.T) {
			e := newEdge(t, HubOptions{})
			arrived, release := make(chan struct{}), make(chan struct{})
			slow := target1(t, func(w http.ResponseWriter, _ *http.Request) {
				close(arrived)
				<-release
				_, _ = io.WriteString(w, "slow")
			})
			a := startAgent(t, e, AgentOptions{Token: e.token(t, "A"), Origins: map[string]string{"A": slow}, Carrier: tt.choice})
			a.connected(t)
			e.serves(t, "A", 1)
			got := make(chan string, 1)
			go func() {
				body, err := get(t.Context(), e.Route("A"))
				if err != nil {
					body = err.Error()
				}
				got <- body
			}()
			<-arrived
			a.stop()
			e.serves(t, "A", 0)
			close(release)
			if body := <-got; body != "slow" {
				t.Errorf("the request under way got %q", body)
			}
			if err := a.halt(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHubThatRetires: the agent dials anew; here there is nobody, but what is
// under way finishes.
func TestHubThatRetires(t *testing.T) {
	e := newEdge(t, HubOptions{})
	arrived, release := make(chan struct{}), make(chan struct{})
	a := startAgent(t, e, AgentOptions{Token: e.token(t, "A"), Carrier: OnlyTCP, Origins: map[string]string{"A": target1(t, func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		_, _ = io.WriteString(w, "slow")
	})}})
	a.connected(t)
	e.serves(t, "A", 1)
	got := make(chan string, 1)
	go func() {
		body, err := get(t.Context(), e.Route("A"))
		if err != nil {
			body = err.Error()
		}
		got <- body
	}()
	<-arrived
	if err := e.Retire(); err != nil {
		t.Fatal(err)
	}
	for s := range a.states { // it has tried
		if s.Err != nil {
			break
		}
	}
	close(release)
	if body := <-got; body != "slow" {
		t.Errorf("the request under way got %q", body)
	}
}

// TestSilentAgentIsOut: one that answers no pings is asked for nothing, then cut.
func TestSilentAgentIsOut(t *testing.T) {
	e := newEdge(t, HubOptions{Ping: 20 * time.Millisecond, Patience: -1})
	m, err := identity.OpenMember(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	helper := &Agent{o: AgentOptions{To: e.addr}, member: m}
	if err := helper.join(t.Context(), e.token(t, "A")); err != nil {
		t.Fatal(err)
	}
	c, err := carrier.DialQUIC(t.Context(), e.addr, m.TLS(alpnTunnel))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Serve(func(s carrier.Stream) {
			if m, err := readMessage(s); err != nil || m.kind != kindControl {
				return
			}
			_ = writeMessage(s, helloMessage([]string{"A"}))
			_, _ = io.Copy(io.Discard, s) // pings, and no word
		})
	}()
	out := false
	for !out {
		select {
		case <-ended: // cut, so it was out before
			out = true
		case <-time.After(10 * time.Second):
			t.Fatal("an agent that does not answer is still asked")
		default:
			_, done, err := e.Route("A").Take(t.Context(), nil)
			if err == nil {
				done(0)
			}
			out = isNoAgent(err) && len(e.Agents()[0].Links) == 1
		}
	}
	<-ended
	_ = c.Close()
	e.serves(t, "A", 0)
}

// TestTargetThatIsNotThere: the reason comes back, and is a failure to connect.
func TestTargetThatIsNotThere(t *testing.T) {
	e := newEdge(t, HubOptions{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + ln.Addr().String()
	_ = ln.Close()
	for _, tt := range carriers {
		name := strings.ToUpper(tt.name)
		startAgent(t, e, AgentOptions{Token: e.token(t, name), Origins: map[string]string{name: url}, Carrier: tt.choice}).connected(t)
		e.serves(t, name, 1)
		_, err := get(t.Context(), e.Route(name))
		var op *net.OpError
		var de *DialError
		if !errors.As(err, &op) || op.Op != "dial" || !errors.As(err, &de) || de.Refusal != RefusedTarget || strings.Contains(err.Error(), ln.Addr().String()) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestManyStreams: large bodies both ways at once, more streams than windows.
func TestManyStreams(t *testing.T) {
	e := newEdge(t, HubOptions{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var echoes sync.WaitGroup
	echoes.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			echoes.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		echoes.Wait()
	})
	for _, tt := range carriers {
		t.Run(tt.name, func(t *testing.T) {
			startAgent(t, e, AgentOptions{Token: e.token(t, tt.name), Origins: map[string]string{tt.name: "http://" + ln.Addr().String()}, Carrier: tt.choice}).connected(t)
			e.serves(t, tt.name, 1)
			var all sync.WaitGroup
			for i := range 20 {
				all.Go(func() {
					if err := echo(t.Context(), e.Route(tt.name), i); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		})
	}
}

func echo(ctx context.Context, r *Route, i int) error {
	w, done, err := r.Take(ctx, nil)
	if err != nil {
		return err
	}
	defer done(0)
	c, err := w.Dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	const size = 1 << 20
	sent := make(chan error, 1)
	go func() {
		buf := make([]byte, 4096)
		for at := 0; at < size; at += len(buf) {
			for k := range buf {
				buf[k] = byte(at>>12 + k + i)
			}
			if _, err := c.Write(buf); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	buf := make([]byte, 4096)
	for at := 0; at < size; at += len(buf) {
		if _, err := io.ReadFull(c, buf); err != nil {
			return fmt.Errorf("at %d: %w", at, err)
		}
		for k := range buf {
			if buf[k] != byte(at>>12+k+i) {
				return fmt.Errorf("a wrong byte at %d", at+k)
			}
		}
	}
	return <-sent
}
