// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"strings"

	"github.com/forelane/forelane/internal/httpspec"
)

// priority is the urgency and the incremental parameter of RFC 9218 4: 0 is
// the most urgent, 7 the least.
type priority struct {
	urgency     uint8
	incremental bool
}

var normal = priority{urgency: 3}

// parsePriority reads a Priority field: a dictionary of structured fields
// with the members u and i. What cannot be understood counts as absent.
func parsePriority(v string) priority {
	p := normal
	for item, rest, ok := httpspec.NextItem(v); ok; item, rest, ok = httpspec.NextItem(rest) {
		item, _, _ = strings.Cut(item, ";")
		switch key, value, valued := strings.Cut(strings.TrimSpace(item), "="); key {
		case "u":
			if len(value) == 1 && value[0] >= '0' && value[0] <= '7' {
				p.urgency = value[0] - '0'
			}
		case "i":
			if !valued || value == "?1" {
				p.incremental = true
			} else if value == "?0" {
				p.incremental = false
			}
		}
	}
	return p
}

// early keeps the PRIORITY_UPDATEs of streams that are still to come (RFC
// 9218 7.1); when there are more than places, the oldest is forgotten.
type early struct {
	ids  [16]uint32
	p    [16]priority
	next int
}

func (e *early) put(id uint32, p priority) {
	for i := range e.ids {
		if e.ids[i] == id {
			e.p[i] = p
			return
		}
	}
	e.ids[e.next], e.p[e.next] = id, p
	e.next = (e.next + 1) % len(e.ids)
}

func (e *early) take(id uint32) (priority, bool) {
	for i := range e.ids {
		if e.ids[i] == id {
			e.ids[i] = 0
			return e.p[i], true
		}
	}
	return normal, false
}
