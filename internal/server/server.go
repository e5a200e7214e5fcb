// SPDX-License-Identifier: Apache-2.0

// Package server assembles a running node from models: the only place that
// sees planes, organs and listeners at once.
//
// The flow: (1) New makes what outlives every revision: cache, function
// service, logs, what requests used of their limits; (2) Apply compiles stacks into a Snapshot and swaps it in
// atomically; (3) a request is pinned to the Snapshot it began with and is
// handed to the plane that its Host names: the edge, or an API, function URL
// or bucket directly; (4) the old Snapshot is drained and closed when its last
// request has ended; (5) Close stops listeners, functions and logs.
//
// What it does not do: it reads no template and no flag, and decides nothing
// about a request but which plane it is for.
//
// Concurrency: Apply and Close exclude each other; everything else may be
// called by many at once.
package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/authorizer"
	"github.com/forelane/forelane/internal/bucket/store"
	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/cache/disk"
	"github.com/forelane/forelane/internal/edge"
	"github.com/forelane/forelane/internal/function"
	"github.com/forelane/forelane/internal/gateway/stagecache"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/invalidation"
	"github.com/forelane/forelane/internal/metrics"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/origin"
	"github.com/forelane/forelane/internal/peer"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/server/logs"
	"github.com/forelane/forelane/internal/service"
	"github.com/forelane/forelane/internal/trace"
	"github.com/forelane/forelane/internal/trace/otlp"
	"github.com/forelane/forelane/internal/tunnel"
	"github.com/forelane/forelane/internal/viewer"
	"github.com/forelane/forelane/internal/viewer/acme"
	"github.com/forelane/forelane/internal/zone"
)

// Server is one node.
type Server struct {
	o          Options
	log        *slog.Logger
	cache      *cache.Cache
	disk       *disk.Store // the cache's lower tier, or nil; with late it is set when that is done
	late       *lateDisk   // or nil
	funcs      *function.Service
	keys       *authorizer.Issuers // of tokens
	toIssuers  *http.Transport
	services   *service.Services // that integrations call
	toServices *http.Transport
	lines      *logBook
	access     *logs.Access
	logs       *logs.Edge
	meter      metrics.Registry
	apis       *apiMeters
	acls       *aclMeters
	tracer     *trace.Tracer // nil: nothing is traced
	exporter   *otlp.Exporter
	acme       *acme.Manager // set by Bind; nil: none
	gate       *viewer.Gate
	hub        *tunnel.Hub // nil without Tunnel
	kept       *keeper     // what requests used of their limits
	stages     stagecache.Node
	book       *invalidation.Book
	recent     *record.Recent   // nil: nothing is kept
	debug      *edge.DebugToken // nil: there is none
	promoted   *promotions
	peers      *peer.Set // nil: there are none
	gateways   *peer.Set // nodes that do errands; nil: there are none
	elders     elders    // snapshots of before, for errands
	names      names

	dns     atomic.Pointer[zone.Server]  // once it listens; nil: it does not
	own     atomic.Pointer[[]netip.Addr] // of viewers' listeners, for answers
	written stores                       // what was put into buckets

	keySecret func() ([]byte, error)

	figures atomic.Pointer[figures] // what meter shows of organs
	life    life

	mu        sync.Mutex     // Apply, Start and Close
	applied   []*model.Stack // as they were given, without promotions
	current   atomic.Pointer[Snapshot]
	listeners []*listener
	addrs     atomic.Pointer[map[string]string] // of listeners, by kind; set by Bind
	succeeded atomic.Bool                       // another process accepts on the listeners
	draining  sync.WaitGroup                    // old snapshots
}

