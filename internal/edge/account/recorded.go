// SPDX-License-Identifier: Apache-2.0

// Package account is what people are told of a request, in sentences: of one that
// is over, by its Record, and of one that the edge walks through in its dry mode.
//
// The flow: (1) Recorded, Blame and Replay make of a Record what is known of a
// request that is over, and the request again; (2) Key, Why, Lifetime, Rule and
// the changes are the sentences that the dry mode uses, too; (3) Debug is the
// short form, for headers.
//
// What it does not do: it decides nothing, reads no cache and asks nobody: it is
// given values.
package account

import (
	"fmt"
	"strings"

	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/record"
)

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
		f.Key = Key(r.Cache.Key)
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
	to.Why, f.Wishes = Why(c.Reason, c.Status.Served())
	if c.Store == record.StoreForbidden && (c.Reason == record.ReasonAbsent || c.Reason == record.ReasonNotShared) {
		f.Wishes = []string{WishStorable(c.TTLReason)}
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
		rule, text := Rule(httpspec.Freshness{Store: true, TTL: c.TTL, Reason: c.TTLReason}, httpspec.Policy{Min: c.TTL})
		f.Lifetime = []explain.Line{{Text: text, Rule: rule}, {Text: "stored for " + explain.Seconds(c.TTL)}}
		to.TTL = 0
	default:
		text := "not stored: " + c.Store.String()
		if c.Store == record.StoreForbidden && len(f.Wishes) > 0 && f.Wishes[0] == WishStorable(c.TTLReason) {
			text += " (" + c.TTLReason.String() + ")"
		}
		f.Lifetime = []explain.Line{{Text: text}}
		to.TTL = 0
	}
}
