// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/cache"
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
		d.wishBypass()
		d.unkeyed()
		return
	}
	if !x.keyed.cacheable {
		return
	}
	d.out.Key = keyParts(string(x.keyed.key))
	if slices.ContainsFunc(d.out.Function, func(f explain.Function) bool { return len(f.Changes) > 0 }) {
		for i := range d.out.Key {
			if d.out.Key[i].Name == "path" {
				d.out.Key[i].From = "the viewer's, as the function left it"
			}
		}
	}
	d.unkeyed()
}

// keyParts reads a key (key.go has its form).
func keyParts(key string) []explain.Part {
	key, variant, varies := strings.Cut(key, string(cache.VariantSep))
	lines := strings.Split(key, string(rune(cache.KeySep)))
	var parts []explain.Part
	add := func(name, value, from string) {
		parts = append(parts, explain.Part{Name: name, Value: value, From: from})
	}
	for i, line := range lines {
		switch name, value, _ := strings.Cut(line, "="); {
		case i == 0:
			add("distribution", line, "the Host")
		case i == 1:
			path, query, _ := strings.Cut(line, "?")
			add("path", path, "the viewer's, as written")
			for n, _, raw, rest, ok := httpspec.NextParam(query); ok; n, _, raw, rest, ok = httpspec.NextParam(rest) {
				_, v, _ := strings.Cut(raw, "=")
				add(explain.QueryPart+n, v, "query string, named by the cache policy")
			}
		case i == 2:
			add("origin", value, "the behavior, or the function")
		case name == "generation":
			add("generation", value, "changes of the target, as RFC 9111 asks")
		case name == "method":
			add("method", value, "the viewer's (OPTIONS and HEAD alone are told apart)")
		case name == "accept-encoding":
			add("accept-encoding", value, "Accept-Encoding, normalised to what viewer and policy both accept")
		case strings.HasPrefix(line, "cookie:"):
			cookies := strings.TrimPrefix(line, "cookie:")
			for n, v, rest, ok := httpspec.NextCookie(cookies); ok; n, v, rest, ok = httpspec.NextCookie(rest) {
				add(explain.CookiePart+n, v, "cookie, named by the cache policy")
			}
		default:
			n, v, _ := strings.Cut(line, ":")
			add(explain.HeaderPart+n, v, "header, named by the cache policy")
		}
	}
	if varies {
		marker, values, _ := strings.Cut(variant, string(cache.VariantSep))
		_, names, _ := strings.Cut(marker, ":")
		all := strings.Split(values, string(cache.VariantSep))
		for i, n := range strings.Split(names, ",") {
			if i < len(all) {
				add(explain.HeaderPart+n, strings.TrimPrefix(all[i], "="), "header, named by the origin's Vary")
			}
		}
	}
	return parts
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
		if !keyed || !b.keyQuery.has(n) {
			add(explain.QueryPart+n, f.keepQuery(n))
		}
	}
	cookies := x.rq.Header.Join("Cookie")
	for n, _, rest, ok := httpspec.NextCookie(cookies); ok; n, _, rest, ok = httpspec.NextCookie(rest) {
		if !keyed || !b.keyCookies.has(n) {
			add(explain.CookiePart+n, f.keepCookie(n))
		}
	}
	connection := x.rq.Header.Join("Connection")
	for _, h := range x.rq.Header.Fields() {
		n := strings.ToLower(h.Name)
		switch {
		case n == "cookie", n == "accept-encoding" && b.encodings != 0, keyed && slices.Contains(b.keyHeaders, n):
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
		return f.authorization(d.x.rq.Method, slices.Contains(d.x.beh.m.Cached, "OPTIONS"))
	case "user-agent", "accept-encoding":
		return f.wants(n)
	}
	return f.forwards(h.Name, connection, !d.x.keyed.cacheable)
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
	case record.ReasonAllHeaders:
		return "the legacy setting Headers: ['*'] forwards all and caches nothing"
	case record.ReasonMethod:
		return "answers to " + x.rq.Method + " are not cached by this behavior"
	}
	return x.rec.Cache.Reason.String()
}

func (d *dry) wishBypass() {
	switch d.x.rec.Cache.Reason {
	case record.ReasonDisabled:
		d.wish("the behavior had a cache policy with a MaxTTL above 0")
	case record.ReasonAllHeaders:
		d.wish("the behavior listed the headers that matter instead of '*'")
	case record.ReasonMethod:
		d.wish("the method were GET or HEAD (or OPTIONS, when CachedMethods has it)")
	}
}

func (d *dry) wish(text string) { d.out.Wishes = append(d.out.Wishes, text) }
