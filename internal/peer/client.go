// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Members tells who is there.
type Members interface {
	// Nodes are the nodes of the region that are live, this one among them if it
	// takes part. What it returns is not changed.
	Nodes() []Node
}

// Static is Members that never change.
type Static []Node

// Nodes are those.
func (s Static) Nodes() []Node { return s }

// Options of a Set.
type Options struct {
	// Self is the name of this node. Required.
	Self    string
	Members Members
	// Identity is how nodes know each other. Required.
	Identity Identity
	// Patience is how long an owner may take to say that it takes a question,
	// the connection included. 0: 500 ms.
	Patience time.Duration
	// Log takes what an operator should know. Nil: dropped.
	Log *slog.Logger
}

// Set asks the peers of a node. Make it with New; Close it.
type Set struct {
	o      Options
	health health
	out    *http.Transport
	n      counters
	turn   atomic.Uint64 // of errands
}

type counters struct{ asked, refused, failed atomic.Uint64 }

// Stats are counters since the start.
type Stats struct {
	Asked   uint64 // answers from peers
	Refused uint64 // the owner had another revision, or was behind
	Failed  uint64 // the owner could not be reached, or broke off
}

// Stats gathers them.
func (s *Set) Stats() Stats {
	return Stats{s.n.asked.Load(), s.n.refused.Load(), s.n.failed.Load()}
}

// New makes a Set.
func New(o Options) *Set {
	if o.Patience <= 0 {
		o.Patience = 500 * time.Millisecond
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := new(http.Protocols)
	p.SetHTTP2(true)
	s := &Set{o: o}
	s.out = &http.Transport{
		Protocols: p, DisableCompression: true, IdleConnTimeout: time.Minute,
		MaxConnsPerHost: 2, // a burst at the start would make one each
		DialTLSContext:  s.dial,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: 5 * time.Second, PingTimeout: 5 * time.Second,
			MaxReceiveBufferPerConnection: 16 << 20, MaxReceiveBufferPerStream: 1 << 20,
		},
	}
	return s
}

// Close lets the connections go.
func (s *Set) Close() { s.out.CloseIdleConnections() }

// dial connects to a node, whose certificate must be for its name. The Host of a
// request is the name; the address is in its context.
func (s *Set) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	to := ""
	for _, n := range s.o.Members.Nodes() {
		if n.Name == name {
			to = n.Addr
		}
	}
	if to == "" {
		return nil, fmt.Errorf("peer: %s is no member", name)
	}
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: s.o.Patience}, Config: s.o.Identity.client(name)}
	return d.DialContext(ctx, network, to)
}

// Ask asks the owner of key. Without an error and an answer the caller is to
// ask the origin: it owns the key itself, is alone, or the owner would not.
func (s *Set) Ask(ctx context.Context, key []byte, q *Question) (*Answer, error) {
	nodes := s.o.Members.Nodes()
	now := time.Now()
	at := Pick(nodes, key, func(n Node) bool { return n.Name != s.o.Self && s.health.out(n.Name, now) })
	if at < 0 || nodes[at].Name == s.o.Self {
		return nil, nil
	}
	to := nodes[at].Name
	a, err := s.ask(ctx, to, q)
	switch {
	case err == nil && a != nil:
		s.health.worked(to)
		s.n.asked.Add(1)
		a.From = to
	case err == nil:
		s.health.worked(to)
		s.n.refused.Add(1)
	case ctx.Err() != nil: // nobody wants the answer: it says nothing of the node
		s.health.worked(to)
		return nil, ctx.Err()
	default:
		if !errors.Is(err, errBroke) { // the node took the question: it lives
			s.health.failed(to, time.Now())
		}
		s.n.failed.Add(1)
		s.o.Log.Warn("a peer did not answer: the origin is asked", "peer", to, "error", err)
		return nil, nil
	}
	return a, nil
}

// ask sends one question; no answer and no error: it was refused.
func (s *Set) ask(ctx context.Context, to string, q *Question) (*Answer, error) {
	b, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+to+":1"+path, bytes.NewReader(b))
	if err != nil {
		cancel(nil)
		return nil, err
	}
	late := time.AfterFunc(s.o.Patience, func() { cancel(errSilent) })
	rs, err := s.out.RoundTrip(rq)
	if !late.Stop() && err == nil {
		rs.Body.Close()
		err = errSilent
	}
	if err != nil {
		cancel(nil)
		return nil, err
	}
	if rs.StatusCode == http.StatusConflict {
		rs.Body.Close()
		cancel(nil)
		return nil, nil
	}
	if rs.StatusCode != http.StatusOK {
		rs.Body.Close()
		cancel(nil)
		return nil, fmt.Errorf("peer: status %d", rs.StatusCode)
	}
	h, err := readHead(rs.Body)
	if err != nil {
		rs.Body.Close()
		cancel(nil)
		return nil, fmt.Errorf("%w: %w", errBroke, err)
	}
	return &Answer{Head: h, Body: &answerBody{rs.Body, cancel}}, nil
}

var (
	errSilent = errors.New("peer: silent")
	errBroke  = errors.New("peer: broke off before the head of its answer")
)

// answerBody ends its request when it is closed.
type answerBody struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

// Close ends the request, if it has not ended.
func (b *answerBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}
