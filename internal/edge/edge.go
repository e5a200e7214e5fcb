// SPDX-License-Identifier: Apache-2.0

// Package edge is the CloudFront spine: what happens to a viewer request, in
// the order of one table (table.go), one file a step.
//
// The flow:
//
//  1. Compile makes an Edge of a model.Stack: an immutable snapshot with its
//     host table, behaviors, policies and transports.
//  2. Serve makes an Exchange, pinned to that snapshot, and walks it through
//     the table. Every step is a function from the Exchange to the next step.
//  3. The answer is a value (Exchange.rs and Exchange.body) until deliver
//     sends it; finish always runs and emits one Record.
//
// A background refresh and the fetch of a custom error page are Exchanges
// without a viewer, in the same table.
//
// What a step decides about values alone is in a room, which knows no Exchange:
// forward (what is keyed and sent on), known (what can be told of a viewer), guard
// (answers that are one viewer's), rollout, made (origins of functions),
// headpolicy, border (to net/http) and fault (why an origin did not answer),
// websocket, pipe and vigil; meter and spans for operators; account and plain for
// what people are told.
//
// What it does not do: it opens no socket (transports come from Deps), runs no
// script itself (functions come from Deps), parses no field (package httpspec)
// and stores no bytes (package cache). The cache lives outside the snapshot
// and survives it: keys begin with the distribution's id.
//
// Concurrency: an Edge may be used by many at once; an Exchange belongs to one
// goroutine.
package edge

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/edge/account"
	"github.com/forelane/forelane/internal/edge/pipe"
	"github.com/forelane/forelane/internal/edgelambda"
	"github.com/forelane/forelane/internal/encode"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/metrics"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/pattern"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/trace"
)

// Writer is what a viewer engine offers an Exchange: one answer.
type Writer interface {
	// Head sends status and fields; rs.ContentLength is the length of the
	// body to come (-1: not known). The body of rs is not read.
	Head(rs *httpmsg.Response) error
	// Write sends a piece of the body. An error means that the viewer is gone.
	Write(p []byte) (int, error)
	// Flush sends what is buffered.
	Flush() error
	// Abort tells that the body cannot be completed.
	Abort()
}

// Whole is an optional second face of a Writer: an engine that has it gets an
// answer whose body lies in memory in one call, so that it can send both with
// one system call. The pieces are shared: read only, and as they are only as
// long as hold (nil: for ever) is held, which the Exchange does until Whole
// returns.
type Whole interface {
	Whole(rs *httpmsg.Response, body [][]byte, hold httpmsg.Hold) error
}

