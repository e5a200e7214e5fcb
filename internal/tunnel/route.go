// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/tunnel/carrier"
)

// Route is the way to one origin, which may have several names: the first one
// that an agent serves counts.
type Route struct {
	hub    *Hub
	names  []string
	told   atomic.Int64 // when the log was last told that nobody serves it
	turn   atomic.Uint32
	absent atomic.Int64 // requests that found no agent
	mean   atomic.Int64 // bytes of answers, the last ones counting most
}

// bulky is from which mean an origin's requests go by TCP where there is a
// choice: QUIC costs twice as much for what is large, and nothing more for what
// is small (decision 0018).
const bulky = 32 << 10

// took notes what a request has brought.
func (r *Route) took(n int64) {
	m := r.mean.Load() // one of two that meet is lost, which does no harm
	r.mean.Store(m + (n-m)/8)
}

// Route makes a Route; names go from the most exact to the least. Until its
// answers are known to be small they go by TCP.
func (h *Hub) Route(names ...string) *Route {
	r := &Route{hub: h, names: names}
	r.mean.Store(bulky + 1)
	return r
}

// Names are the names by which agents may serve the origin.
func (r *Route) Names() []string { return r.names }

// Way is an agent that serves an origin, for one request or several.
type Way struct {
	link *Link
	name string
}

// Dial opens a stream to the origin's target.
func (w Way) Dial(ctx context.Context) (net.Conn, error) { return w.link.Dial(ctx, w.name) }

// Over ends when the agent takes nothing new.
func (w Way) Over() context.Context { return w.link.over }

// NoAgent is an origin that no agent serves.
type NoAgent struct{ Names []string }

// Error names the origin.
func (e *NoAgent) Error() string {
	return "no agent serves the origin " + strings.Join(e.Names, " or ") + " (forelane connect)"
}

// quiet is how often the log is told that nobody serves an origin.
const quiet = 10 * time.Second

// recent is how long an origin counts as one that had an agent just now.
const recent = time.Minute

// Take chooses an agent for a request: of those that answer pings the one with
// the fewest requests under way, in turn among equals, and the carrier that suits
// what the origin answers. Those in tried are not taken. done is to be called
// when the request is over, with the bytes of its answer.
//
// When there is none but was one a moment ago, Take waits for it to come back.
func (r *Route) Take(ctx context.Context, tried []Way) (w Way, done func(read int64), err error) {
	var patience <-chan time.Time
	for {
		l, name, changed, hope := r.find(tried)
		if l != nil {
			l.begin()
			return Way{l, name}, func(read int64) { l.done(); r.took(read) }, nil
		}
		if patience == nil {
			if !hope || r.hub.o.Patience < 0 {
				break
			}
			t := time.NewTimer(r.hub.o.Patience)
			defer t.Stop()
			patience = t.C
		}
		select {
		case <-changed:
			continue
		case <-ctx.Done():
			return Way{}, nil, context.Cause(ctx)
		case <-r.hub.ctx.Done():
		case <-patience:
		}
		break
	}
	r.absent.Add(1)
	now := time.Now()
	if last := r.told.Load(); now.UnixNano()-last > int64(quiet) && r.told.CompareAndSwap(last, now.UnixNano()) {
		r.hub.log.Error("tunnel: a request failed because no agent serves its origin", "origin", strings.Join(r.names, " or "),
			"do", "forelane tunnel token --origin "+r.names[len(r.names)-1]+", then forelane connect beside the target")
	}
	return Way{}, nil, &net.OpError{Op: "dial", Net: "tunnel", Err: &NoAgent{r.names}}
}

// find looks for an agent. changed is closed when it is worth to look again,
// hope tells that there was one a moment ago.
func (r *Route) find(tried []Way) (best *Link, name string, changed <-chan struct{}, hope bool) {
	h := r.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name = range r.names {
		if agents := h.who(name, tried); len(agents) > 0 {
			return agents[int(r.turn.Add(1))%len(agents)].by(r.mean.Load() > bulky), name, nil, false
		}
	}
	for _, n := range r.names {
		hope = hope || time.Since(h.lost[n]) < recent
	}
	return nil, "", h.changed, hope
}

// candidate is an agent that may be asked, with its connections.
type candidate struct {
	id    string
	under int
	links []*Link
}

// who are the agents for a name with the fewest requests under way. h.mu is held.
func (h *Hub) who(name string, tried []Way) []candidate {
	var all []candidate
	for l := range h.links {
		if !slices.Contains(l.names, name) || slices.Contains(tried, Way{l, name}) {
			continue
		}
		under, _, ok := l.load()
		if !ok {
			continue
		}
		i := slices.IndexFunc(all, func(c candidate) bool { return c.id == l.id })
		if i < 0 {
			i = len(all)
			all = append(all, candidate{id: l.id})
		}
		all[i].under += under
		all[i].links = append(all[i].links, l)
	}
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Or(cmp.Compare(a.under, b.under), cmp.Compare(a.id, b.id)) })
	n := 0
	for n < len(all) && all[n].under == all[0].under {
		n++
	}
	return all[:n]
}

// by is the newest connection by TCP, or else by QUIC, where there is one.
func (c candidate) by(tcp bool) *Link {
	best := c.links[0]
	for _, l := range c.links[1:] {
		suits, fits := l.edge.Kind() == carrier.HTTP2 == tcp, best.edge.Kind() == carrier.HTTP2 == tcp
		if suits && !fits || suits == fits && l.since.After(best.since) {
			best = l
		}
	}
	return best
}
