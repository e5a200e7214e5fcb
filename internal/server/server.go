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
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
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
	"github.com/forelane/forelane/internal/geo"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/invalidation"
	"github.com/forelane/forelane/internal/metrics"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/origin"
	"github.com/forelane/forelane/internal/peer"
	"github.com/forelane/forelane/internal/principal"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/service"
	"github.com/forelane/forelane/internal/trace"
	"github.com/forelane/forelane/internal/trace/otlp"
	"github.com/forelane/forelane/internal/tunnel"
	"github.com/forelane/forelane/internal/viewer"
	"github.com/forelane/forelane/internal/viewer/acme"
	"github.com/forelane/forelane/internal/viewer/certificate"
	"github.com/forelane/forelane/internal/viewer/localca"
	"github.com/forelane/forelane/internal/zone"
)

// Options of a Server. Zero values are usable unless a field says otherwise.
type Options struct {
	// HTTP, HTTPS and Admin are addresses to listen on; empty: not at all.
	// Port 0 picks one.
	HTTP, HTTPS, Admin string
	// AdminTLS makes the admin side speak TLS, and AdminToken is what callers
	// must send (Authorization: Bearer). Required when Admin is reached from
	// other machines.
	AdminTLS   *tls.Config
	AdminToken string
	// AdminRoutes are more of the admin side, by the pattern of http.ServeMux.
	AdminRoutes map[string]http.Handler
	// Listeners are used in place of addresses, by kind (http, https, admin):
	// those of a predecessor or of a service manager. They are the Server's
	// from Bind on.
	Listeners map[string]net.Listener
	// Predecessor is closed when the process whose Listeners these are has let
	// go of everything: what cannot be handed over is bound then, and the cache
	// on disk is taken over. Nil: there is none.
	Predecessor <-chan struct{}
	// ReusePort lets other processes of this user bind HTTP and HTTPS as well.
	ReusePort bool
	// Connections bound viewers; zero fields are the viewer's defaults.
	Connections viewer.Bounds
	// Balancers are peers of HTTP and HTTPS who tell the viewer's address by the
	// PROXY protocol, and must.
	Balancers []netip.Prefix
	// HTTP3 makes HTTPS speak HTTP/3 too, on the UDP port of the same number.
	HTTP3 bool
	// Data is the folder for built functions and logs. Required.
	Data string
	// CA signs for HTTPS where Certificates have none. Nil: such a handshake
	// fails. One of the two is required when HTTPS is set.
	CA *localca.Authority
	// Certificates of the operator come before those of CA. Nil: none.
	Certificates *certificate.Store
	// H2C lets viewers speak HTTP/2 on HTTP, by prior knowledge.
	H2C bool
	// H2WebSocket offers WebSocket over HTTP/2 (RFC 8441), which CloudFront
	// does not. Over HTTP/1.1 it always passes.
	H2WebSocket bool
	// Tunnel is the address, TCP and UDP, to which agents of private origins
	// dial. Empty: there are none, and a private origin answers 502.
	Tunnel string
	// Endpoint is the address of an interface endpoint: what comes there may ask
	// private APIs and nothing else. Empty: there is none. EndpointID is its
	// logical id or vpce-…; empty: the only one, or the one that the Host names.
	Endpoint, EndpointID string
	// Origins replace origins by URL. The key is a host name, an origin's Id,
	// or "Distribution/Id" by logical id.
	Origins map[string]string
	// Issuers give issuers of tokens, user pools among them, another address:
	// there their keys are fetched, and tokens may name it as their issuer.
	Issuers map[string]string
	// Principals are who may sign requests for AWS_IAM, as they are now; it is
	// asked for each such request. Nil: nobody is known, and they are refused.
	Principals func() *principal.Set
	// Services are the endpoints of AWS services that integrations call, URLs by
	// the service's name; OriginSigner signs what they are asked.
	Services map[string]string
	// OriginSigner signs requests to origins with an access control that are not
	// of this process. Nil: they go out unsigned, and are told.
	OriginSigner *origin.Signer
	// OriginCert gives the certificate that is shown to origins with mTLS, by
	// its ARN; nil when there is none for it. Nil: there is none at all.
	OriginCert func(arn string) (*tls.Certificate, error)
	// KeySecret is what the values of API keys that have none are made of, alike
	// on all nodes that share it. Nil: one of the data folder.
	KeySecret []byte
	// TrustStore gives the authorities, in PEM, of a trust store of viewer mTLS, by
	// its id or logical id; nil: those of its bucket count. Nil: there are none.
	TrustStore func(id string) ([]byte, error)
	// Roots are trusted for HTTPS origins and issuers. Nil: the system's.
	Roots *x509.CertPool
	// CacheBytes is the memory of the edge cache. 0: 256 MiB.
	CacheBytes int64
	// CacheDisk is how much of the disk the cache may take, in Data/cache. 0:
	// none. What is there outlives the node. While a Predecessor has it, the
	// cache is in memory only.
	CacheDisk int64
	// Geo tells where viewers are. Nil: nobody knows. It is the Server's from New
	// on, which closes it.
	Geo *geo.DB
	// Safe lets distributions that do not say store no answer that could be one
	// viewer's (the edge's leak guard). False: they do as CloudFront does.
	Safe bool
	// Carrier sees to it that all nodes do an invalidation (Server.Drop on
	// each). Nil: there is but this one.
	Carrier invalidation.Carrier
	// Promote is asked in place of Server.Promote and Server.Demote (no staging)
	// by the admin side: on all nodes of a cluster. Nil: this node is alone.
	Promote func(ctx context.Context, primary, staging string) error
	// Peers are the other edges of the region. Nil: there are none.
	Peers *Peers
	// APIRate and APIBurst are the limit of all APIs together, in requests a
	// second. 0: AWS's own for an account, 10,000 and 5,000; below zero: none.
	APIRate  float64
	APIBurst int
	// Current tells whether this node has surely applied every invalidation that
	// anybody was told to be complete before now. Where it has not, what is
	// cached is revalidated. It is asked for each request: it must neither block
	// nor allocate. Nil: always, for this node is alone.
	Current func(now time.Time) bool
	// NoEdge leaves distributions out: they are served elsewhere.
	NoEdge bool
	// NoGateway leaves APIs, function URLs and functions out: Peers.Gateways
	// answer for them.
	NoGateway bool
	// Words share the counts of quotas with other nodes. Nil: this node is alone.
	Words Words
	// APICache is the memory of all stage caches of APIs together. 0: 64 MiB.
	APICache int64
	// DNS are the options of zones, health checks and latencies.
	DNS DNS
	// Functions are handed on to the function service; Dir, Metrics and Log are
	// set here.
	Functions function.Options
	// DrainDelay is how long Close goes on accepting, unready: so long a load
	// balancer that asks /readyz may take to send nothing more. 0: it does not.
	DrainDelay time.Duration
	// Version is that of the binary, for those who ask what runs.
	Version string
	// Rotation is that of the access logs of stages.
	Rotation record.Rotation
	// ACME gets certificates for the public names of distributions and custom
	// domains. The zero value: it does not.
	ACME ACMEOptions
	// Trace samples requests. The zero value: none.
	Trace TraceOptions
	// Dropped is how many lines the logs behind Record have lost. Nil: none.
	Dropped func() int64
	// Record takes one record an exchange. It must not block. Nil: dropped.
	Record func(*record.Record)
	// Recent bounds what is kept of the last requests for explanations by id. The
	// zero value: nothing is.
	Recent record.RecentOptions
	// DebugToken is what viewers send in X-Forelane-Debug to get debug headers.
	// Empty: nobody gets them.
	DebugToken string
	// RecordPlace says that Record looks at the viewer's country and network.
	RecordPlace bool
	// Kinesis is where real-time logs are sent, beside files in Data. The zero
	// value: nowhere.
	Kinesis Kinesis
	// Log takes what an operator should know. Nil: dropped.
	Log *slog.Logger
	// OnLogLine takes each line of a function's log. Nil: only kept.
	OnLogLine func(function.LogLine)
}

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
	access     *accessLogs
	logs       *edgeLogs
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
	s.access = newAccessLogs(o.Data, o.Rotation, s.log)
	s.logs = newEdgeLogs(&o, s.log, func(bucket string) *store.Store { return s.written.of(s, bucket) })
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
	s.access.prepare(stacks)
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
	s.access.reopen()
	s.logs.reopen()
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

