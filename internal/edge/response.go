// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// Flags of stored objects.
const (
	flagGenerated  = 1 << iota // the edge's own error page, made anew for each viewer
	flagOriginDown             // served in place of an error for a while
	flagEncoded                // compressed at the edge
	flagIfErrorSet             // stale-if-error (or must-revalidate) bounds how long it stands in
	flagNoDate                 // stored without a Date
	flagFunction               // an own error page because a function failed
)

// response makes the origin's answer, or its failure, the answer of the
// Exchange: a 304 to our question renews the stored object; an expired object
// stands in for a 5xx.
func (x *Exchange) response() stepID {
	x.rec.Result.Type = record.Miss
	status := x.asked.status
	if x.asked.rs != nil {
		status = x.asked.rs.Status
	}
	if status == http.StatusNotModified && x.asked.conditional {
		if x.beh.rfc && x.ofAnother() {
			return x.askForWhole()
		}
		return x.renew()
	}
	if o := x.store.obj; o != nil && x.store.lease != nil && x.mayStandIn(o, status) {
		return x.standIn(o)
	}
	if x.asked.rs == nil {
		x.fail(status, whyOrigin(status))
		x.rec.Result.Type = record.Error
		if l := x.lambdaFault(); l != nil {
			x.fail(status, whyLambda(status))
			x.rec.Result.Type = lambdaResult(l.Kind)
		}
		return stepAdmit
	}
	if x.socket.open {
		return x.switched()
	}
	x.rs.Status, x.rs.ContentLength = status, x.asked.rs.ContentLength
	x.takeFields(x.asked.rs)
	x.body = body{src: x.asked.rs.Body}
	if x.beh.rfc && !safe(x.rq.Method) && status < 400 {
		x.changed()
	}
	if x.beh.rfc && x.rq.Method == http.MethodHead {
		x.tellsOfGet()
	}
	if status >= 400 {
		x.rec.Result.Type, x.rec.Result.Detail = record.Error, record.DetailError
	}
	if x.asked.generated {
		x.rec.Result.Type, x.rec.Result.Detail = record.LambdaGeneratedResponse, record.DetailNone
	}
	return stepAdmit
}

// whyOrigin is the sentence of the edge's own page for a failed fetch.
func whyOrigin(status int) string {
	if status < 500 {
		return "The body of the request is malformed, or did not arrive in time."
	}
	if status == http.StatusGatewayTimeout {
		return "The origin did not answer in time."
	}
	return "The origin could not be reached, or did not answer as HTTP asks."
}

// mayStandIn tells whether an expired object may be served in place of status
// (rows F8, F9). Without stale-if-error CloudFront serves it however old it
// is, for want of better; but not where it may have been invalidated.
func (x *Exchange) mayStandIn(o *cache.Object, status int) bool {
	switch status {
	case 500, 502, 503, 504:
	default:
		return false
	}
	if o.Status >= 400 {
		return false
	}
	return o.Flags&flagIfErrorSet == 0 && !x.store.unsure || o.Flags&flagIfErrorSet != 0 && o.Expired(x.now()) < o.StaleIfError
}

// standIn serves an expired object and does not ask the origin again for
// ErrorCachingMinTTL.
func (x *Exchange) standIn(o *cache.Object) stepID {
	status := x.asked.status
	if x.asked.rs != nil {
		status = x.asked.rs.Status
		drain(x.asked.rs.Body)
	}
	now := x.now()
	kept := x.store.hold(o.Refreshed())
	longer := now.Sub(o.Born) + x.errorTTL(status) - o.TTL
	kept.TTL += longer
	kept.Stale = max(kept.Stale-longer, 0)
	kept.StaleIfError -= longer
	kept.Flags |= flagOriginDown
	kept.Alone = false
	x.store.lease.Renew(kept)
	reason := record.ReasonOriginDown
	if o.StaleIfError > 0 {
		reason = record.ReasonIfError
	}
	next := x.hit(kept)
	x.rec.Result.Detail = record.DetailNone
	x.rec.Cache.Status, x.rec.Cache.Reason = record.CacheStale, reason
	return next
}

// renew merges a 304 into the stored head (RFC 9111 4.3.4; row F12).
func (x *Exchange) renew() stepID {
	_ = x.asked.rs.Body.Close()
	o := x.store.hold(x.store.obj.Refreshed())
	h := x.merge(o)
	x.judge(o.Status, &h, x.asked.rs)
	x.date(o)
	x.moveToVariant()
	if x.asked.freshness.Store {
		x.store.lease.Renew(o)
		x.rec.Cache.Store = record.Stored
	} else {
		x.store.lease.Pass(x.now(), cache.MarkTime(cache.Unshared), cache.Unshared)
		x.rec.Cache.Store = record.StoreForbidden
	}
	x.serve(o)
	x.rec.Result.Type, x.rec.Cache.Status, x.rec.Cache.Age = record.RefreshHit, record.CacheFresh, o.Age
	x.rec.Cache.TTL, x.rec.Cache.TTLReason = x.asked.freshness.TTL+x.asked.freshness.Age, x.asked.freshness.Reason
	return stepPage
}

