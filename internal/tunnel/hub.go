// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/tunnel/carrier"
	"github.com/forelane/forelane/internal/tunnel/identity"
)

// HubOptions are what a Hub needs. Zero values are usable but for Dir.
type HubOptions struct {
	Dir string // of the authority and the roll
	// Ping is how often agents are pinged; one that leaves two pings
	// unanswered is asked for nothing, one that leaves five is cut. 0: 2 s.
	Ping time.Duration
	// Patience is how long a request waits for an agent to come back, of an
	// origin that had one less than a minute ago. 0: 3 s; below zero: not at all.
	Patience time.Duration
	Log      *slog.Logger // nil: dropped
}

// Bounds of a Hub.
const (
	maxLinks      = 1024 // connections of agents
	maxOfAgent    = 4    // of one agent, by two carriers: it may dial anew before it lets go
	maxHandshakes = 128  // under way over TCP; others wait in the socket's queue
	maxJoins      = 64   // that ask for a certificate at once; others are closed
	shakeTime     = 5 * time.Second
)

// Hub is the edge's end: it takes agents in and knows which serve what.
type Hub struct {
	o         HubOptions
	log       *slog.Logger
	authority *identity.Authority

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup
	shaking chan struct{} // a place for each handshake

	mu      sync.Mutex
	closed  bool
	tcp     net.Listener
	udp     *carrier.Listener
	links   map[*Link]struct{}
	lost    map[string]time.Time // when an origin's last agent went
	changed chan struct{}        // closed when links have changed
	refused atomic.Int64
	joins   atomic.Int64
}

// OpenHub opens the authority in Dir and listens on nothing yet.
func OpenHub(o HubOptions) (*Hub, error) {
	if o.Ping == 0 {
		o.Ping = 2 * time.Second
	}
	if o.Patience == 0 {
		o.Patience = 3 * time.Second
	}
	h := &Hub{o: o, log: o.Log, links: map[*Link]struct{}{}, lost: map[string]time.Time{}, changed: make(chan struct{}), shaking: make(chan struct{}, maxHandshakes)}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if h.authority, err = identity.Open(o.Dir, nil); err != nil {
		return nil, err
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h, nil
}

// tls is the edge's side of a handshake: TLS 1.3, and a certificate of the
// authority for everything but joining.
func (h *Hub) tls() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{alpnTunnel, alpnJoin},
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: h.authority.Pool(), SessionTicketsDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return h.authority.Edge() },
	}
}

// ServeTCP accepts agents over TLS until Close; ln is the Hub's from now on.
func (h *Hub) ServeTCP(ln net.Listener) error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return ln.Close()
	}
	h.tcp = ln
	h.mu.Unlock()
	conf := h.tls()
	for {
		select {
		case h.shaking <- struct{}{}:
		case <-h.ctx.Done():
			return nil
		}
		c, err := ln.Accept()
		if err != nil {
			<-h.shaking
			if h.ended() {
				return nil
			}
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				continue
			}
			return err
		}
		if !h.begin(func() { h.shake(carrier.Server(c, conf)) }) {
			<-h.shaking
			_ = c.Close()
		}
	}
}

func (h *Hub) ended() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed
}

// begin runs f, unless the Hub is closed.
func (h *Hub) begin(f func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.running.Go(f)
	return true
}

// shake greets one TLS connection.
func (h *Hub) shake(c *carrier.TLS) {
	ctx, cancel := context.WithTimeout(h.ctx, shakeTime)
	err := c.HandshakeContext(ctx)
	cancel()
	<-h.shaking
	if err != nil {
		_ = c.Close()
		h.refuse("a handshake failed", c.RemoteAddr(), err)
		return
	}
	defer context.AfterFunc(h.ctx, func() { _ = c.Close() })()
	state := c.ConnectionState()
	if state.NegotiatedProtocol == alpnJoin {
		h.welcome(state, func() (net.Conn, error) { return c, nil })
		_ = c.Close()
		return
	}
	h.take(state, c.RemoteAddr(), func() (carrier.Edge, error) { return carrier.OverTLS(h.ctx, c) }, func() { _ = c.Close() })
}

// ServeQUIC accepts agents over QUIC until Close; pc is the Hub's from now on.
func (h *Hub) ServeQUIC(pc net.PacketConn) error {
	ln, err := carrier.ListenQUIC(pc, h.tls())
	if err != nil {
		return err
	}
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return ln.Close()
	}
	h.udp = ln
	h.mu.Unlock()
	for {
		c, err := ln.Accept(h.ctx)
		if err != nil {
			if h.ended() {
				return nil
			}
			return err
		}
		if !h.begin(func() { h.greet(c) }) {
			_ = c.Close()
		}
	}
}

// greet takes one QUIC connection.
func (h *Hub) greet(c *carrier.Conn) {
	state := c.State()
	if state.NegotiatedProtocol == alpnJoin {
		ctx, cancel := context.WithTimeout(h.ctx, joinTime)
		defer cancel()
		h.welcome(state, func() (net.Conn, error) { return c.Join(ctx) })
		_ = c.Close()
		return
	}
	h.take(state, c.Remote(), func() (carrier.Edge, error) { return c, nil }, func() { _ = c.Close() })
}

