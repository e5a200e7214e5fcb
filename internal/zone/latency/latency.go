// SPDX-License-Identifier: Apache-2.0

// Package latency keeps how far viewers are from regions, in time.
//
// A figure is of a network of viewers (/24 of IPv4, /48 of IPv6) and a region.
// The flow: (1) the node that a viewer connects to measures the round trip of
// its connection, which is one to the node's own region (Learn); (2) the figures
// that other nodes measured are taken over from them (Merge), and those that an
// operator knows from a file (Configure); (3) Between gives the measured figure,
// else the configured one of the longest prefix around the viewer; else there is
// none. Nothing is guessed from where regions are on the map.
//
// A measured figure is an average that moves: each new one counts a quarter. It
// is forgotten after a day, or when the table is full and it is among the oldest
// that are looked at.
//
// What it does not do: it opens no socket and reads no file. A Table may be used
// by many at once; its zero value is not usable, make it with New.
package latency

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Row is one figure.
type Row struct {
	Prefix netip.Prefix
	Region string
	RTT    time.Duration
}

// Bounds of a Table.
const (
	mostNetworks = 1 << 16
	mostRegions  = 64 // of a network
	keep         = 24 * time.Hour
	worst        = 10 * time.Second
	share        = 4 // a new figure counts 1/share
	glance       = 16
)

// Table holds figures.
type Table struct {
	mu         sync.Mutex
	measured   map[netip.Prefix]*network
	configured map[netip.Prefix][]figure
	lengths    [2][]int // of the prefixes of configured, the longest first; IPv4 and IPv6
}

type network struct {
	seen    time.Time
	regions []figure
}

type figure struct {
	region string
	rtt    time.Duration
	at     time.Time
	own    bool // measured by this node
}

// New makes an empty table.
func New() *Table {
	return &Table{measured: map[netip.Prefix]*network{}, configured: map[netip.Prefix][]figure{}}
}

// Network is what viewers are told apart by.
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// Learn takes a round trip that this node has measured to its own region.
func (t *Table) Learn(viewer netip.Addr, region string, rtt time.Duration) {
	p := Network(viewer)
	if !p.IsValid() || rtt <= 0 || rtt > worst || region == "" {
		return
	}
	t.put(p, figure{region: region, rtt: rtt, own: true}, true)
}

// Merge takes over what another node has measured, in place of what was known
// of the same network and region. What this node measures itself stays.
func (t *Table) Merge(rows []Row) {
	for _, r := range rows {
		p := Network(r.Prefix.Addr())
		if p != r.Prefix || r.RTT <= 0 || r.RTT > worst || r.Region == "" {
			continue
		}
		t.put(p, figure{region: r.Region, rtt: r.RTT}, false)
	}
}

func (t *Table) put(p netip.Prefix, f figure, average bool) {
	f.at = time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.measured[p]
	if n == nil {
		t.makeRoom(f.at)
		n = &network{}
		t.measured[p] = n
	}
	n.seen = f.at
	i := slices.IndexFunc(n.regions, func(o figure) bool { return o.region == f.region })
	switch {
	case i < 0 && len(n.regions) < mostRegions:
		f.region = strings.Clone(f.region)
		n.regions = append(n.regions, f)
	case i < 0:
	case average && n.regions[i].own && f.at.Sub(n.regions[i].at) < keep:
		old := &n.regions[i]
		old.rtt += (f.rtt - old.rtt) / share
		old.at = f.at
	case average || !n.regions[i].own || f.at.Sub(n.regions[i].at) >= keep:
		f.region = n.regions[i].region
		n.regions[i] = f
	}
}

// makeRoom forgets the oldest of a few networks when the table is full. The
// caller holds mu.
func (t *Table) makeRoom(now time.Time) {
	if len(t.measured) < mostNetworks {
		return
	}
	var oldest netip.Prefix
	least, looked := now, 0
	for p, n := range t.measured { // in no order: these are random ones
		if looked == 0 || n.seen.Before(least) {
			oldest, least = p, n.seen
		}
		if looked++; looked == glance {
			break
		}
	}
	delete(t.measured, oldest)
}

// Configure replaces what an operator knows. Prefixes are of any length.
func (t *Table) Configure(rows []Row) {
	all := map[netip.Prefix][]figure{}
	var lengths [2][]int
	for _, r := range rows {
		p := r.Prefix.Masked()
		all[p] = append(all[p], figure{region: r.Region, rtt: r.RTT})
		f := family(p.Addr())
		if !slices.Contains(lengths[f], p.Bits()) {
			lengths[f] = append(lengths[f], p.Bits())
		}
	}
	for f := range lengths {
		slices.Sort(lengths[f])
		slices.Reverse(lengths[f])
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.configured, t.lengths = all, lengths
}

func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// Between is the time from a viewer to a region; false: it is not known.
func (t *Table) Between(viewer netip.Addr, region string) (time.Duration, bool) {
	p := Network(viewer)
	if !p.IsValid() {
		return 0, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.measured[p]; n != nil {
		for _, f := range n.regions {
			if f.region == region && time.Since(f.at) < keep {
				return f.rtt, true
			}
		}
	}
	viewer = viewer.Unmap().WithZone("")
	for _, bits := range t.lengths[family(viewer)] {
		p, err := viewer.Prefix(bits)
		if err != nil {
			continue
		}
		for _, f := range t.configured[p] {
			if f.region == region {
				return f.rtt, true
			}
		}
	}
	return 0, false
}

// Rows are the figures that this node has measured, sorted.
func (t *Table) Rows() []Row {
	t.mu.Lock()
	var out []Row
	for p, n := range t.measured {
		for _, f := range n.regions {
			if f.own && time.Since(f.at) < keep {
				out = append(out, Row{p, f.region, f.rtt})
			}
		}
	}
	t.mu.Unlock()
	slices.SortFunc(out, func(a, b Row) int {
		if c := a.Prefix.Addr().Compare(b.Prefix.Addr()); c != 0 {
			return c
		}
		return strings.Compare(a.Region, b.Region)
	})
	return out
}

// Len is how many networks have been measured.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.measured)
}

func millis(f float64) time.Duration {
	return time.Duration(math.Round(f * float64(time.Millisecond)))
}
