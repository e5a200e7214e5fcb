// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/peer"
	"github.com/forelane/forelane/internal/trace"
)

// An edge without a gateway (Options.NoGateway) asks other nodes for the APIs
// and function URLs of its stacks, by errands (package peer). What the gateway
// says of who asked comes along in a field of its answer, as it does within a
// process: so a personal answer is not shared.
//
// Both nodes must have the same revision of the stack. A deploy reaches them one
// after the other: who asks with a newer revision asks again for a moment
// (peer.Set.Carry), and a request that began on an edge's older one is answered
// by the revision that was in force here until now, for elderTime.

// elderTime is for how long a revision answers errands after the next one.
const elderTime = 5 * time.Second

// errand is the way to a plane of another node.
type errand struct {
	s        *Server
	stack    string
	revision string
	private  bool
	signer   string // empty: nobody
}

// elsewhere is the way to what another node answers for; nil: the host is of
// none of the stacks' APIs and function URLs. private asks by an interface
// endpoint.
func (s *Server) elsewhere(snap *Snapshot, host string, private bool) (http.RoundTripper, error) {
	if !s.o.NoGateway {
		return nil, nil
	}
	for _, u := range snap.units {
		if private && u.gateway.Private(host) || !private && (u.gateway.Owns(host) || u.urls.Owns(host)) {
			if s.gateways == nil {
				return nil, fmt.Errorf("%s is answered by a gateway, which this node is not, and it knows no other (peers.gateways)", host)
			}
			return errand{s: s, stack: u.stack.Name, revision: revisionOf(u.stack), private: private}, nil
		}
	}
	return nil, nil
}

// runnable refuses Lambda@Edge where there are no functions: it runs beside the
// edge, and is not sent on errands.
func (s *Server) runnable(st *model.Stack) error {
	if !s.o.NoGateway || s.o.NoEdge {
		return nil
	}
	for _, d := range st.Distributions {
		for _, b := range d.Behaviors {
			if slices.ContainsFunc(b.Functions, func(f model.FunctionAssociation) bool { return f.Lambda }) {
				return fmt.Errorf("%s: behavior %s of distribution %s has Lambda@Edge, which needs the roles gateway and function on the edge itself", d.Pos, b.PathPattern, d.LogicalID)
			}
		}
	}
	return nil
}

// revisionOf names what the planes behind the edge are compiled of.
func revisionOf(st *model.Stack) string {
	if st.Revision != "" {
		return st.Revision
	}
	b, err := json.Marshal([]any{st.APIs, st.Domains, st.APIKeys, st.UsagePlans})
	if err != nil {
		return "" // structs of texts and numbers: cannot be
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// RoundTrip has another node ask.
func (t errand) RoundTrip(rq *http.Request) (*http.Response, error) {
	e := &peer.Errand{
		Stack: t.stack, Revision: t.revision, Private: t.private, Signer: t.signer,
		Method: rq.Method, Scheme: rq.URL.Scheme, Host: cmp.Or(rq.Host, rq.URL.Host), Path: cmp.Or(rq.URL.Opaque, rq.URL.EscapedPath()),
		Query: rq.URL.RawQuery, Header: rq.Header, Length: rq.ContentLength,
	}
	if span := trace.From(rq.Context()); span != nil {
		e.Trace = span.Context().W3C()
	}
	switch {
	case rq.Body == nil || rq.Body == http.NoBody:
		e.Length = 0
	case e.Length == 0: // to a RoundTripper, 0 with a body says that it is not known
		e.Length = -1
	}
	r, err := t.s.gateways.Carry(rq.Context(), e, rq.Body)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: r.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: r.Header, ContentLength: r.Length, Body: r.Body, Request: rq,
	}, nil
}

// porter does errands of other nodes by the revision that they name.
type porter struct{ s *Server }

// Errand finds the plane.
func (p porter) Errand(ctx context.Context, e *peer.Errand, body io.ReadCloser, w *peer.Writer) error {
	if p.s.o.NoGateway {
		return peer.ErrRefused
	}
	snap, rt := p.s.pinFor(e)
	if rt == nil {
		return peer.ErrRefused
	}
	defer snap.release()
	if err := w.Take(); err != nil {
		return err
	}
	if e.Signer != "" {
		ctx = gateway.WithSigner(ctx, e.Signer)
	}
	var span *trace.Span
	if e.Trace != "" { // the edge samples the request
		span = p.s.tracer.Root("errand", trace.Headers{Traceparent: e.Trace}, time.Now())
		defer span.End()
	}
	if e.Header == nil {
		e.Header = http.Header{}
	}
	rs, err := rt.RoundTrip((&http.Request{
		Method: e.Method, URL: urlOf(e), Host: e.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: e.Header, ContentLength: e.Length, Body: body,
	}).WithContext(trace.With(ctx, span)))
	if err != nil {
		return err
	}
	defer rs.Body.Close()
	if err := w.ReplyHead(&peer.ReplyHead{Status: rs.StatusCode, Length: rs.ContentLength, Header: rs.Header}); err != nil {
		return err
	}
	return stream(w, rs.Body)
}

// urlOf keeps the path as the edge sent it, whatever it is.
func urlOf(e *peer.Errand) *url.URL {
	u := &url.URL{Scheme: e.Scheme, Host: e.Host, RawQuery: e.Query, Path: e.Path}
	if p, err := url.PathUnescape(e.Path); err == nil {
		u.Path, u.RawPath = p, e.Path
		if u.EscapedPath() == e.Path {
			return u
		}
	}
	u.Path, u.RawPath = e.Path, ""
	if !strings.HasPrefix(e.Path, "//") { // an opaque part with two slashes would be an authority
		u.Opaque = e.Path
	}
	return u
}

// pinFor pins the snapshot whose revision an errand names, and finds the plane
// in it; the newest first. Nil: there is none.
func (s *Server) pinFor(e *peer.Errand) (*Snapshot, http.RoundTripper) {
	if snap := s.pin(); snap != nil {
		if rt := snap.planeFor(e); rt != nil {
			return snap, rt
		}
		snap.release()
	}
	s.elders.mu.Lock()
	defer s.elders.mu.Unlock()
	for _, snap := range slices.Backward(s.elders.all) {
		if rt := snap.planeFor(e); rt != nil && snap.share() {
			return snap, rt
		}
	}
	return nil, nil
}

// elders are the snapshots of before that still answer errands.
type elders struct {
	mu     sync.Mutex
	all    []*Snapshot
	closed bool
}

// keep has snap, which is about to retire, answer errands for a while.
func (l *elders) keep(snap *Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !snap.acquire() {
		return
	}
	l.all = append(l.all, snap)
	time.AfterFunc(elderTime, func() { l.drop(snap) })
}

func (l *elders) drop(snap *Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.all, snap); i >= 0 {
		l.all = slices.Delete(l.all, i, i+1)
		snap.release()
	}
}

// close lets go of all.
func (l *elders) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, snap := range l.all {
		snap.release()
	}
	l.all = nil
}

func (snap *Snapshot) planeFor(e *peer.Errand) http.RoundTripper {
	host := hostname(e.Host)
	for _, u := range snap.units {
		switch {
		case u.stack.Name != e.Stack || revisionOf(u.stack) != e.Revision:
		case e.Private:
			if u.gateway.Private(host) {
				return within{u.gateway, host}
			}
		case u.gateway.Owns(host):
			return u.gateway
		case u.urls.Owns(host):
			return u.urls
		}
	}
	return nil
}