// welcome takes a request to join, unless there are too many.
func (h *Hub) welcome(s tls.ConnectionState, open func() (net.Conn, error)) {
	if h.joins.Add(1) <= maxJoins {
		if c, err := open(); err == nil {
			h.admit(c, agentID(s))
		}
	} else {
		h.refused.Add(1)
	}
	h.joins.Add(-1)
}

// agentID is the one of the certificate that was shown and checked; empty: none.
func agentID(s tls.ConnectionState) string {
	if len(s.VerifiedChains) == 0 {
		return ""
	}
	return s.PeerCertificates[0].Subject.CommonName
}

func (h *Hub) refuse(what string, from net.Addr, err error) {
	h.refused.Add(1)
	h.log.Warn("tunnel: "+what, "from", from.String(), "err", err)
}

// take makes a link of a connection that has shown who it is, and stays with it
// until it ends.
func (h *Hub) take(s tls.ConnectionState, from net.Addr, open func() (carrier.Edge, error), shut func()) {
	id := agentID(s)
	if s.NegotiatedProtocol != alpnTunnel || id == "" {
		shut()
		h.refuse("a connection without a certificate of this node", from, identity.ErrRefused)
		return
	}
	allowed, err := h.authority.Names(id)
	if err == nil {
		err = h.room(id)
	}
	if err != nil {
		shut()
		h.refuse("an agent was not let in", from, err)
		return
	}
	edge, err := open()
	if err != nil {
		shut()
		h.refuse("an agent's connection cannot be used", from, err)
		return
	}
	l := newLink(h, edge, id, allowed)
	defer l.close()
	if err := l.run(h.ctx); err != nil && h.ctx.Err() == nil {
		h.log.Warn("tunnel: lost a connection", "agent", id, "from", from.String(), "carrier", edge.Kind().String(), "err", err)
		h.doubt(l)
	}
}

// doubt has the agent asked on its other connections whether it is still there.
func (h *Hub) doubt(lost *Link) {
	h.mu.Lock()
	var others []*Link
	for l := range h.links {
		if l.id == lost.id && l != lost {
			others = append(others, l)
		}
	}
	h.mu.Unlock()
	for _, l := range others {
		l.doubt()
	}
}

// room tells whether one more connection of an agent may be taken.
func (h *Hub) room(id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.links) >= maxLinks {
		return fmt.Errorf("%d agents are connected", len(h.links))
	}
	same := 0
	for l := range h.links {
		if l.id == id {
			same++
		}
	}
	if same >= maxOfAgent {
		return fmt.Errorf("agent %s is connected %d times", id, same)
	}
	return nil
}

// add and remove tell those who wait for an agent. h.mu is not held.
func (h *Hub) add(l *Link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.links[l] = struct{}{}
	h.notify()
}

func (h *Hub) remove(l *Link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.links[l]; !ok {
		return
	}
	delete(h.links, l)
	now := time.Now()
	for _, n := range l.names {
		h.lost[n] = now
	}
	if len(h.lost) > 4*maxNames*maxLinks { // names are the roll's, which are bounded too
		clear(h.lost)
	}
	h.notify()
}

func (h *Hub) notify() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// Issue makes a token, once to be used unless it is reusable.
func (h *Hub) Issue(names []string, life time.Duration, reusable bool) (id, token string, err error) {
	if len(names) == 0 || len(names) > maxNames {
		return "", "", fmt.Errorf("a token is for 1 to %d origins", maxNames)
	}
	for _, n := range names {
		if !ValidName(n) {
			return "", "", fmt.Errorf("%q is no name of an origin: letters, digits and . _ - : / within %d", n, maxName)
		}
	}
	if life <= 0 || life > 365*24*time.Hour {
		return "", "", errors.New("a token lives for a second to a year")
	}
	t, err := h.authority.Issue(slices.Clone(names), life, reusable)
	return t.ID, t.String(), err
}

// Revoke takes a token or an agent back; connections of the agent are cut.
func (h *Hub) Revoke(id string) error {
	if err := h.authority.Revoke(id); err != nil {
		return err
	}
	h.mu.Lock()
	var cut []*Link
	for l := range h.links {
		if l.id == id {
			cut = append(cut, l)
		}
	}
	h.mu.Unlock()
	for _, l := range cut {
		_ = l.edge.Close()
	}
	return nil
}

// Retire accepts no more agents and tells those there are to dial anew: another
// process may have the address. What is under way, and what begins meanwhile,
// goes on until Close.
func (h *Hub) Retire() error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil
	}
	h.closed = true
	tcp, links := h.tcp, h.list()
	h.mu.Unlock()
	for _, l := range links {
		l.dismiss()
	}
	if tcp != nil {
		if err := tcp.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
	}
	return nil
}

// list are the links. h.mu is held.
func (h *Hub) list() []*Link { return slices.Collect(maps.Keys(h.links)) }

// Close waits until no request is under way or ctx ends, and closes everything.
func (h *Hub) Close(ctx context.Context) error {
	err := h.Retire()
	h.mu.Lock()
	udp, links := h.udp, h.list()
	h.mu.Unlock()
	for _, l := range links {
		l.end()
		l.idle(ctx)
	}
	h.cancel()
	for _, l := range links {
		_ = l.edge.Close() // it may have ended by itself
	}
	if udp != nil {
		_ = udp.Close() // as above
	}
	h.running.Wait()
	return err
}
