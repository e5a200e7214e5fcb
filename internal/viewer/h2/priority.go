// SPDX-License-Identifier: Apache-2.0

package h2

import "github.com/forelane/forelane/internal/viewer/mux"

// early keeps the PRIORITY_UPDATEs of streams that are still to come (RFC
// 9218 7.1); when there are more than places, the oldest is forgotten.
type early struct {
	ids  [16]uint32
	p    [16]mux.Priority
	next int
}

func (e *early) put(id uint32, p mux.Priority) {
	for i := range e.ids {
		if e.ids[i] == id {
			e.p[i] = p
			return
		}
	}
	e.ids[e.next], e.p[e.next] = id, p
	e.next = (e.next + 1) % len(e.ids)
}

func (e *early) take(id uint32) (mux.Priority, bool) {
	for i := range e.ids {
		if e.ids[i] == id {
			e.ids[i] = 0
			return e.p[i], true
		}
	}
	return mux.Normal, false
}
