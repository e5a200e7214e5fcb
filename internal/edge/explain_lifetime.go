// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"slices"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/record"
)

// wishFill holds unless the answer turns out not to be stored.
const wishFill = "somebody had asked for the same key before: the first request fills it, if its answer may be stored"

// wishStorable replaces wishFill where the answer is not stored, or asked about
// each time.
func wishStorable(r httpspec.Reason) string {
	switch r {
	case httpspec.ReasonNoStore, httpspec.ReasonPrivate, httpspec.ReasonNoCache:
		return "the origin did not send no-store, private or no-cache, or MinTTL were above 0"
	case httpspec.ReasonErrorNot:
		return "the status were one that is cached, or had a max-age"
	case httpspec.ReasonAuthorized:
		return "the origin said that the answer is for all: public or s-maxage"
	default:
		return "the answer had a lifetime: max-age or s-maxage of the origin, MinTTL or DefaultTTL of the policy"
	}
}

func (d *dry) unwish(text string) {
	d.out.Wishes = slices.DeleteFunc(d.out.Wishes, func(w string) bool { return w == text })
}

// stored says of what is stored how its lifetime came about.
func (d *dry) stored(o *cache.Object, h *httpmsg.Header) {
	x := d.x
	was, lines := x.asked, d.out.Lifetime
	defer func() {
		x.asked = was
		d.out.Cache.Lifetime, d.out.Lifetime = d.out.Lifetime, lines
	}()
	if x.beh.rfc {
		d.line("", "for %s, by RFC 9111", explain.Seconds(o.TTL+o.Age))
		return
	}
	x.judgeByRules(o.Status, h, nil)
	d.lifetimeOf(h, o.Status, x.asked.freshness)
	if x.asked.freshness.TTL != o.TTL { // the template, or the time of an error, changed it since
		d.line("", "as stored: %s", explain.Seconds(o.TTL))
	}
	if o.Flags&flagOriginDown != 0 {
		d.line("F9", "it stands in for a failing origin, which is not asked again for ErrorCachingMinTTL")
	}
}

// lifetime is the arithmetic for an answer that has just come.
func (d *dry) lifetime(h *httpmsg.Header, status int) {
	x := d.x
	f := x.asked.freshness
	kept := f.Store && f.TTL > 0
	if !kept {
		d.unwish(wishFill)
	}
	switch x.rec.Cache.Reason {
	case record.ReasonIdentity:
		d.line("K9", "the answer was decided by an identity that the key lacks: neither stored nor shared")
		d.wish("the key had what the API decides by (Authorization in the cache policy)")
		return
	case record.ReasonLeakSetCookie, record.ReasonLeakAuthorization, record.ReasonLeakCookie, record.ReasonLeakPrivate:
		d.line("N3", "%s", x.leakText(x.rec.Cache.Reason))
		d.wish("the leak guard were exact, or the cause mended")
		return
	case record.ReasonVaryStar:
		d.line("F13", "Vary names what the edge cannot tell apart: asked for each time")
		d.wish("the origin did not send Vary: *")
		return
	default:
		d.lifetimeOf(h, status, f)
	}
	if !x.keyed.cacheable {
		return
	}
	switch {
	case !f.Store:
		d.line("", "not stored")
	case f.TTL <= 0:
		d.line("", "stored to be asked about each time")
	default:
		d.line("", "would be stored for %s", explain.Seconds(f.TTL))
	}
	if !kept {
		d.wish(wishStorable(f.Reason))
	}
}

func (d *dry) line(rule, format string, args ...any) {
	d.out.Lifetime = append(d.out.Lifetime, explain.Line{Text: fmt.Sprintf(format, args...), Rule: rule})
}

// lifetimeOf writes the arithmetic whose result f is: what the origin says, what
// the policy allows, and the rule that decides.
func (d *dry) lifetimeOf(h *httpmsg.Header, status int, f httpspec.Freshness) {
	x := d.x
	for _, n := range []string{"Cache-Control", "CDN-Cache-Control", "Expires"} {
		if v := h.Join(n); v != "" && (n != "CDN-Cache-Control" || x.beh.rfc) {
			d.line("", "the origin says %s: %s", n, v)
		}
	}
	if status >= 400 {
		d.line("F10", "%d is an error: ErrorCachingMinTTL is %s", status, explain.Seconds(x.dist.errorTTL(status)))
	} else if p := x.beh.policy; !x.beh.rfc {
		d.line("", "the policy says MinTTL %s, DefaultTTL %s, MaxTTL %s", explain.Seconds(p.Min), explain.Seconds(p.Default), explain.Seconds(p.Max))
	}
	rule, text := ruleOf(f, x.beh.policy)
	d.line(rule, "%s", text)
	if f.Revalidate > 0 {
		d.line("F7", "then served for %s while it is refreshed (stale-while-revalidate)", explain.Seconds(f.Revalidate))
	}
	if f.IfErrorSet && f.Store {
		d.line("F8", "in place of an error for %s after that (stale-if-error)", explain.Seconds(f.IfError))
	}
}

// ruleOf is the row and the sentence of a reason.
func ruleOf(f httpspec.Freshness, p httpspec.Policy) (rule, text string) {
	ttl := explain.Seconds(f.TTL)
	switch f.Reason {
	case httpspec.ReasonMaxAge:
		return "F1", "max-age decides: " + ttl
	case httpspec.ReasonSMaxAge:
		return "F1", "s-maxage decides, before max-age: " + ttl
	case httpspec.ReasonExpires:
		return "F4", "Expires decides: " + ttl
	case httpspec.ReasonRaised:
		return "F2", "less than MinTTL: raised to " + ttl
	case httpspec.ReasonCapped:
		return "F1", "more than MaxTTL: cut to " + ttl
	case httpspec.ReasonDefault:
		return "F3", "no directive of the origin: DefaultTTL, " + ttl
	case httpspec.ReasonNoStore:
		return "F5", "no-store, and MinTTL is 0: not kept"
	case httpspec.ReasonPrivate:
		return "F5", "private, and MinTTL is 0: not kept"
	case httpspec.ReasonNoCache:
		return "F5", "no-cache, and MinTTL is 0: asked about each time"
	case httpspec.ReasonOverridden:
		return "F5", "no-cache, no-store or private does not count, for MinTTL is above 0: " + explain.Seconds(p.Min)
	case httpspec.ReasonDisabled:
		return "K7", "the policy forbids caching"
	case httpspec.ReasonErrorTTL:
		return "F10", "the error is kept for ErrorCachingMinTTL: " + ttl
	case httpspec.ReasonErrorHeader:
		return "F10", "the origin asks for longer than ErrorCachingMinTTL: " + ttl
	case httpspec.ReasonErrorNot:
		return "F10", "this status is not cached"
	case httpspec.ReasonHeuristic:
		return "", "a share of the time since Last-Modified (RFC 9111 4.2.2): " + ttl
	case httpspec.ReasonAuthorized:
		return "", "the request had Authorization, and nothing says that the answer is for all (RFC 9111 3.5)"
	}
	return "", f.Reason.String() + ": " + ttl
}
