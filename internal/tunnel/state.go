// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// AgentState is an agent of the roll, with its connections.
type AgentState struct {
	ID      string      `json:"id"`
	Label   string      `json:"label"`
	Origins []string    `json:"origins"` // that it may serve
	Joined  time.Time   `json:"joined"`
	Expires time.Time   `json:"expires"`
	Revoked bool        `json:"revoked"`
	Links   []LinkState `json:"links"`
}

// LinkState is one connection of an agent.
type LinkState struct {
	Carrier string        `json:"carrier"` // quic, h2
	From    string        `json:"from"`
	Since   time.Time     `json:"since"`
	Serves  []string      `json:"serves"`
	Healthy bool          `json:"healthy"` // it may be asked
	Leaving bool          `json:"leaving"`
	Under   int           `json:"underWay"` // requests
	RTT     time.Duration `json:"rttNanos"`
	Asked   int64         `json:"asked"`
	Failed  int64         `json:"failed"` // streams that could not be opened
}

// Agents are those on the roll, by when they joined.
func (h *Hub) Agents() []AgentState {
	h.mu.Lock()
	links := map[string][]LinkState{}
	for l := range h.links {
		links[l.id] = append(links[l.id], l.state())
	}
	h.mu.Unlock()
	out := []AgentState{}
	for _, g := range h.authority.Agents() {
		s := AgentState{ID: g.ID, Label: g.Label, Origins: g.Names, Joined: g.Joined, Expires: g.Expires, Revoked: g.Revoked, Links: links[g.ID]}
		slices.SortFunc(s.Links, func(a, b LinkState) int {
			return cmp.Or(strings.Compare(a.Carrier, b.Carrier), strings.Compare(a.From, b.From))
		})
		if s.Links == nil {
			s.Links = []LinkState{}
		}
		out = append(out, s)
	}
	return out
}

func (l *Link) state() LinkState {
	under, rtt, ok := l.load()
	l.mu.Lock()
	defer l.mu.Unlock()
	return LinkState{
		Carrier: l.edge.Kind().String(), From: l.edge.Remote().String(), Since: l.since.UTC(), Serves: l.names,
		Healthy: ok, Leaving: l.over.Err() != nil, Under: under, RTT: rtt, Asked: l.total, Failed: l.failed,
	}
}

// Serving is how many agents serve a name and may be asked, by whichever carrier.
func (h *Hub) Serving(names ...string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := map[string]bool{}
	for l := range h.links {
		if _, _, ok := l.load(); ok && slices.ContainsFunc(names, func(name string) bool { return slices.Contains(l.names, name) }) {
			ids[l.id] = true
		}
	}
	return len(ids)
}

// Figures are sums for the metrics.
type Figures struct {
	Links, Healthy, UnderWay int
	Refused                  int64
}

// Figures counts.
func (h *Hub) Figures() Figures {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := Figures{Links: len(h.links), Refused: h.refused.Load()}
	for l := range h.links {
		under, _, ok := l.load()
		f.UnderWay += under
		if ok {
			f.Healthy++
		}
	}
	return f
}
