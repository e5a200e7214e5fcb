// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/edge/account"
	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/record"
)

// key takes the cache key apart, as it stands, and says what of the request is
// not in it.
func (d *dry) key() {
	x := d.x
	if x.rec.Cache.Status == record.CacheBypass {
		d.out.Cache = &explain.Cache{Status: "bypass", Why: whyBypass(x)}
		d.wishOf(x.rec.Cache.Reason)
		d.unkeyed()
		return
	}
	if !x.keyed.cacheable {
		return
	}
	d.out.Key = account.Key(string(x.keyed.key))
	if slices.ContainsFunc(d.out.Function, func(f explain.Function) bool { return len(f.Changes) > 0 }) {
		for i := range d.out.Key {
			if d.out.Key[i].Name == "path" {
				d.out.Key[i].From = "the viewer's, as the function left it"
			}
		}
	}
	d.unkeyed()
}

// unkeyed lists what the key lacks. What the origin sees all the same may change
// its answer: two viewers would then get each other's.
func (d *dry) unkeyed() {
	x := d.x
	b, f := x.beh, &x.beh.forward
	add := func(name string, forwarded bool) {
		if !slices.ContainsFunc(d.out.Unkeyed, func(u explain.Unkeyed) bool { return u.Name == name }) {
			d.out.Unkeyed = append(d.out.Unkeyed, explain.Unkeyed{Name: name, Forwarded: forwarded})
		}
	}
	keyed := x.keyed.cacheable
	for n, _, _, rest, ok := httpspec.NextParam(x.rq.Query); ok; n, _, _, rest, ok = httpspec.NextParam(rest) {
		if !keyed || !b.inKey.Query.Has(n) {
			add(explain.QueryPart+n, f.KeepQuery(n))
		}
	}
	cookies := x.rq.Header.Join("Cookie")
	for n, _, rest, ok := httpspec.NextCookie(cookies); ok; n, _, rest, ok = httpspec.NextCookie(rest) {
		if !keyed || !b.inKey.Cookies.Has(n) {
			add(explain.CookiePart+n, f.KeepCookie(n))
		}
	}
	connection := x.rq.Header.Join("Connection")
	for _, h := range x.rq.Header.Fields() {
		n := strings.ToLower(h.Name)
		switch {
		case n == "cookie", n == "accept-encoding" && b.encodings != 0, keyed && slices.Contains(b.inKey.Headers, n):
		default:
			add(explain.HeaderPart+n, d.forwards(h, connection))
		}
	}
	if keyed {
		d.warnUnkeyed()
	}
}

func (d *dry) forwards(h httpmsg.Field, connection string) bool {
	f := &d.x.beh.forward
	switch n := strings.ToLower(h.Name); n {
	case "authorization":
		return f.Authorization(d.x.rq.Method, slices.Contains(d.x.beh.m.Cached, "OPTIONS"))
	case "user-agent", "accept-encoding":
		return f.Wants(n)
	}
	return f.Forwards(h.Name, connection, !d.x.keyed.cacheable)
}

// warnUnkeyed warns of what most likely tells viewers apart.
func (d *dry) warnUnkeyed() {
	for _, u := range d.out.Unkeyed {
		if u.Forwarded && (u.Name == explain.HeaderPart+"authorization" || strings.HasPrefix(u.Name, explain.CookiePart)) {
			d.out.Warnings = append(d.out.Warnings, u.Name+" reaches the origin and is not in the key: an answer made for one viewer could be another's")
		}
	}
}

func whyBypass(x *Exchange) string {
	switch x.rec.Cache.Reason {
	case record.ReasonUpgrade:
		return "a WebSocket never comes from the cache"
	case record.ReasonDisabled:
		return "the cache policy " + policyName(x.beh) + " has MinTTL, DefaultTTL and MaxTTL 0"
	case record.ReasonMethod:
		return "answers to " + x.rq.Method + " are not cached by this behavior"
	}
	why, _ := account.Why(x.rec.Cache.Reason, false)
	return why
}

// wishOf is what would have helped against a reason.
func (d *dry) wishOf(r record.CacheReason) {
	_, wishes := account.Why(r, false)
	d.out.Wishes = append(d.out.Wishes, wishes...)
}

func (d *dry) wish(text string) { d.out.Wishes = append(d.out.Wishes, text) }
