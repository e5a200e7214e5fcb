// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/edge/account"
	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/record"
)

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
		d.unwish(account.WishFill)
	}
	switch x.rec.Cache.Reason {
	case record.ReasonIdentity:
		why, _ := account.Why(record.ReasonIdentity, false)
		d.line("K9", "%s", why)
		d.wishOf(record.ReasonIdentity)
		return
	case record.ReasonLeakSetCookie, record.ReasonLeakAuthorization, record.ReasonLeakCookie, record.ReasonLeakPrivate:
		d.line("N3", "%s", x.leakText(x.rec.Cache.Reason))
		d.wish("the leak guard were exact, or the cause mended")
		return
	case record.ReasonVaryStar:
		d.line("F13", "Vary names what the edge cannot tell apart: asked for each time")
		d.wishOf(record.ReasonVaryStar)
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
		d.wish(account.WishStorable(f.Reason))
	}
}

func (d *dry) line(rule, format string, args ...any) {
	(*account.Lines)(&d.out.Lifetime).Add(rule, format, args...)
}

func (d *dry) lifetimeOf(h *httpmsg.Header, status int, f httpspec.Freshness) {
	x := d.x
	(*account.Lines)(&d.out.Lifetime).Lifetime(h, status, f, account.Terms{Policy: x.beh.policy, RFC: x.beh.rfc, ErrorTTL: x.dist.errorTTL(status)})
}
