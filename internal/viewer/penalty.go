// SPDX-License-Identifier: Apache-2.0

package viewer

// A connection that floods is ended by its engine, at the cost of a handshake
// and of what its buckets allow: some milliseconds of CPU. A flooder that may
// come back at once makes that the load. So its address waits: a second after
// the first time, four times as long after each further one, a minute at most;
// two minutes without a flood and all is forgotten. Connections that are there
// go on, for behind one address there may be others.

import (
	"net/netip"
	"time"
)

const (
	firstPenalty  = time.Second
	penaltyGrowth = 4
	mostPenalty   = time.Minute
	forgetAfter   = 2 * time.Minute
	mostPenalties = 1 << 16 // addresses; more are not punished
)

// penalty is of one address.
type penalty struct {
	until time.Time
	last  time.Duration
}

// blame notes that a connection of a flooded.
func (g *Gate) blame(a netip.Addr) {
	a = holder(a)
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	p, known := g.punished[a]
	if known && now.After(p.until.Add(forgetAfter)) {
		p = penalty{}
	}
	if !known && len(g.punished) >= mostPenalties {
		g.forget(now)
		if len(g.punished) >= mostPenalties {
			return
		}
	}
	p.last = min(max(p.last*penaltyGrowth, firstPenalty), mostPenalty)
	p.until = now.Add(p.last)
	g.punished[a] = p
	g.floods++
}

// barred tells whether a has to wait. The caller holds mu.
func (g *Gate) barred(a netip.Addr) bool {
	if len(g.punished) == 0 {
		return false
	}
	p, ok := g.punished[a]
	return ok && time.Now().Before(p.until)
}

// forget drops what is past. The caller holds mu.
func (g *Gate) forget(now time.Time) {
	for a, p := range g.punished {
		if now.After(p.until.Add(forgetAfter)) {
			delete(g.punished, a)
		}
	}
}