// merge updates a stored head with the fields of the origin's answer, and
// returns its fields.
func (x *Exchange) merge(o *cache.Object) httpmsg.Header {
	h := o.Head.Header()
	var fresh httpmsg.Header
	x.originFields(&fresh, x.asked.rs)
	fresh.Filter(x.updates)
	for _, f := range fresh.Fields() {
		h.Del(f.Name)
	}
	for _, f := range fresh.Fields() {
		h.Add(f.Name, f.Value)
	}
	if x.beh.rfc && !fresh.Has("Date") { // the stored one is of the first answer
		h.Set("Date", httpspec.FormatDate(x.asked.received))
	}
	if o.Flags&flagEncoded != 0 {
		weaken(&h)
	}
	x.setHead(o, &h)
	return h
}

// takeFields makes the origin's fields those of the answer.
func (x *Exchange) takeFields(rs *httpmsg.Response) {
	x.rs.Header.Reset()
	x.originFields(&x.rs.Header, rs)
	d := x.rs.Header.Get("Date")
	if _, ok := httpspec.ParseDate(d); d == "" || x.beh.rfc && !ok {
		x.rs.Header.Set("Date", httpspec.FormatDate(x.now())) // RFC 9110 6.6.1: who receives it adds it
	}
}

// originFields appends the fields of an origin's answer that go on.
func (x *Exchange) originFields(to *httpmsg.Header, rs *httpmsg.Response) {
	connection := rs.Header.Join("Connection")
	varied := false
	for _, f := range rs.Header.Fields() {
		switch len(f.Name) {
		case len("Age"), len("X-Cache"), len("X-Amz-Cf-Id"), len("X-Amz-Cf-Pop"):
			if ourName(f.Name) || x.dist.altSvc != "" && httpmsg.EqualFold(f.Name, "Alt-Svc") {
				continue
			}
		case len("Set-Cookie"):
			if httpmsg.EqualFold(f.Name, "Set-Cookie") && !x.beh.forward.Cookies() { // row K4
				continue
			}
		case len("Vary"):
			if x.beh.vary || !httpmsg.EqualFold(f.Name, "Vary") {
				break
			}
			if !varied {
				if v := x.vary(rs.Header.Join("Vary")); v != "" {
					to.Add(f.Name, v)
				}
			}
			varied = true
			continue
		}
		if httpspec.HopByHop(f.Name, connection) || len(f.Name) >= 7 && httpmsg.EqualFold(f.Name[:7], "X-Edge-") {
			continue
		}
		to.Add(f.Name, f.Value)
	}
}

// ourName tells the fields that the edge writes itself.
func ourName(name string) bool {
	for _, own := range [...]string{"Age", "X-Cache", "X-Amz-Cf-Id", "X-Amz-Cf-Pop"} {
		if httpmsg.EqualFold(name, own) {
			return true
		}
	}
	return false
}

// vary keeps the members of Vary that CloudFront shows to a viewer (row F13):
// forwarded header names, Accept-Encoding, Cookie; User-Agent in place of the
// device headers.
func (x *Exchange) vary(list string) string {
	f := &x.beh.forward
	var kept []string
	for item, rest, ok := httpspec.NextItem(list); ok; item, rest, ok = httpspec.NextItem(rest) {
		n := strings.ToLower(item)
		device := n == "user-agent" && slices.ContainsFunc(f.Added, func(s string) bool { return strings.HasPrefix(s, "CloudFront-Is-") })
		if n == "accept-encoding" || n == "cookie" || device || f.Wants(n) || x.beh.m.Cache.Headers.Mode == model.SelectAll {
			kept = append(kept, item)
		}
	}
	return strings.Join(kept, ", ")
}

// updates tells which fields of a 304 replace stored ones: CloudFront leaves
// alone what tells of the body; RFC 9111 3.2 only what the stored body depends on.
func (x *Exchange) updates(f httpmsg.Field) bool {
	n := strings.ToLower(f.Name)
	if x.beh.rfc {
		return n != "content-encoding" && n != "content-range"
	}
	return !strings.HasPrefix(n, "content-")
}

// date gives an object its times. Age counts from when the answer came, plus
// what the origin's own Age says; the origin's clock (Date) is not trusted,
// except where RFC 9111 decides.
func (x *Exchange) date(o *cache.Object) {
	f := x.asked.freshness
	o.Born, o.TTL, o.Stale, o.StaleIfError = x.now(), f.TTL, f.Revalidate, f.IfError
	o.Alone = f.Store && !f.Share
	o.Flags &^= flagIfErrorSet | flagOriginDown
	if f.IfErrorSet {
		o.Flags |= flagIfErrorSet
	}
	o.Age = f.Age
	if x.asked.rs != nil && !x.beh.rfc {
		o.Age = httpspec.Age("", x.asked.rs.Header.Get("Age"), o.Born, o.Born, o.Born).Truncate(time.Second)
	}
}
