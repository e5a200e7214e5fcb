// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/edge/forward"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/peer"
	"github.com/forelane/forelane/internal/record"
)

// The other edges of the region (package peer). A request that holds the lease
// of a key asks the key's owner in place of the origin. The owner walks the same
// table from step key on, for an Exchange whose viewer is the asking edge: so it
// answers from its cache, waits for a fetch that goes on, or asks the origin.
// Its answer comes without response headers policy, custom page and the edge's
// own fields: those are the asking edge's. What it found out about lifetime and
// sharing comes along and bounds what the asking edge decides by its own.

// Peers asks the owner of a key: no answer and no error means that the origin is
// to be asked.
type Peers interface {
	Ask(ctx context.Context, key []byte, q *peer.Question) (*peer.Answer, error)
}

// Applied tells how much of the log of invalidations the node has applied.
type Applied func() uint64

// askPeer asks the owner of the key, if this request may be shared. An origin
// that a function made is asked by who ran the function.
func (x *Exchange) askPeer() (answered bool) {
	d := &x.edge.deps
	if d.Peers == nil || x.store.lease == nil || !x.keyed.cacheable || x.asked.forwarded || x.role == forPeer || x.store.unsure || x.target.made ||
		x.asked.rq.Body != nil || !safe(x.asked.rq.Method) {
		return false
	}
	q := x.question()
	sent := x.now()
	a, err := d.Peers.Ask(x.asked.ctx, cache.TargetOf(x.keyed.key), q)
	if a == nil || err != nil {
		x.asked.err = err
		return err != nil
	}
	o := &x.rec.Origin
	o.ID, o.Host = x.target.members[0].m.ID, x.target.members[0].m.DomainName
	o.Peer, o.Tries = a.From, 1
	x.asked.sent, x.asked.received = sent, x.now()
	o.FirstByte = x.asked.received.Sub(sent)
	if a.Failed {
		_ = a.Body.Close()
		x.asked.err, x.asked.status = fmt.Errorf("peer %s: %s", a.From, a.Error), a.Status
		x.rec.Result.Detail = record.OriginError
		return true
	}
	x.asked.peer, x.asked.conditional = &a.Head, q.ETag != ""
	rs := &x.asked.room
	rs.Header.Reset()
	*rs = httpmsg.Response{Header: rs.Header, Status: a.Status, ContentLength: a.Length, Body: a.Body}
	for _, f := range a.Fields {
		rs.Header.Add(f.Name, f.Value)
	}
	x.asked.rs, x.asked.err = rs, nil
	if a.Hit && x.target.members[0].m.ShieldRegion != "" {
		x.rec.Result.Detail = record.OriginShieldHit
	}
	return true
}

func (x *Exchange) question() *peer.Question {
	rq := x.rq
	q := &peer.Question{
		Revision: x.edge.deps.Revision, Distribution: x.dist.m.ID, Behavior: x.beh.m.PathPattern,
		Target: x.keyed.origin, Statuses: x.target.statuses,
		Method: rq.Method, Scheme: rq.Scheme, Host: rq.Host, Path: rq.Path, Query: rq.Query, Proto: rq.Proto, Viewer: rq.Viewer,
	}
	if x.edge.deps.Applied != nil {
		q.Applied = x.edge.deps.Applied()
	}
	for _, f := range rq.Header.Fields() {
		if f.Name != "" && !forward.Condition(f.Name) {
			q.Fields = append(q.Fields, f)
		}
	}
	if x.asked.conditional {
		q.ETag = x.asked.rq.Header.Get("If-None-Match")
	}
	return q
}

// Relay answers a question of another edge. It implements peer.Relay for one
// Edge; ErrRefused: it has no such distribution, or another revision of it.
func (e *Edge) Relay(ctx context.Context, q *peer.Question, w *peer.Writer) error {
	if q.Revision != e.deps.Revision || e.deps.Applied != nil && e.deps.Applied() < q.Applied {
		return peer.ErrRefused
	}
	x := &Exchange{ctx: ctx, edge: e, role: forPeer}
	x.w = &relayed{x: x, to: w, etag: q.ETag}
	if !x.resolve(q) {
		return peer.ErrRefused
	}
	x.rq = &httpmsg.Request{
		Method: q.Method, Scheme: q.Scheme, Host: q.Host, Path: q.Path, Query: q.Query, Proto: q.Proto, Viewer: q.Viewer,
	}
	for _, f := range q.Fields {
		x.rq.Header.Add(f.Name, f.Value)
	}
	if err := w.Take(); err != nil {
		return err
	}
	x.rec.Start, x.rec.ID = time.Now(), newID()
	x.describe()
	x.rec.Edge.Distribution, x.rec.Edge.Domain, x.rec.Edge.Behavior = x.dist.m.ID, x.dist.m.DomainName, x.beh.m.PathPattern
	x.rec.Cache.Background = true
	x.run(stepKey)
	if x.rec.Result.End != record.EndComplete {
		return errCut
	}
	return nil
}