// The time that an idle HTTP/1 connection of a stopping node has for one more
// request: a successor makes it cheap to give it some.
const (
	idleGrace    = 100 * time.Millisecond
	retiredGrace = 3 * time.Second
)

func (s *Server) grace(ctx context.Context) time.Duration {
	d := idleGrace
	if s.succeeded.Load() {
		d = retiredGrace
	}
	if end, ok := ctx.Deadline(); ok {
		d = min(d, time.Until(end)/2)
	}
	return d
}

// Succeeded tells, before Close, that another process accepts on the listeners
// already.
func (s *Server) Succeeded() { s.succeeded.Store(true) }

// Close makes the node unready, waits for DrainDelay, stops accepting on all
// listeners, lets requests finish until ctx ends,
// and stops everything that New and Apply started.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := []error{s.closeListeners(ctx)}
	s.acme.Close()
	if s.hub != nil {
		errs = append(errs, s.hub.Close(ctx))
	}
	s.names.close()
	s.elders.close()
	if s.gateways != nil {
		s.gateways.Close()
	}
	if last := s.current.Swap(nil); last != nil {
		s.draining.Go(last.retire)
	}
	errs = append(errs, s.funcs.Close(ctx))
	s.toIssuers.CloseIdleConnections()
	s.toServices.CloseIdleConnections()
	done := make(chan struct{})
	go func() {
		s.draining.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		errs = append(errs, errors.New("server: requests were still under way"))
	}
	if s.book != nil {
		s.book.Close()
	}
	errs = append(errs, s.late.close(ctx, s.cache))
	errs = append(errs, s.access.close(), s.logs.close(ctx), s.closeTracer(ctx))
	if s.disk != nil {
		errs = append(errs, s.disk.Close())
	}
	s.kept.close()
	errs = append(errs, s.o.Geo.Close())
	return errors.Join(errs...)
}
