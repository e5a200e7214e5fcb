// SPDX-License-Identifier: Apache-2.0

package mux

import (
	"strings"

	"github.com/forelane/forelane/internal/httpspec"
)

// Priority is the urgency and the incremental parameter of RFC 9218 4: 0 is
// the most urgent, 7 the least.
type Priority struct {
	Urgency     uint8
	Incremental bool
}

// Normal is the priority of who tells none.
var Normal = Priority{Urgency: 3}

// ParsePriority reads a Priority field: a dictionary of structured fields
// with the members u and i. What cannot be understood counts as absent.
func ParsePriority(v string) Priority {
	p := Normal
	for item, rest, ok := httpspec.NextItem(v); ok; item, rest, ok = httpspec.NextItem(rest) {
		item, _, _ = strings.Cut(item, ";")
		switch key, value, valued := strings.Cut(strings.TrimSpace(item), "="); key {
		case "u":
			if len(value) == 1 && value[0] >= '0' && value[0] <= '7' {
				p.Urgency = value[0] - '0'
			}
		case "i":
			if !valued || value == "?1" {
				p.Incremental = true
			} else if value == "?0" {
				p.Incremental = false
			}
		}
	}
	return p
}
