// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// rateMatch is a rate-based statement (row W6): it counts the requests that the
// scope-down statement matches, apart by the parts of the key, and matches those
// of an instance that is above its limit. A request that lacks a part of the key
// is not counted and not matched.
type rateMatch struct {
	scope  statement // nil: all
	parts  []ratePart
	from   *forwardedIP
	counts *window
}

type ratePart struct {
	kind       model.ACLRateKeyKind
	name       string
	fallback   bool
	transforms []transform
}

func (s *rateMatch) match(x *exam) bool {
	if s.scope != nil && !s.scope.match(x) {
		return false
	}
	x.key = x.key[:0]
	if !x.addr().IsValid() {
		return false // a request without an address comes from this process
	}
	for i := range s.parts {
		p := &s.parts[i]
		if p.kind == model.RateByIP { // the common one, without a text
			b := x.addr().As16()
			x.key = append(x.key, b[:]...)
			continue
		}
		text, ok := p.text(x, s.from)
		if !ok {
			return p.fallback && (p.kind == model.RateByJA3 || p.kind == model.RateByJA4)
		}
		for _, t := range p.transforms {
			text = t(text)
		}
		x.key = binary.AppendUvarint(x.key, uint64(len(text)))
		x.key = append(x.key, text...)
	}
	if x.dry {
		return s.counts.above(x.key, x.now)
	}
	return s.counts.count(x.key, x.now)
}

// text is what a request has for a part of the key.
func (p *ratePart) text(x *exam, from *forwardedIP) (text string, ok bool) {
	switch p.kind {
	case model.RateByIP:
	case model.RateByForwardedIP:
		return forwardedKey(x, from)
	case model.RateByHeader:
		if strings.EqualFold(p.name, "Host") {
			return x.rq.Host, true
		}
		if !x.rq.Header.Has(p.name) {
			return "", false
		}
		return x.rq.Header.Join(p.name), true
	case model.RateByCookie:
		return lookup(x.cookiePairs(), func(n string) bool { return n == p.name })
	case model.RateByQueryArgument:
		return lookup(x.queryArgs(), func(n string) bool { return strings.EqualFold(n, p.name) })
	case model.RateByQueryString:
		return x.rq.Query, x.rq.Query != ""
	case model.RateByMethod:
		return x.rq.Method, true
	case model.RateByPath:
		return x.rq.Path, true
	case model.RateByLabel:
		var b strings.Builder
		for _, l := range x.v.Labels {
			if strings.HasPrefix(l, p.name) {
				b.WriteString(l)
				b.WriteByte(' ')
			}
		}
		return b.String(), b.Len() > 0
	case model.RateByJA3:
		if t := x.rq.Viewer.TLS; t != nil {
			return t.JA3, t.JA3 != ""
		}
	case model.RateByASN:
		n := x.place(x.addr()).ASN
		return strconv.FormatUint(uint64(n), 10), true
	case model.RateByJA4:
		if t := x.rq.Viewer.TLS; t != nil {
			return t.JA4, t.JA4 != ""
		}
	}
	return "", false
}

// addrText is the bytes of an address.
func addrText(a netip.Addr) (string, bool) {
	if !a.IsValid() {
		return "", false
	}
	b := a.As16()
	return string(b[:]), true
}

// forwardedKey is the address that a header tells first.
func forwardedKey(x *exam, from *forwardedIP) (text string, ok bool) {
	if from == nil {
		return "", false
	}
	from.any(x, func(a netip.Addr) bool {
		text, ok = addrText(a)
		return true
	})
	return text, ok
}

func lookup(pairs []pair, is func(string) bool) (string, bool) {
	for _, p := range pairs {
		if is(p.name) {
			return p.value, true
		}
	}
	return "", false
}

func (c *compiler) rate(m *model.RateMatch) (*rateMatch, error) {
	s := &rateMatch{from: compileForwarded(m.Forwarded), counts: c.window(m)}
	if m.ScopeDown != nil {
		scope, err := c.statement(m.ScopeDown)
		if err != nil {
			return nil, err
		}
		s.scope = scope
	}
	for _, k := range m.Keys {
		ts, err := compileTransforms(k.Transforms)
		if err != nil {
			return nil, err
		}
		s.parts = append(s.parts, ratePart{k.Kind, k.Name, k.Fallback, ts})
	}
	return s, nil
}
