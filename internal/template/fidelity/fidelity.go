// SPDX-License-Identifier: Apache-2.0

// Package fidelity says, of every resource and property of a template, how
// truly Forelane runs it: exact, approximated (how), ignored (why that is
// harmless) or unsupported (what will differ).
//
// The flow:
//
//  1. Load reads the tables of folder tables, once a process: the shape of
//     every property of the types that run, with a verdict each, and a verdict
//     for every other type or family of types.
//  2. Table.Check walks the evaluated properties of a resource along its
//     shape. It returns what CloudFormation itself would refuse (an unknown
//     property, a wrong kind, a value outside a closed list) and the verdicts
//     on what is there.
//  3. A Report collects them; it prints as text and as JSON.
//
// The tables are the only place where support is written down: what begins to
// run is changed there, mostly in words.txt.
//
// What it does not do: it builds nothing and knows no relation between
// resources. A Table is read-only and may be shared; a Report is not.
package fidelity

import (
	"fmt"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// Verdict is how truly something is run. The list is closed.
type Verdict uint8

// The verdicts.
const (
	Exact        Verdict = iota // as AWS does
	Approximated                // run, with a difference that the words tell
	Ignored                     // has no effect here, and the words tell why that is harmless
	Unsupported                 // not run; the words tell what will differ
)

// String is the word of the report.
func (v Verdict) String() string {
	switch v {
	case Exact:
		return "exact"
	case Approximated:
		return "approximated"
	case Ignored:
		return "ignored"
	case Unsupported:
		return "unsupported"
	}
	return fmt.Sprintf("verdict(%d)", uint8(v))
}

// MarshalText makes the word the JSON form.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// verdictOf reads the mark of a table.
func verdictOf(mark string) (Verdict, bool) {
	switch mark {
	case "=":
		return Exact, true
	case "~":
		return Approximated, true
	case "-":
		return Ignored, true
	case "x":
		return Unsupported, true
	}
	return Exact, false
}

// Note is one verdict with its words, about a resource or one property.
type Note struct {
	Verdict Verdict
	Path    string // of the property inside the resource, Items[0].Name; empty: the resource
	Words   string // how, why or what; may be empty when exact
	Pos     tree.Pos
}

// Resource is the part of a report about one resource.
type Resource struct {
	LogicalID string
	Type      string
	From      string // type in the template, when a transform made this one of it
	Pos       tree.Pos
	Verdict   Verdict // of the type; a running type is as good as its worst property is told in Notes
	Words     string
	Notes     []Note // what is not exact, in the order of the template
	Counts    [4]int // properties by Verdict
	// Facts are told beside the verdicts: sums that AWS would bill or limit.
	Facts []string
}

// Worst is the verdict of the resource or of one of its properties that matters
// most to a user: unsupported, approximated, ignored, exact, in this order. A
// property that is ignored changes nothing that viewers see, so it does not
// make a resource that runs an ignored one.
func (r *Resource) Worst() Verdict {
	w := r.Verdict
	for _, n := range r.Notes {
		if n.Verdict != Ignored && n.Verdict.weight() > w.weight() {
			w = n.Verdict
		}
	}
	return w
}

// weight orders verdicts by how much a user should care.
func (v Verdict) weight() int {
	switch v {
	case Unsupported:
		return 3
	case Approximated:
		return 2
	case Ignored:
		return 1
	}
	return 0
}

// Add puts a note to the resource.
func (r *Resource) Add(n Note) {
	r.Counts[n.Verdict&3]++
	if n.Verdict != Exact {
		r.Notes = append(r.Notes, n)
	}
}

// nearest returns the candidate that name is probably a misspelling of, or "".
func nearest(name string, candidates []string) string {
	if len(name) > 100 {
		return ""
	}
	best, limit := "", max(1, len(name)/3)+1
	for _, c := range candidates {
		if abs(len(c)-len(name)) >= limit {
			continue
		}
		if d := distance(strings.ToLower(name), strings.ToLower(c)); d < limit {
			best, limit = c, d
		}
	}
	return best
}

func abs(i int) int { return max(i, -i) }

// distance is the number of inserted, dropped or changed bytes between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// Nearest returns a mend that names the candidate that name is probably a
// misspelling of, or the fallback.
func Nearest(name string, candidates []string, fallback string) string {
	if c := nearest(name, candidates); c != "" {
		return fmt.Sprintf("did you mean %s?", c)
	}
	return fallback
}
