// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/bucket"
	"github.com/forelane/forelane/internal/edge"
	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/origin"
	"github.com/forelane/forelane/internal/principal"
	"github.com/forelane/forelane/internal/trace"
	"github.com/forelane/forelane/internal/viewer"
	"github.com/forelane/forelane/internal/viewer/security"
	"github.com/forelane/forelane/internal/webacl"
	"github.com/forelane/forelane/internal/zone"
)

// Snapshot is one revision of everything that is served. It is immutable; the
// count of requests that use it keeps it open.
type Snapshot struct {
	stacks  []*model.Stack
	given   []*model.Stack // without promotions
	left    []promotion    // what is in force of them, and what was
	since   time.Time
	units   []*unit
	direct  map[string]http.RoundTripper // lower-case host -> plane without an edge
	buckets []*bucket.Bucket
	origins ways
	shields *webacl.Set
	tracer  *trace.Tracer
	remote  bool // APIs and function URLs are another node's (Options.NoGateway)
	private privates
	zones   *zone.Zones
	spreads []*origin.Spread
	signers gateway.Signers             // nil: nobody signs
	mutual  map[string]*security.Mutual // how viewers are asked for certificates, by id

	background sync.WaitGroup // refreshes and fills that outlive their request

	mu      sync.Mutex
	uses    int
	retired bool
	idle    chan struct{} // closed when retired and unused
}

// resting is a transport with connections that rest.
type resting interface{ CloseIdleConnections() }

// unit is one stack, compiled.
type unit struct {
	stack   *model.Stack
	edge    *edge.Edge
	gateway *gateway.Gateway
	urls    *gateway.FunctionURLs
	edgefns *edgefunc.Set
}

// compile makes a Snapshot. What fails is closed again.
func (s *Server) compile(stacks []*model.Stack) (*Snapshot, error) {
	given := stacks
	stacks, left := s.over(given, s.promoted.all)
	snap := &Snapshot{stacks: stacks, given: given, left: left, since: time.Now(), tracer: s.tracer, remote: s.o.NoGateway, direct: map[string]http.RoundTripper{}, mutual: map[string]*security.Mutual{}, idle: make(chan struct{})}
	if err := s.compileShields(snap); err != nil {
		return nil, err
	}
	if err := s.compileZones(snap); err != nil {
		snap.close()
		return nil, err
	}
	s.compileSigners(snap)
	for _, st := range stacks {
		if err := s.compileStack(snap, st); err != nil {
			snap.close()
			return nil, err
		}
	}
	return snap, nil
}

// compileSigners binds the principals to the IAM resources of all stacks.
func (s *Server) compileSigners(snap *Snapshot) {
	if s.o.Principals == nil {
		return
	}
	d := principal.NewDirectory(snap.stacks, s.o.Principals)
	for _, note := range d.Notes() {
		s.log.Warn(note)
	}
	snap.signers = d
}

func (s *Server) compileStack(snap *Snapshot, st *model.Stack) error {
	for _, m := range st.Buckets {
		b, err := bucket.Open(m, s.written.of(s, m.Name), s.log)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Pos, err)
		}
		snap.buckets = append(snap.buckets, b)
		rest, website := bucket.Hosts(m, st.URLSuffix)
		for _, h := range rest {
			snap.direct[strings.ToLower(h)] = b
		}
		for _, h := range website {
			snap.direct[strings.ToLower(h)] = b.Website()
		}
	}
	deps := gateway.Deps{
		Invoke: s.funcs, Log: s.apiLog,
		Client:  inside{snap, origin.Client(origin.Options{Roots: s.o.Roots}), func(host string) http.RoundTripper { return s.atEndpoint(snap, st, host) }},
		Link:    func(link, target string) http.RoundTripper { return s.link(snap, st, link, target) },
		Service: func(u *model.ServiceURI) http.RoundTripper { return s.service(st, u) },
		Issuers: s.keys, Signers: snap.signers, Limits: s.kept.limits, Caches: &s.stages, KeyValue: func(k *model.APIKey) string { return s.keyValue(st.Name, k) },
		WebACL: stageShields(snap.shields, s.acls),
		Mutual: func(d *model.Domain) string { return s.domainMutual(snap, st, d) },
	}
	gw, err := gateway.Compile(st, deps)
	if err != nil {
		return err
	}
	urls, err := gateway.CompileFunctionURLs(st, deps)
	if err != nil {
		return err
	}
	set, err := edgefunc.Compile(st.EdgeFunctions, st.KeyValueStores, edgefunc.Options{Log: s.edgeLog})
	if err != nil {
		return err
	}
	for _, d := range st.Distributions {
		if len(d.Geo.Countries) > 0 && s.o.Geo == nil {
			s.log.Warn("distribution "+d.LogicalID+": geo restriction keeps nobody out, for no database tells countries: give one with --geo FILE.mmdb", "stack", st.Name)
		}
	}
	for _, note := range append(gw.Notes(), urls.Notes()...) {
		s.log.Warn(note, "stack", st.Name)
	}
	u := &unit{stack: st, gateway: gw, urls: urls, edgefns: set}
	write, placed := s.logs.Of(s.edgeOf(st), snap.stacks, s.o.Record)
	snap.units = append(snap.units, u)
	ed := edge.Deps{
		Cache:   s.cache,
		Current: s.o.Current,
		Transport: func(d *model.Distribution, o *model.Origin) (http.RoundTripper, error) {
			return s.transport(snap, st, d, o)
		},
		Made: func(d *model.Distribution, o *model.Origin) (edge.Made, error) {
			return s.made(snap, st, d, o)
		},
		Functions: edgeFunctions(set),
		WebACL:    edgeShields(snap.shields, s.acls),
		Recent:    s.recent, Invalidated: s.invalidated, Debug: s.debug,
		Record:     write,
		Realtime:   s.logs.OfBehavior,
		Placed:     func(d *model.Distribution) bool { return s.o.RecordPlace || placed[d.ID] },
		Mutual:     func(d *model.Distribution) string { return s.mutual(snap, st, d) },
		Metrics:    &s.meter,
		Trace:      s.tracer,
		Background: &snap.background,
		Place:      s.o.Geo.Find,
		Safe:       s.o.Safe,
		Warn:       func(text string) { s.log.Warn(text, "stack", st.Name) },
		HTTPSPort:  s.httpsPort(),
		HTTP3Port:  s.http3Port(),
	}
	ed.Lambda = s.funcs
	if err := errors.Join(s.joinPeers(st, &ed), s.runnable(st)); err != nil {
		return err
	}
	u.edge, err = edge.Compile(s.edgeOf(st), ed)
	return err
}