// New makes a node that serves nothing yet.
func New(o Options) (*Server, error) {
	s := &Server{o: o, log: o.Log, lines: newLogBook(), gate: viewer.NewGate(o.Connections), stages: stagecache.Node{Limit: o.APICache}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.openServices(); err != nil {
		return nil, err
	}
	s.recent = record.NewRecent(o.Recent)
	if o.DebugToken != "" {
		s.debug = edge.NewDebugToken(o.DebugToken)
	}
	s.life.began = time.Now()
	s.apis, s.acls = newAPIMeters(&s.meter), newACLMeters(&s.meter)
	fo := o.Functions
	fo.Dir, fo.Metrics = o.Data, &s.meter
	fo.Log = func(l function.LogLine) {
		s.lines.add(l)
		if o.OnLogLine != nil {
			o.OnLogLine(l)
		}
	}
	s.access = logs.NewAccess(o.Data, o.Rotation, s.log)
	s.logs = logs.NewEdge(logs.EdgeOptions{
		Data: o.Data, Rotation: o.Rotation, Kinesis: o.Kinesis, Log: s.log,
		Written: func(bucket string) *store.Store { return s.written.of(s, bucket) },
	})
	if err := s.openTracer(); err != nil {
		return nil, err
	}
	funcs, err := function.New(fo)
	if err != nil {
		_ = s.tracer.Close(context.Background()) // nothing waits in it
		return nil, err
	}
	s.funcs = funcs
	s.toIssuers = origin.Client(origin.Options{Roots: o.Roots})
	s.keys = authorizer.NewIssuers(authorizer.IssuerOptions{Client: s.toIssuers, At: o.Issuers, Log: s.log})
	s.openCache()
	if err := s.openBooks(); err != nil {
		err = errors.Join(err, s.late.close(context.Background(), s.cache), s.funcs.Close(context.Background()))
		if s.disk != nil {
			err = errors.Join(err, s.disk.Close())
		}
		return nil, err
	}
	s.keySecret = sync.OnceValues(func() ([]byte, error) {
		if o.KeySecret != nil {
			return o.KeySecret, nil
		}
		return keySecret(o.Data)
	})
	s.kept = newKeeper(&o, s.log.Warn)
	s.newNames()
	s.showDNS()
	s.show()
	return s, s.openTunnel()
}

// Apply makes stacks the ones that are served. On an error what ran before
// goes on. Requests under way finish on the snapshot they began with; cached
// objects stay where their keys are unchanged.
func (s *Server) Apply(ctx context.Context, stacks []*model.Stack) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.apply(ctx, stacks)
}

// apply is Apply. The caller holds s.mu.
func (s *Server) apply(ctx context.Context, stacks []*model.Stack) error {
	next, err := s.compile(stacks)
	if err != nil {
		return err
	}
	s.access.Prepare(stacks)
	if err := s.funcs.Apply(ctx, next.functions()); err != nil {
		next.close()
		return err
	}
	return s.enforce(next, stacks)
}

// enforce makes next, which was compiled of stacks and whose functions are
// applied, what is served. The caller holds s.mu.
func (s *Server) enforce(next *Snapshot, stacks []*model.Stack) error {
	if old := s.current.Swap(next); old != nil {
		if s.o.Peers != nil && s.o.Peers.Listen != "" && !s.o.NoGateway {
			s.elders.keep(old)
		}
		s.draining.Go(old.retire)
	}
	s.manageNames(stacks)
	s.life.applied.Add(1)
	s.life.latest.Store(time.Now().UnixMilli())
	s.watch(next)
	return s.settle(next)
}

// ReopenLogs lets go of the files of access logs, which somebody has moved away.
func (s *Server) ReopenLogs() {
	s.access.Reopen()
	s.logs.Reopen()
}

// Prepare builds and warms the functions of the current revision, so that the
// first viewer does not wait for it. Its error names those that are broken.
func (s *Server) Prepare(ctx context.Context) error {
	defer s.life.prepared.Store(true)
	return s.funcs.Prepare(ctx)
}

// serve is the viewer.Handler: it pins the request to the current snapshot.
func (s *Server) serve(ctx context.Context, rq *httpmsg.Request, w viewer.Writer, inline bool) (rest func()) {
	if s.acme != nil && strings.HasPrefix(rq.Path, acme.Prefix) {
		if body, ok := s.acme.Answer(hostname(rq.Host), rq.Path); ok {
			text(w, 200, body)
			return nil
		}
	}
	snap := s.pin()
	if snap == nil {
		_ = w.Whole(&httpmsg.Response{Status: 503}, nil, nil)
		return nil
	}
	defer func() {
		if rest == nil { // answered, or panicked
			snap.release()
		}
	}()
	more := snap.serve(ctx, rq, w, inline)
	if more == nil {
		return nil
	}
	return func() {
		defer snap.release()
		more()
	}
}

// pin takes the current snapshot and sees to it that it is not closed before
// release. A snapshot that was retired in between is let go and tried again.
func (s *Server) pin() *Snapshot {
	for {
		snap := s.current.Load()
		if snap == nil || snap.acquire() {
			return snap
		}
	}
}
