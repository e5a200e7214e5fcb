// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/record"
)

// Who asks why a request that is over was answered as it was gets two answers:
// what is recorded of it (Recorded), which are facts, and what would happen to
// the same request now (Explain), where its headers are known.

// recall keeps the Record for who asks by its id. It runs last: it takes out of
// the Record what must not be kept. Of hits the viewer's headers are not kept:
// their key says what mattered.
func (x *Exchange) recall() {
	m := x.edge.deps.Recent
	if m == nil {
		return
	}
	r := &x.rec
	r.Request.Cookie = ""
	r.Request.Referer, _, _ = strings.Cut(r.Request.Referer, "?")
	r.Request.Query = x.plainQuery(r.Request.Query)
	r.Cache.Key = x.plainKey(r.Cache.Key)
	said := ""
	if r.Cache.Status != record.CacheHit {
		if x.said == "" {
			x.said = x.viewerHeaders()
		}
		said = x.said
	}
	m.Keep(r, said)
}

// Recorded says what happened to a request that is over, by its Record as
// record.Recent gave it back.
func Recorded(r *record.Record) *explain.Recorded {
	q := &r.Request
	out := &explain.Recorded{
		ID: r.ID, At: r.Start, Viewer: r.Viewer.Addr.Addr().String(), Protocol: r.Viewer.Proto.String(), TLS: r.Viewer.TLSVersion,
		Result: r.Result.Type.String(), Detail: r.Result.Detail.String(), End: r.Result.End.String(), Background: r.Cache.Background,
		FirstByte: r.Time.FirstByte, Total: r.Time.Total, Bytes: r.Response.Bytes,
	}
	if r.Result.Detail == record.DetailNone {
		out.Detail = ""
	}
	f := &out.Facts
	f.Method, f.URL, f.At = q.Method, q.Scheme+"://"+q.Host+q.Path, r.Start
	if q.Query != "" {
		f.URL += "?" + q.Query
	}
	f.Distribution = explain.Distribution{ID: r.Edge.Distribution, Why: "of stack " + r.Edge.Stack}
	switch {
	case r.Edge.Distribution == "":
		f.Distribution.Why = "no distribution answered to the Host " + q.Host
	case r.Edge.Staging:
		f.Distribution.Why += ": the staging distribution was chosen"
	}
	if r.Edge.Behavior != "" {
		f.Tried = []explain.Behavior{{Pattern: r.Edge.Behavior, Matches: true, Target: r.Origin.ID}}
	}
	if s := r.Shield; s.ACL != "" {
		f.Shield = &explain.Shield{ACL: s.ACL, Action: s.Action, Rule: s.Rule, Inner: s.Inner, Labels: s.Labels, Counted: s.Counted}
	}
	for i, run := range r.Function {
		if run.Name != "" {
			f.Function = append(f.Function, explain.Function{Event: [...]string{"viewer-request", "viewer-response"}[i], Name: run.Name, Took: run.Time, Error: run.Error})
		}
	}
	if r.Cache.Key != "" {
		f.Key = keyParts(r.Cache.Key)
	}
	recordedCache(f, r)
	recordedOrigin(f, r)
	f.Answer = explain.Answer{Status: r.Response.Status, XCache: r.Result.Sent.XCache(), By: recordedBy(r), Stored: r.Cache.Store == record.Stored}
	if r.Result.Why != "" {
		f.Warnings = append(f.Warnings, "what the viewer was not told: "+r.Result.Why)
	}
	return out
}

func recordedBy(r *record.Record) string {
	switch {
	case r.Shield.ACL != "" && r.Shield.Action != "ALLOW":
		return "the web ACL"
	case r.Cache.Status.Served():
		return "the cache"
	case r.Cache.Reason == record.ReasonGenerated:
		return "the function " + r.Function[0].Name
	case r.Origin.Status > 0:
		return "the origin"
	case r.Origin.ID != "":
		return "the edge: the origin failed"
	}
	return "the edge itself"
}

func recordedOrigin(f *explain.Explanation, r *record.Record) {
	o := &r.Origin
	if o.ID == "" {
		return
	}
	f.Origin = &explain.Origin{
		ID: o.ID, Host: o.Host, Asked: true, Status: o.Status, Tries: o.Tries, Took: o.FirstByte, Error: o.Error,
	}
	switch {
	case o.Failover:
		f.Origin.Why = "the secondary of a group: the primary failed"
	case o.Peer != "":
		f.Origin.Why = "by the edge " + o.Peer + ", which owns the key"
	case o.Member != "":
		f.Origin.Why = "at " + o.Member
	}
	if a := &r.API; a.ID != "" {
		f.Origin.Why = strings.TrimPrefix(f.Origin.Why+fmt.Sprintf("; API %s, stage %s, route %s, function %s", a.ID, a.Stage, a.Route, a.Function), "; ")
	}
}

