// SPDX-License-Identifier: Apache-2.0

// Response rate limiting. Over UDP an attacker can ask in a victim's name, and
// the answers, larger than the questions, go to the victim. So a network (/24,
// /56) gets so many answers a second with the same meaning: to the same name, or
// that a name is not there or not ours. Of those beyond every second is dropped
// and every other one sent without content and truncated: a resolver that really
// asks comes again over TCP, which cannot be sent in another's name.
//
// Buckets are those of package throttle: bounded memory, nobody can make it
// forget.

package zone

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/forelane/forelane/internal/throttle"
)

// DefaultRate is how many answers of a meaning a network gets in a second.
const DefaultRate = 100

// limiterKeys bounds the buckets, 4 MiB of them.
const limiterKeys = 1 << 17

type limiter struct {
	table *throttle.Table
	limit throttle.Limit
	scope throttle.Key
	over  atomic.Uint64
}

func newLimiter(rate int) *limiter {
	if rate < 0 {
		return nil
	}
	if rate == 0 {
		rate = DefaultRate
	}
	t := throttle.NewTable(limiterKeys, time.Now())
	return &limiter{table: t, limit: throttle.NewLimit(float64(rate), 2*rate), scope: t.Scope("dns")}
}

// pass is the answer, another one in its place, or nil for none.
func (l *limiter) pass(m *dns.Msg, to netip.Addr) *dns.Msg {
	if l == nil {
		return m
	}
	bits := 24
	if to.Is6() {
		bits = 56
	}
	p, err := to.Prefix(bits)
	if err != nil {
		return m
	}
	key := p.String()
	switch {
	case m.Rcode == dns.RcodeSuccess && len(m.Question) == 1:
		key += " " + dns.CanonicalName(m.Question[0].Name)
	default:
		key += " " + dns.RcodeToString[m.Rcode] // whatever the name was: there are endless ones
	}
	if l.table.Take(l.table.InString(l.scope, key), l.limit, time.Now()) {
		return m
	}
	if l.over.Add(1)%2 == 0 {
		return nil
	}
	short := *m
	short.Truncated, short.Answer, short.Ns = true, nil, nil
	short.Extra = nil
	if opt := m.IsEdns0(); opt != nil {
		short.Extra = []dns.RR{opt}
	}
	return &short
}