// Deps are the organs that an Edge works with.
type Deps struct {
	// Cache outlives the snapshot. Nil: a new one with default bounds.
	Cache *cache.Cache
	// Current tells whether every invalidation that may be known to anybody is
	// applied to Cache. Where it is not, what is stored is revalidated
	// (current.go). It must neither block nor allocate. Nil: always.
	Current func(now time.Time) bool
	// Transport gives the way to an origin: the gateway, a bucket, a function
	// URL of this process, or the network. Required when there are origins.
	Transport func(d *model.Distribution, o *model.Origin) (http.RoundTripper, error)
	// Made gives the way to an origin that a function made of one of d's (its
	// Made says what is unlike any template). It is called while requests wait,
	// and not often. Nil: functions can select origins, and change no more than
	// what they are sent.
	Made func(d *model.Distribution, o *model.Origin) (Made, error)
	// Functions gives the CloudFront function with an ARN. Nil, or a nil
	// Function: the association is an error of Compile.
	Functions func(arn string) (Function, error)
	// Lambda runs the functions of Lambda@Edge. Nil: an association is an error
	// of Compile.
	Lambda edgelambda.Invoker
	// WebACL gives the web ACL with an ARN, nil where there is none: the
	// distribution is then served without one. Nil: there are none.
	WebACL func(arn string) Shield
	// Mutual names the terms by which viewers of a distribution are asked for
	// certificates: other terms have another name. Required where a distribution
	// asks.
	Mutual func(d *model.Distribution) string
	// Record takes one record an exchange, which it may read until it
	// returns; it is called by many goroutines. Nil: dropped.
	Record func(*record.Record)
	// Recent keeps records for who asks by their id. Nil: none.
	Recent *record.Recent
	// Invalidated tells an explanation what was invalidated. Nil: it is not told.
	Invalidated account.Invalidated
	// Debug is the token that asks for debug headers. Nil: nobody gets them.
	Debug *DebugToken
	// Realtime gives the real-time log of a behavior; nil where it has none. Nil:
	// there are none.
	Realtime func(b *model.Behavior) *record.Realtime
	// Placed tells whether records of a distribution are to say country and
	// network of the viewer. Nil: none are.
	Placed func(d *model.Distribution) bool
	// Metrics takes the series of the distributions. Nil: nothing is counted.
	Metrics *metrics.Registry
	// Place tells where an address is; nil, or a nil Place: not known.
	Place func(netip.Addr) *model.Place
	// Safe is what the leak guard does where a distribution does not say: true
	// stores nothing that could be one viewer's, false does as CloudFront does.
	Safe bool
	// Warn takes a sentence that an operator should read; it comes once. Nil:
	// dropped.
	Warn func(string)
	// Trace samples requests of viewers. Nil: none.
	Trace *trace.Tracer
	// POP is the X-Amz-Cf-Pop. Empty: LOC50-C1.
	POP string
	// HTTPSPort is where redirects to HTTPS point when the request's Host
	// carried a port. 0: 443.
	HTTPSPort int
	// SocketIdle is how long a WebSocket may be silent. 0: 10 minutes.
	SocketIdle time.Duration
	// HTTP3Port is the UDP port that viewers are told of for HTTP/3. 0: they
	// are not told.
	HTTP3Port int
	// Peers are the other edges of the region; nil: there are none. Revision
	// names the configuration, the same on all nodes; Applied tells how much of
	// the log of invalidations this node has applied (nil: there is no log).
	Peers    Peers
	Revision string
	Applied  Applied
	// Background takes the goroutines that outlive their request (refreshes,
	// fills). Nil: they are not waited for.
	Background *sync.WaitGroup
}

// Edge is a compiled stack: an immutable snapshot.
type Edge struct {
	deps   Deps
	steps  [stepCount]row
	stack  string
	region string
	hosts  Hosts
	dists  []*distribution

	encoder encode.Encoder
	idle    sync.Pool // *Exchange
	buffers sync.Pool // *pipe.Buffer, for bodies that stream past the cache
}

// Hosts is a table of host names. Those of several stacks can be merged.
type Hosts struct {
	table pattern.Hosts[*distribution]
	only  *distribution // the only distribution there is, if so
	names []string      // for the 404
}

// Compile makes the running form of a stack.
func Compile(s *model.Stack, d Deps) (*Edge, error) {
	if d.Cache == nil {
		d.Cache = cache.New(cache.Config{})
	}
	if d.POP == "" {
		d.POP = "LOC50-C1"
	}
	e := &Edge{deps: d, buffers: sync.Pool{New: func() any { return new(pipe.Buffer) }}, steps: table(), stack: s.Name, region: s.Region}
	var errs []error
	for _, md := range s.Distributions {
		dist, err := e.compileDistribution(md)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: distribution %s: %w", md.Pos, md.LogicalID, err))
			continue
		}
		e.dists = append(e.dists, dist)
	}
	errs = append(errs, e.fileHosts(s.Name), e.rollouts())
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return e, nil
}

// spawn runs f beside the request that asked for it.
func (e *Edge) spawn(f func()) {
	if e.deps.Background == nil {
		go f()
		return
	}
	e.deps.Background.Go(f)
}
