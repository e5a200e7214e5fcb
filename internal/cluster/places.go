// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"slices"
	"sort"
	"sync"
)

// places remembers where entries stand, so that a read of the end of the log
// need not begin at its beginning. It knows every placeStep-th entry, and the
// last ones.
type places struct {
	mu    sync.Mutex
	known []place // by number
}

const (
	placeStep  = 256
	placesKept = 4096
)

func (p *places) note(at place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := sort.Search(len(p.known), func(i int) bool { return p.known[i].Number >= at.Number })
	if i < len(p.known) && p.known[i].Number == at.Number {
		return
	}
	p.known = slices.Insert(p.known, i, at)
	if len(p.known) > placesKept {
		recent := p.known[len(p.known)-1].Number - min(placesKept/4, p.known[len(p.known)-1].Number)
		p.known = slices.DeleteFunc(p.known, func(o place) bool { return o.Number%placeStep != 0 && o.Number < recent })
	}
}

// last is the last place that is known; there may be later ones.
func (p *places) last() place { return p.before(AnyLast) }

// before is the last known place whose number is not above n.
func (p *places) before(n uint64) place {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := sort.Search(len(p.known), func(i int) bool { return p.known[i].Number > n }); i > 0 {
		return p.known[i-1]
	}
	return place{}
}