var errCut = errors.New("edge: the answer to a peer was cut off")

// resolve finds what a question names.
func (x *Exchange) resolve(q *peer.Question) bool {
	for _, d := range x.edge.dists {
		if d.m.ID == q.Distribution {
			x.dist = d
		}
	}
	if x.dist == nil {
		return false
	}
	for _, b := range x.dist.behaviors {
		if b.m.PathPattern == q.Behavior {
			x.beh = b
			break
		}
	}
	if x.beh == nil {
		return false
	}
	x.target, x.keyed.origin = x.beh.target, q.Target
	if q.Target == x.beh.m.Target {
		return true
	}
	ref := &originRef{statuses: q.Statuses}
	for _, id := range strings.Split(q.Target, "+")[1:] {
		one := x.dist.origins[id]
		if one == nil {
			return false
		}
		ref.members = append(ref.members, one.members...)
	}
	x.target = ref
	return len(ref.members) > 0
}

// relayed is the Writer of an Exchange whose viewer is another edge.
type relayed struct {
	x    *Exchange
	to   *peer.Writer
	etag string // of what the other edge has
	same bool   // it is still right: no body
}

// Head sends the head with what the Exchange found out.
func (r *relayed) Head(rs *httpmsg.Response) error {
	x := r.x
	h := peer.Head{Status: rs.Status, Length: rs.ContentLength, Hit: x.rec.Cache.Status == record.CacheHit || x.rec.Cache.Status == record.CacheStale}
	o := x.store.obj
	switch {
	case x.asked.rs == nil && x.asked.err != nil, x.body.obj != nil && x.body.obj.Flags&flagGenerated != 0, h.Hit && o != nil && o.Flags&flagGenerated != 0:
		h.Failed, h.Error = true, x.rec.Origin.Error
	case x.body.obj != nil:
		x.lifetime(&h, x.body.obj)
	case x.rec.Cache.Collapsed && o != nil:
		x.lifetime(&h, o)
	case x.rec.Cache.Store == record.Stored:
		f := &x.asked.freshness
		h.Shared, h.TTL, h.Stale, h.IfError = f.Share, f.TTL, f.Revalidate, f.IfError
	}
	for i := range rs.Fixed {
		for f := range rs.Fixed[i].Fields() {
			h.Fields = append(h.Fields, f)
		}
	}
	h.Fields = append(h.Fields, rs.Header.Fields()...)
	if age, ok := x.age(); ok {
		h.Fields = append(h.Fields, httpmsg.Field{Name: "Age", Value: strconv.FormatInt(int64(age/time.Second), 10)})
	} else if x.asked.rs != nil && x.asked.rs.Header.Has("Age") {
		h.Fields = append(h.Fields, httpmsg.Field{Name: "Age", Value: x.asked.rs.Header.Get("Age")})
	}
	if r.etag != "" && h.Shared && h.Status == http.StatusOK && rs.Get("ETag") == r.etag {
		r.same, h.Status, h.Length = true, http.StatusNotModified, 0
	}
	if err := r.to.Head(&h); err != nil {
		return err
	}
	return r.to.Flush()
}

// lifetime is what is left of an object's.
func (x *Exchange) lifetime(h *peer.Head, o *cache.Object) {
	h.Shared = !o.Alone && !o.Transient
	late := o.Expired(x.now())
	h.TTL = max(-late, 0)
	h.Stale, h.IfError = max(o.Stale-max(late, 0), 0), max(o.StaleIfError-max(late, 0), 0)
}

// Write sends a piece of the body.
func (r *relayed) Write(p []byte) (int, error) {
	if r.same {
		return len(p), nil
	}
	return r.to.Write(p)
}

// Flush sends what is buffered.
func (r *relayed) Flush() error { return r.to.Flush() }

// Abort is told by Relay, when the Exchange is over.
func (r *relayed) Abort() {}

// judgePeer bounds what is decided about an answer by what its peer found out.
func (x *Exchange) judgePeer() {
	p, f := x.asked.peer, &x.asked.freshness
	if !p.Shared {
		f.Store, f.Share, f.TTL = false, false, 0
		return
	}
	f.TTL, f.Revalidate, f.IfError = min(f.TTL, p.TTL), min(f.Revalidate, p.Stale), min(f.IfError, p.IfError)
}
