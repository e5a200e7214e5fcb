// SPDX-License-Identifier: Apache-2.0

// Package health runs health checks (row R2).
//
// The flow: (1) Apply takes the checks of a revision; those that are as before
// go on, with their state; (2) each has a goroutine that probes its endpoint
// (probe.go) every interval, spread over the first one; (3) as many results in
// a row as its threshold says change its state, from the healthy one that it
// begins with; (4) Healthy turns the state by Inverted, and counts the children
// of a calculated check.
//
// What it does not do: one node checks, so there is no vote; it sends nothing
// but the probe and keeps no history.
//
// Concurrency: a Checks may be used by many at once.
package health

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// Options of a Checks. The zero value is usable.
type Options struct {
	// Interval replaces that of the checks, and a half of it bounds how long a
	// probe takes, for tests and trials. 0: as the template says.
	Interval time.Duration
	// Dial connects. Nil: TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Resolve finds the addresses of a name. Nil: the system does.
	Resolve func(ctx context.Context, name string) ([]netip.Addr, error)
	// Inside is what answers in this process for a host, nil where nothing
	// does. Nil: nothing ever.
	Inside func(host string) http.RoundTripper
	// Changed is called after a check has changed its state, never by two at
	// once. Nil: nobody wants to know.
	Changed func(id string, healthy bool)
	// Log takes changes. Nil: dropped.
	Log *slog.Logger
}

// Checks are the health checks of a node.
type Checks struct {
	o   Options
	ctx context.Context // ends with Close
	end context.CancelFunc
	run sync.WaitGroup

	mu      sync.Mutex
	checks  map[string]*check
	telling sync.Mutex // Changed
}

// check is one, with its state.
type check struct {
	m    *model.HealthCheck
	stop context.CancelFunc

	// Under Checks.mu.
	sick bool
	row  int // results in a row that are not as sick says
	last error
}

// mostDepth bounds how deep calculated checks are in each other.
const mostDepth = 8

// New makes a Checks without any check.
func New(o Options) *Checks {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	if o.Resolve == nil {
		o.Resolve = func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip4", name)
		}
	}
	c := &Checks{o: o, checks: map[string]*check{}}
	c.ctx, c.end = context.WithCancel(context.Background())
	return c
}

// Apply makes these the checks that run.
func (c *Checks) Apply(all []*model.HealthCheck) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return
	}
	next := map[string]*check{}
	for _, m := range all {
		if old := c.checks[m.ID]; old != nil && same(old.m, m) {
			next[m.ID] = old
			delete(c.checks, m.ID)
			continue
		}
		one := &check{m: m, stop: func() {}}
		next[m.ID] = one
		if m.Disabled || m.Kind == model.HealthCalculated || m.Kind == model.HealthAlarm {
			continue
		}
		var ctx context.Context
		ctx, one.stop = context.WithCancel(c.ctx)
		c.run.Go(func() { c.watch(ctx, one) })
	}
	for _, old := range c.checks {
		old.stop()
	}
	c.checks = next
}

// same tells whether a check asks the same of the same endpoint.
func same(a, b *model.HealthCheck) bool {
	x, y := *a, *b
	x.Pos, y.Pos = "", ""
	if !slices.Equal(x.Children, y.Children) {
		return false
	}
	x.Children, y.Children = nil, nil
	return x.LogicalID == y.LogicalID && x.ID == y.ID && x.Kind == y.Kind && x.Address == y.Address && x.Host == y.Host && x.Port == y.Port &&
		x.Path == y.Path && x.Search == y.Search && x.SNI == y.SNI && x.Interval == y.Interval && x.Threshold == y.Threshold &&
		x.Inverted == y.Inverted && x.Disabled == y.Disabled && x.Healthy == y.Healthy
}

// watch probes until ctx ends.
func (c *Checks) watch(ctx context.Context, one *check) {
	every := one.m.Interval
	if c.o.Interval > 0 {
		every = c.o.Interval
	}
	first := time.NewTimer(rand.N(every)) //nolint:gosec // spreads checks, hides nothing
	defer first.Stop()
	select {
	case <-first.C:
	case <-ctx.Done():
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		within := ctx
		cancel := func() {}
		if c.o.Interval > 0 {
			within, cancel = context.WithTimeout(ctx, c.o.Interval/2)
		}
		err := c.probe(within, one.m)
		cancel()
		if ctx.Err() != nil {
			return
		}
		c.note(one, err)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// note counts a result, which may change the state.
func (c *Checks) note(one *check, err error) {
	c.telling.Lock()
	defer c.telling.Unlock()
	c.mu.Lock()
	one.last = err
	if (err != nil) == one.sick {
		one.row = 0
		c.mu.Unlock()
		return
	}
	if one.row++; one.row < one.m.Threshold {
		c.mu.Unlock()
		return
	}
	one.sick, one.row = !one.sick, 0
	sick := one.sick
	c.mu.Unlock()
	c.o.Log.Info("health check", "check", one.m.LogicalID, "endpoint", one.m.Endpoint(), "healthy", !sick, "err", err)
	if c.o.Changed != nil {
		c.o.Changed(one.m.ID, c.Healthy(one.m.ID))
	}
}

// Healthy tells the state of a check. One that does not exist is healthy.
func (c *Checks) Healthy(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.healthy(id, 0)
}

func (c *Checks) healthy(id string, depth int) bool {
	one := c.checks[id]
	if one == nil || depth > mostDepth {
		return true
	}
	ok := !one.sick
	if one.m.Kind == model.HealthCalculated && !one.m.Disabled {
		n := 0
		for _, child := range one.m.Children {
			if c.healthy(child, depth+1) {
				n++
			}
		}
		ok = n >= one.m.Healthy
	}
	return ok != one.m.Inverted
}

// State is one check for people.
type State struct {
	ID        string `json:"id"`
	LogicalID string `json:"logicalId"`
	Kind      string `json:"kind"`
	Endpoint  string `json:"endpoint"`
	Healthy   bool   `json:"healthy"`
	Last      string `json:"last,omitempty"` // why the last probe failed; empty: it did not
}

// States are those of all checks, by logical id.
func (c *Checks) States() []State {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []State{}
	for id, one := range c.checks {
		s := State{ID: id, LogicalID: one.m.LogicalID, Kind: one.m.Kind.String(), Endpoint: one.m.Endpoint(), Healthy: c.healthy(id, 0)}
		if one.last != nil {
			s.Last = one.last.Error()
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b State) int {
		if a.LogicalID < b.LogicalID {
			return -1
		}
		return 1
	})
	return out
}

// Close stops all checks.
func (c *Checks) Close() {
	c.end()
	c.run.Wait()
}