// recordedCache says what the cache did, why, and what would have made it a hit.
func recordedCache(f *explain.Explanation, r *record.Record) {
	c := &r.Cache
	if c.Status == record.CacheNone {
		if r.Edge.Behavior != "" && recordedBy(r) == "the edge itself" {
			f.Wishes = append(f.Wishes, "the request had been let through: it ended before the cache was asked")
		}
		return
	}
	to := &explain.Cache{Status: c.Status.String(), Age: c.Age, TTL: c.TTL}
	f.Cache = to
	to.Why, f.Wishes = whyRecorded(c)
	if c.Store == record.StoreForbidden && (c.Reason == record.ReasonAbsent || c.Reason == record.ReasonNotShared) {
		f.Wishes = []string{wishStorable(c.TTLReason)}
	}
	if c.Collapsed {
		to.Why += "; it waited for the fetch of another request"
	}
	switch {
	case c.Store == record.StoreNone:
		if c.Status == record.CacheMiss || c.Status == record.CacheBypass {
			to.TTL = 0
		}
	case c.Store == record.Stored:
		rule, text := ruleOf(httpspec.Freshness{Store: true, TTL: c.TTL, Reason: c.TTLReason}, httpspec.Policy{Min: c.TTL})
		f.Lifetime = []explain.Line{{Text: text, Rule: rule}, {Text: "stored for " + explain.Seconds(c.TTL)}}
		to.TTL = 0
	default:
		text := "not stored: " + c.Store.String()
		if c.Store == record.StoreForbidden && len(f.Wishes) > 0 && f.Wishes[0] == wishStorable(c.TTLReason) {
			text += " (" + c.TTLReason.String() + ")"
		}
		f.Lifetime = []explain.Line{{Text: text}}
		to.TTL = 0
	}
}

// whyRecorded are the sentence of a reason, and the wishes.
func whyRecorded(c *record.Cache) (why string, wishes []string) {
	switch c.Reason {
	case record.ReasonNone:
		if c.Status.Served() {
			return "an answer was stored and fresh", nil
		}
		return "the origin was asked", nil
	case record.ReasonAbsent, record.ReasonInvalidated:
		return "nothing was stored under this key", []string{wishFill}
	case record.ReasonVariant:
		return "answers were stored under this key, but none for these headers of the origin's Vary", []string{"the headers that Vary names had been those of a stored answer"}
	case record.ReasonExpired:
		return "what was stored was over its time: the origin was asked", []string{"it had been asked for earlier, or stored for longer: max-age or s-maxage of the origin, MinTTL or DefaultTTL of the policy"}
	case record.ReasonMustRevalidate:
		return "it is kept, and the origin is asked about it each time", []string{"the origin did not send no-cache, or MinTTL were above 0"}
	case record.ReasonUnsure:
		return "the node may have missed an invalidation, and asked the origin to be sure", []string{"the node had not lost the others"}
	case record.ReasonWhileRevalidate:
		return "it was over its time, and stale-while-revalidate let it be served while it was refreshed", nil
	case record.ReasonIfError:
		return "the origin failed, and stale-if-error let the expired answer stand in", nil
	case record.ReasonOriginDown:
		return "the origin failed, and the expired answer stood in (rows F8, F9)", nil
	case record.ReasonMethod:
		return "answers to this method are not cached by the behavior", []string{"the method were GET or HEAD (or OPTIONS, when CachedMethods has it)"}
	case record.ReasonDisabled:
		return "the cache policy has MinTTL, DefaultTTL and MaxTTL 0", []string{"the behavior had a cache policy with a MaxTTL above 0"}
	case record.ReasonAllHeaders:
		return "the legacy setting Headers: ['*'] forwards all and caches nothing", []string{"the behavior listed the headers that matter instead of '*'"}
	case record.ReasonUpgrade:
		return "a WebSocket or a gRPC call never comes from the cache", nil
	case record.ReasonRange, record.ReasonPart:
		return "what was stored lacked the part that was asked for", []string{"the whole had been stored, or this part"}
	case record.ReasonCollapsed:
		return "another request for the key was on its way to the origin: its answer served this one, too", nil
	case record.ReasonNotShared:
		return "answers for this key were not to be shared: it went to the origin by itself", []string{"the origin's answer could be stored"}
	case record.ReasonGenerated:
		return "a function answered", nil
	case record.ReasonVaryStar:
		return "the origin's Vary names what the edge cannot tell apart: asked for each time", []string{"the origin did not send Vary: *"}
	case record.ReasonErrorCached:
		return "an error of the origin was stored", nil
	case record.ReasonCachedByStaleRefresh:
		return "a background refresh had renewed it", nil
	case record.ReasonIdentity:
		return "the answer was decided by an identity that the key lacks: neither stored nor shared", []string{"the key had what the API decides by (Authorization in the cache policy)"}
	case record.ReasonLeakSetCookie:
		return "the leak guard did not store it: it sets a cookie", []string{`the origin sent Cache-Control: no-cache="Set-Cookie", or none`}
	case record.ReasonLeakAuthorization:
		return "the leak guard did not store it: it was made for an Authorization that the key lacks", []string{"the cache policy had Authorization"}
	case record.ReasonLeakCookie:
		return "the leak guard did not store it: it was made for cookies that the key lacks", []string{"the cache policy had these cookies, or the origin did not see them"}
	case record.ReasonLeakPrivate:
		return "the leak guard did not store it: it is private or not to be stored, under a MinTTL above 0", []string{"the origin's Cache-Control allowed it"}
	}
	return c.Reason.String(), nil
}

