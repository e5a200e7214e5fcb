// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"sync"
	"time"
)

// The pauses for which a node that failed is left out: they double.
const (
	pauseMin = time.Second
	pauseMax = 30 * time.Second
)

// health has the nodes that failed.
type health struct {
	mu   sync.Mutex
	down map[string]outage // by name
}

type outage struct {
	until time.Time
	pause time.Duration
	tried bool // somebody finds out whether it is back
}

// out tells whether a node is to be left out. When its pause is over one caller
// is let through to find out; the others wait for what that one learns.
func (h *health) out(name string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	o, ok := h.down[name]
	if !ok {
		return false
	}
	if now.Before(o.until) || o.tried {
		return true
	}
	o.tried = true
	h.down[name] = o
	return false
}

func (h *health) failed(name string, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o, ok := h.down[name]
	if ok && now.Before(o.until) {
		return // asked before the first failure was known
	}
	if h.down == nil {
		h.down = map[string]outage{}
	}
	pause := min(max(2*o.pause, pauseMin), pauseMax)
	h.down[name] = outage{until: now.Add(pause), pause: pause}
}

func (h *health) worked(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.down, name)
}