// edgeOf is what the edge is to see of a stack.
func (s *Server) edgeOf(st *model.Stack) *model.Stack {
	if !s.o.NoEdge {
		return st
	}
	none := *st
	none.Distributions = nil
	return &none
}

// serve hands one request to the plane that its Host names. With inline set it
// does not block: what is left is returned.
func (snap *Snapshot) serve(ctx context.Context, rq *httpmsg.Request, w viewer.Writer, inline bool) (rest func()) {
	host := hostname(rq.Host)
	to := snap.edgeOf(host)
	if to == nil {
		rt := snap.plane(host)
		switch {
		case rt == nil:
			unknownHost(snap, w)
			return nil
		case rq.Method == http.MethodConnect: // extended CONNECT: only an edge makes tunnels
			text(w, http.StatusNotImplemented, "Not Implemented\n")
			return nil
		}
		rq.Own()
		return orNow(inline, func() { serveDirect(ctx, snap.tracer, rt, rq, w) })
	}
	if inline {
		return to.Begin(ctx, rq, w)
	}
	to.Serve(ctx, rq, w)
	return nil
}

// edgeOf is the edge for a host: the one that knows its name, or the only one
// when nothing else does, with its only distribution or its 404. Nil: none.
func (snap *Snapshot) edgeOf(host string) *edge.Edge {
	for _, u := range snap.units {
		if u.edge.Answers(host) {
			return u.edge
		}
	}
	if len(snap.units) == 1 && snap.plane(host) == nil && !snap.units[0].owns(host) {
		return snap.units[0].edge
	}
	return nil
}

// orNow returns f for later, or runs it when there is no hurry.
func orNow(later bool, f func()) func() {
	if later {
		return f
	}
	f()
	return nil
}

// plane is what answers to a host without an edge in front: an API, a
// function URL or a bucket of one of the stacks. Nil: nothing does.
func (snap *Snapshot) plane(host string) http.RoundTripper {
	if rt := snap.direct[host]; rt != nil {
		return rt
	}
	for _, u := range snap.units {
		if snap.remote {
			break
		}
		if u.gateway.Owns(host) {
			return u.gateway
		}
		if u.urls.Owns(host) {
			return u.urls
		}
	}
	return nil
}

// allows tells whether HTTPS may be spoken under a name.
func (snap *Snapshot) allows(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || snap.plane(host) != nil {
		return true
	}
	return slices.ContainsFunc(snap.units, func(u *unit) bool { return u.edge.Answers(host) })
}

// owns tells whether a host is that of an API or a function URL of the stack,
// wherever that is served.
func (u *unit) owns(host string) bool { return u.gateway.Owns(host) || u.urls.Owns(host) }

func (snap *Snapshot) functions() []*model.Function {
	if snap.remote {
		return nil
	}
	var fns []*model.Function
	for _, st := range snap.stacks {
		fns = append(fns, st.Functions...)
	}
	return fns
}

func (snap *Snapshot) acquire() bool {
	snap.mu.Lock()
	defer snap.mu.Unlock()
	if snap.retired {
		return false
	}
	snap.uses++
	return true
}

// share is acquire for one who knows that somebody uses the snapshot, retired or
// not; false: nobody does any more.
func (snap *Snapshot) share() bool {
	snap.mu.Lock()
	defer snap.mu.Unlock()
	if snap.uses == 0 {
		return false
	}
	snap.uses++
	return true
}

func (snap *Snapshot) release() {
	snap.mu.Lock()
	defer snap.mu.Unlock()
	if snap.uses--; snap.retired && snap.uses == 0 {
		close(snap.idle)
	}
}

// retire waits until no request uses the snapshot and closes it.
func (snap *Snapshot) retire() {
	snap.mu.Lock()
	snap.retired = true
	if snap.uses == 0 {
		close(snap.idle)
	}
	snap.mu.Unlock()
	<-snap.idle
	snap.background.Wait()
	snap.close()
}

func (snap *Snapshot) close() {
	var errs []error
	for _, b := range snap.buckets {
		errs = append(errs, b.Close())
	}
	snap.origins.close()
	for _, u := range snap.units {
		if u.edge != nil {
			u.edge.CloseMade()
		}
	}
	errs = append(errs, snap.shields.Close())
	_ = errors.Join(errs...) // read-only folders: nothing is lost
}