// Replay is the request of a Record, as far as it is known: what was hidden, or
// too long to be kept, is not in it and named in without. ok is false where not
// even the URL is known.
func Replay(r *record.Record, headers string) (rq *explain.Request, without []string, ok bool) {
	q := &r.Request
	if strings.HasSuffix(q.Path, record.Ellipsis) || strings.HasSuffix(q.Query, record.Ellipsis) || strings.HasSuffix(q.Host, record.Ellipsis) {
		return nil, nil, false
	}
	scheme := strings.NewReplacer("wss", "https", "ws", "http").Replace(q.Scheme)
	rq = &explain.Request{Method: q.Method, URL: scheme + "://" + q.Host + q.Path}
	if q.Query != "" {
		rq.URL += "?" + q.Query
	}
	for n, v, _, rest, more := httpspec.NextParam(q.Query); more; n, v, _, rest, more = httpspec.NextParam(rest) {
		if strings.HasPrefix(v, hiddenMark) && !plainParam(n) {
			without = append(without, "query "+n)
		}
	}
	if a := r.Viewer.Addr.Addr(); a != (netip.Addr{}) {
		rq.Address = a.WithZone("").String()
	}
	for line := range strings.Lines(headers) {
		name, value, whole := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case !whole || strings.HasSuffix(line, record.Ellipsis):
			without = append(without, "further headers")
		case !plainHeader(strings.ToLower(name)):
			without = append(without, name)
		default:
			rq.Headers = append(rq.Headers, [2]string{name, value})
		}
	}
	if r.Cache.Status == record.CacheHit {
		rq.Headers, without = keyedHeaders(r.Cache.Key), append(without, "headers that are not in the key (of hits they are not kept)")
	}
	return rq, slices.Compact(without), true
}

// keyedHeaders are the headers that a key shows.
func keyedHeaders(key string) [][2]string {
	var out [][2]string
	for _, p := range keyParts(key) {
		name, header := strings.CutPrefix(p.Name, explain.HeaderPart)
		switch {
		case p.Name == "accept-encoding":
			out = append(out, [2]string{"Accept-Encoding", p.Value})
		case header && plainHeader(name) && !strings.HasPrefix(name, "cloudfront-") && name != "host":
			out = append(out, [2]string{name, p.Value})
		}
	}
	return out
}

// Invalidated tells of the last invalidation of a target before a time.
type Invalidated func(dist, target string, before time.Time) (path string, at time.Time, ok bool)

// BlameInvalidation adds to what is recorded of a miss the invalidation that
// took what was stored, if there was one before.
func BlameInvalidation(to *explain.Recorded, r *record.Record, ask Invalidated) {
	if r.Cache.Reason != record.ReasonAbsent || to.Facts.Cache == nil {
		return
	}
	dist, target := cache.SplitKey(r.Cache.Key)
	if path, at, ok := ask(dist, target, r.Start); ok {
		to.Facts.Cache.Why += byInvalidation(path, r.Start.Sub(at))
		to.Facts.Wishes = append(to.Facts.Wishes, notInvalidated)
	}
}

const notInvalidated = "it had not been invalidated, or somebody had asked for it since"

func byInvalidation(path string, ago time.Duration) string {
	return fmt.Sprintf("; an invalidation of %s had taken what there was %s before", path, explain.Seconds(ago.Truncate(time.Second)))
}
