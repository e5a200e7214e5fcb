// SPDX-License-Identifier: Apache-2.0

package viewer

// A connection costs a file descriptor and some 10 to 60 KB, whoever holds it.
// The Gate counts them for all listeners of a node, and has three bounds:
//
//   - of one address: a connection beyond it is closed at once;
//   - of an address whose connection has flooded: none for a while (penalty.go);
//   - in all: when it is reached, connections without a request are closed,
//     those that have been idle longest first, a sixteenth of all at a time;
//     when none is idle, accepting pauses, and the kernel's queue waits.
//
// A balancer's connections (balancer.go) count in all; of one address they
// count when the balancer has said whose they are.
//
// So an open connection with a request is never closed for a new one, and one
// address cannot hold all there are. Hostile viewers that keep a connection
// busy are ended by the engines' timeouts.

import (
	"context"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// Bounds of a Gate.
type Bounds struct {
	// Connections at once, of all listeners. 0: half of the file descriptors
	// that the process may have, at most 32,768.
	Connections int
	// PerAddress are connections at once of one address, or of one IPv6 /64.
	// 0: half of Connections.
	PerAddress int
}

const (
	mostDefault = 32768
	leastBound  = 16
	reclaimPart = 16 // this part of the bound is reclaimed at a time
	gatePause   = 50 * time.Millisecond
)

// Gate counts the connections of the listeners that share it. Make it with
// NewGate; it may be used by many at once.
type Gate struct {
	most, each int

	mu      sync.Mutex
	open    int
	by      map[netip.Addr]int
	room    chan struct{} // closed when a connection ends; nil: nobody waits
	engines []idler

	punished map[netip.Addr]penalty

	refused, reclaimed, floods, silent uint64
}

// idler closes up to most connections that have had no request since before.
type idler interface {
	CloseIdle(before time.Time, most int) int
}

// NewGate makes a Gate with the bounds b.
func NewGate(b Bounds) *Gate {
	if b.Connections <= 0 {
		b.Connections = mostDefault
		var files syscall.Rlimit // the Go runtime has raised it to the hard limit
		if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil && files.Cur/2 < mostDefault {
			b.Connections = max(int(files.Cur/2), leastBound)
		}
	}
	if b.PerAddress <= 0 {
		b.PerAddress = max(b.Connections/2, 1)
	}
	return &Gate{most: b.Connections, each: b.PerAddress, by: map[netip.Addr]int{}, punished: map[netip.Addr]penalty{}}
}

// join makes the idle connections of engines reclaimable.
func (g *Gate) join(engines ...idler) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.engines = append(g.engines, engines...)
}

// holder is what the bound of one address counts: in IPv6 whoever has one
// address has its /64.
func holder(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, err := a.Prefix(64)
		if err == nil {
			return p.Addr()
		}
	}
	return a
}

// enter counts a connection of a, or of nobody yet when a is not valid. It
// waits for room, until ctx ends. False: the connection is refused.
func (g *Gate) enter(ctx context.Context, a netip.Addr) bool {
	a = holder(a)
	for {
		g.mu.Lock()
		if !g.welcome(a) {
			g.mu.Unlock()
			return false
		}
		if g.open < g.most {
			g.open++
			g.hold(a)
			g.mu.Unlock()
			return true
		}
		if g.room == nil {
			g.room = make(chan struct{})
		}
		room := g.room
		g.mu.Unlock()
		g.reclaim()
		select {
		case <-room:
		case <-time.After(gatePause): // somebody may be idle by now
		case <-ctx.Done():
			return false
		}
	}
}

// claim tells whose a connection is that entered as nobody's. False: it is
// refused.
func (g *Gate) claim(a netip.Addr) bool {
	a = holder(a)
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.welcome(a) {
		return false
	}
	g.hold(a)
	return true
}

// welcome counts a refusal. The caller holds mu, as for hold and release.
func (g *Gate) welcome(a netip.Addr) bool {
	if a.IsValid() && (g.by[a] >= g.each || g.barred(a)) {
		g.refused++
		return false
	}
	return true
}

func (g *Gate) hold(a netip.Addr) {
	if a.IsValid() {
		g.by[a]++
	}
}

func (g *Gate) release(a netip.Addr) {
	if !a.IsValid() {
		return
	}
	if g.by[a]--; g.by[a] <= 0 {
		delete(g.by, a)
	}
}

// leave ends what enter and claim have counted.
func (g *Gate) leave(a netip.Addr) {
	a = holder(a)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
	g.release(a)
	if g.room != nil {
		close(g.room)
		g.room = nil
	}
}

// reclaim closes connections that are idle, roughly the oldest first.
func (g *Gate) reclaim() {
	g.mu.Lock()
	engines, want := g.engines, max(g.most/reclaimPart, 1)
	g.mu.Unlock()
	now, done := time.Now(), 0
	for _, age := range []time.Duration{30 * time.Second, 10 * time.Second, 3 * time.Second, time.Second, 0} {
		for _, e := range engines {
			if done < want {
				done += e.CloseIdle(now.Add(-age), want-done)
			}
		}
	}
	g.mu.Lock()
	g.reclaimed += uint64(done)
	g.mu.Unlock()
}

// GateState is what a Gate counts.
type GateState struct {
	Open      int
	Most      int
	Refused   uint64 // connections beyond the bound of their address, or barred
	Reclaimed uint64 // idle connections that were closed for new ones
	Floods    uint64 // connections that were ended because they flooded
	Silent    uint64 // connections of balancers that did not say whom they carry
}

// State is the state now.
func (g *Gate) State() GateState {
	g.mu.Lock()
	defer g.mu.Unlock()
	return GateState{Open: g.open, Most: g.most, Refused: g.refused, Reclaimed: g.reclaimed, Floods: g.floods, Silent: g.silent}
}
