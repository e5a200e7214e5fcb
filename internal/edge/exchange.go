// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"io"
	"time"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/edge/rollout"
	"github.com/forelane/forelane/internal/edge/spans"
	"github.com/forelane/forelane/internal/edge/vigil"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/peer"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/webacl"
)

// Exchange is one viewer request and its answer. It is owned by one goroutine
// and pinned to the snapshot it began with.
type Exchange struct {
	ctx  context.Context
	edge *Edge
	rq   *httpmsg.Request
	w    Writer // nil without a viewer
	role role

	dist *distribution
	beh  *behavior
	// session is what the viewer's cookie is to say (rollout.go).
	session rollout.Session
	// target is where the behavior, or a function, sends the request.
	target *originRef

	keyed  keyed
	store  stored
	asked  asked
	rs     httpmsg.Response // Body is never set: see body
	body   body
	rec    record.Record
	sent   bool   // deliver has sent the head
	debug  bool   // the viewer sent the debug token (debug.go)
	said   string // the viewer's headers before a function changed them, for recall
	inline bool   // it runs on the goroutine of its connection
	// scratch has the texts that are made for this request: they live as long
	// as it is not reset.
	scratch []byte
	socket  socket
	rpc     rpc
	spans   spans.Trace
	verdict *webacl.Verdict // room for that of the web ACL; nil before the first one
	seen    *httpmsg.Header // the fields before they were changed; nil: nobody asks (realtime.go)
	sub     *Exchange       // fetched the custom error page
}

// role tells what an Exchange is for.
type role uint8

const (
	forViewer  role = iota
	forRefresh      // background refresh of a stale object
	forPage         // fetch of a custom error page for another Exchange
	forPeer         // an answer for another edge (peer.go)
)

// delivers tells whether somebody waits for the answer at a Writer.
func (r role) delivers() bool { return r == forViewer || r == forPeer }

// keyed is what step key found.
type keyed struct {
	cacheable bool   // the cache may be used
	head      bool   // a HEAD that may be stored under a key of its own
	origin    string // id of the origin, as it stands in the key
	key       []byte
	encodings httpspec.Encodings
	cut       int    // len(key) without the mark of a HEAD
	primary   int    // len(key) without the values that select a variant
	marker    string // cache.Vary's, when key is that of a variant
}

// stored is what the cache gave: an object, a lease, a flight.
type stored struct {
	obj     *cache.Object // what is served, or the expired one
	lease   *cache.Lease
	flight  *cache.Flight
	pass    cache.PassReason
	unsure  bool         // what is stored may have been invalidated: see current.go
	vigil   *vigil.Vigil // of who holds a lease
	unwatch func() bool  // of who follows a flight: stops the watch over the viewer's context

	held [2]*cache.Object // to be released when the Exchange is over
	more []*cache.Object  // the same, of the rare Exchange that had more
}

// hold keeps o until the Exchange is over.
func (s *stored) hold(o *cache.Object) *cache.Object {
	switch {
	case o == nil:
	case s.held[0] == nil:
		s.held[0] = o
	case s.held[1] == nil:
		s.held[1] = o
	default:
		s.more = append(s.more, o)
	}
	return o
}

// letGo releases what hold kept.
func (s *stored) letGo() {
	for i, o := range s.held {
		if o != nil {
			o.Release()
			s.held[i] = nil
		}
	}
	for _, o := range s.more {
		o.Release()
	}
	s.more = nil
}

// asked is the request to the origin and what came of it.
type asked struct {
	*messages                   // nil before step request
	ctx         context.Context // ends the fetch
	rs          *httpmsg.Response
	conditional bool       // we revalidate
	forwarded   bool       // the viewer's own preconditions and Range went on
	peer        *peer.Head // the answer is a peer's
	err         error
	status      int // of the error that stands for the missing answer
	// of Lambda@Edge: the request as the origin-request function left it, and
	// the origin; generated: that function answered, or failed, and the origin
	// was not asked.
	edited    *httpmsg.Request
	origin    *model.Origin
	generated bool
	freshness httpspec.Freshness
	// sent and received are when the origin was asked and when it answered.
	sent, received time.Time
}

// messages are the memory of question and answer, kept from one Exchange to the
// next. A hit needs none.
type messages struct {
	rq   httpmsg.Request  // but for what differs between the members of a group
	out  httpmsg.Request  // as one member gets it
	room httpmsg.Response // of rs
}

// reset forgets the question and keeps the memory.
func (a *asked) reset() {
	m := a.messages
	if m != nil && a.ctx != nil {
		rq, out, rs := m.rq.Header, m.out.Header, m.room.Header
		rq.Reset()
		out.Reset()
		rs.Reset()
		*m = messages{}
		m.rq.Header, m.out.Header, m.room.Header = rq, out, rs
	}
	*a = asked{messages: m}
}

// body is where the body of the answer comes from: at most one of text, obj,
// reader and src.
type body struct {
	text   []byte
	obj    *cache.Object
	reader *cache.Reader
	src    io.ReadCloser
	part   bool // only from..to, to exclusive
	from   int64
	to     int64
	parts  *httpspec.Cutter // several ranges, between from and to
	sent   int64
}

// close gives back what the body holds.
func (b *body) close() {
	if b.reader != nil {
		b.reader.Close()
	}
	if b.src != nil {
		_ = b.src.Close()
	}
	*b = body{}
}

// reset makes x as good as new and keeps its memory. Nothing that outlives a
// request refers to its Exchange: refreshes and pages have their own, and a
// fill takes the body along.
func (x *Exchange) reset() {
	x.asked.reset()
	key, header, scratch, memory, verdict := x.keyed.key[:0], x.rs.Header, x.scratch[:0], x.asked.messages, x.verdict
	header.Reset()
	*x = Exchange{}
	x.keyed.key, x.rs.Header, x.scratch, x.asked.messages, x.verdict = key, header, scratch, memory, verdict
}
