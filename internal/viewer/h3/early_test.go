// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/forelane/forelane/internal/viewer/engine"
)

// replayer is a network between viewer and Listener: it records what the
// viewer sends, and can send it again from another port.
type replayer struct {
	net.PacketConn
	mu   sync.Mutex
	sent [][]byte
	mute bool // what comes back is dropped: the viewer's handshake cannot complete
}

func (r *replayer) WriteTo(p []byte, to net.Addr) (int, error) {
	r.mu.Lock()
	r.sent = append(r.sent, append([]byte(nil), p...))
	r.mu.Unlock()
	return r.PacketConn.WriteTo(p, to)
}

func (r *replayer) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := r.PacketConn.ReadFrom(p)
		r.mu.Lock()
		mute := r.mute
		r.mu.Unlock()
		if err != nil || !mute {
			return n, from, err
		}
	}
}

func (r *replayer) packets() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([][]byte(nil), r.sent...)
}

// ticket visits once, so that the next visit can begin with early data.
func (r *rig) ticket(secure *tls.Config) {
	r.t.Helper()
	got := make(chan struct{}, 8)
	cache := secure.ClientSessionCache
	secure.ClientSessionCache = told{cache, got}
	qc, err := quic.DialAddr(r.t.Context(), r.addr.String(), secure, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	select {
	case <-got:
	case <-time.After(5 * time.Second):
		r.t.Fatal("no session ticket")
	}
	_ = qc.CloseWithError(0x100, "")
	secure.ClientSessionCache = cache
}

// told tells when a ticket was put into a cache.
type told struct {
	tls.ClientSessionCache
	got chan struct{}
}

func (c told) Put(key string, s *tls.ClientSessionState) {
	c.ClientSessionCache.Put(key, s)
	c.got <- struct{}{}
}

// earlyVisit begins a connection whose handshake does not complete, and sends
// requests as early data.
func (r *rig) earlyVisit(secure *tls.Config, requests ...string) (*replayer, *quic.Transport, []*quic.Stream) {
	r.t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	way := &replayer{PacketConn: pc, mute: true}
	tr := &quic.Transport{Conn: way}
	r.t.Cleanup(func() {
		_ = tr.Close()
		_ = pc.Close()
	})
	qc, err := tr.DialEarly(r.t.Context(), r.addr, secure, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	var streams []*quic.Stream
	for _, b := range requests {
		str, err := qc.OpenStream()
		if err != nil {
			r.t.Fatal(err)
		}
		if _, err := str.Write([]byte(b)); err != nil {
			r.t.Fatal(err)
		}
		_ = str.Close()
		streams = append(streams, str)
	}
	return way, tr, streams
}

// RFC 8470: what came in early data is served when it is safe, marked as such,
// and sent back to come again (425) when it is not. Once the handshake is
// complete everything is served.
func TestEarlyData(t *testing.T) {
	r := serve(t, echo, engine.Limits{})
	secure := clientTLS()
	secure.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	r.ticket(secure)
	way, _, streams := r.earlyVisit(secure,
		get("GET", "/a", "early-data", "0"), get("HEAD", "/b"), get("POST", "/c")+frame(frameData, "x"), get("DELETE", "/d"))
	r.untilSeen(4)
	way.mu.Lock()
	way.mute = false
	way.mu.Unlock()
	for i, want := range []string{"200", "200", "425", "425"} {
		a := readAnswer(streams[i])
		if a.String() != want || i == 0 && a.body != "GET https a /a  HTTP/3.0\nearly-data=1" {
			t.Errorf("request %d: %v %q", i, a, a.body)
		}
	}
	p := r.dial()
	if a := p.ask(get("POST", "/c") + frame(frameData, "x")); a.String() != "200" || strings.Contains(a.body, "early-data") {
		t.Errorf("after the handshake: %v %q", a, a.body)
	}
}

// An attacker records the first packets of a visit and sends them again, to
// another node that has the same keys: the POST in them reaches no Handler.
func TestAReplayOfEarlyData(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	r := serve(t, counting(&mu, seen), engine.Limits{})
	secure := clientTLS()
	secure.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	r.ticket(secure)
	way, _, _ := r.earlyVisit(secure, get("GET", "/a"), get("POST", "/pay")+frame(frameData, "1"))
	r.untilSeen(2)
	second := serveBy(t, counting(&mu, seen), engine.Limits{}, r.l.opts.TLS)
	attacker, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer attacker.Close()
	for _, p := range way.packets() {
		if _, err := attacker.WriteTo(p, second.addr); err != nil {
			t.Fatal(err)
		}
	}
	second.untilSeen(2)
	second.untilIdle()
	mu.Lock()
	defer mu.Unlock()
	if fmt.Sprint(seen) != "map[GET early:2]" {
		t.Errorf("the Handlers saw %v", seen)
	}
}

// Tickets are sealed by keys that rotate, also while each connection has a
// configuration of its own.
func TestTicketsOutliveTheirFirstDay(t *testing.T) {
	certs := httptest.NewTLSServer(http.NotFoundHandler())
	certs.Close()
	var later atomic.Int64
	certs.TLS.Time = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	r := serveBy(t, echo, engine.Limits{}, certs.TLS)
	r.breathe()
	later.Store(int64(30 * time.Hour))
	secure := clientTLS()
	secure.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	r.ticket(secure)
	qc, err := quic.DialAddrEarly(t.Context(), r.addr.String(), secure, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = qc.CloseWithError(0x100, "") }()
	<-qc.HandshakeComplete()
	if !qc.ConnectionState().Used0RTT {
		t.Error("the ticket was not taken")
	}
}

// A configuration that is chosen by the server name is made one for QUIC too.
func TestChosenConfigurations(t *testing.T) {
	chosen := &tls.Config{}
	base := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return chosen, nil }}
	c, err := secured(base).GetConfigForClient(nil)
	if err != nil || c == chosen || strings.Join(c.NextProtos, " ") != "h3" || c.MinVersion != tls.VersionTLS13 {
		t.Errorf("%v %v", c, err)
	}
}

// breathe lets a moment pass without a sleep: a round trip of a connection.
func (r *rig) breathe() {
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
	defer cancel()
	qc, err := quic.DialAddr(ctx, r.addr.String(), clientTLS(), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = qc.CloseWithError(0x100, "")
}

// untilSeen waits until n request streams have been opened on one connection.
func (r *rig) untilSeen(n int) {
	r.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		r.l.mu.Lock()
		most := 0
		for c := range r.l.conns {
			c.mu.Lock()
			most = max(most, int(c.next/4))
			c.mu.Unlock()
		}
		r.l.mu.Unlock()
		if most >= n {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%d streams seen, want %d", most, n)
		}
		r.breathe()
	}
}

// untilIdle waits until no request is under way.
func (r *rig) untilIdle() {
	r.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		r.l.mu.Lock()
		running := 0
		for c := range r.l.conns {
			c.mu.Lock()
			running += len(c.active)
			c.mu.Unlock()
		}
		r.l.mu.Unlock()
		if running == 0 {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%d requests are still under way", running)
		}
		r.breathe()
	}
}
