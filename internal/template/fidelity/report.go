// SPDX-License-Identifier: Apache-2.0

package fidelity

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// Report is the fidelity of one stack.
type Report struct {
	Stack     string
	Resources []*Resource // in the order of the template, nested stacks after
	// Broken is what CloudFormation would refuse; only a report about a
	// template that is not run has it.
	Broken []*tree.Error
}

// Counts are the resources by their worst verdict and the properties by theirs.
type Counts struct {
	Resources  [4]int
	Properties [4]int
}

// Counts sums the report up.
func (r *Report) Counts() Counts {
	var c Counts
	for _, res := range r.Resources {
		c.Resources[res.Worst()&3]++
		for i, n := range res.Counts {
			c.Properties[i] += n
		}
	}
	return c
}

// Summary is one line for `up`.
func (r *Report) Summary() string {
	c := r.Counts()
	return fmt.Sprintf("%d resources: %s; %d properties: %s",
		sum(c.Resources), tally(c.Resources), sum(c.Properties), tally(c.Properties))
}

func sum(n [4]int) int { return n[0] + n[1] + n[2] + n[3] }

func tally(n [4]int) string {
	var parts []string
	for i, v := range n {
		if v > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", v, Verdict(i)))
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// Text prints the report for people: each resource, then what is not exact in it.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	width := 0
	for _, res := range r.Resources {
		width = max(width, len(res.LogicalID))
	}
	width = min(width, 48)
	for _, res := range r.Resources {
		fmt.Fprintf(&b, "%-12s  %-*s  %s", res.Worst(), width, res.LogicalID, res.Type)
		if res.From != "" {
			fmt.Fprintf(&b, " (of %s)", res.From)
		}
		b.WriteByte('\n')
		if res.Words != "" {
			fmt.Fprintf(&b, "%14s%s\n", "", res.Words)
		}
		for _, f := range res.Facts {
			fmt.Fprintf(&b, "%16s%s\n", "", f)
		}
		writeNotes(&b, res.Notes)
	}
	for _, e := range r.Broken {
		fmt.Fprintf(&b, "broken        %s\n", e)
	}
	fmt.Fprintf(&b, "%s\n", r.Summary())
	_, err := io.WriteString(w, b.String())
	return err
}

// writeNotes prints the notes of one resource, those with the same words on
// one line.
func writeNotes(b *strings.Builder, notes []Note) {
	done := make([]bool, len(notes))
	for i, n := range notes {
		if done[i] {
			continue
		}
		paths := []string{n.Path}
		for j := i + 1; j < len(notes); j++ {
			if o := notes[j]; o.Verdict == n.Verdict && o.Words == n.Words && len(paths) < 12 {
				done[j] = true
				paths = append(paths, o.Path)
			}
		}
		about := strings.Join(paths, ", ") + ": "
		if n.Path == "" {
			about = ""
		}
		fmt.Fprintf(b, "  %-12s  %s%s", n.Verdict, about, n.Words)
		if n.Pos.Line > 0 && len(paths) == 1 {
			fmt.Fprintf(b, " (%s)", n.Pos)
		}
		b.WriteByte('\n')
	}
}

// The JSON form of a report.
type (
	jsonReport struct {
		Stack     string         `json:"stack"`
		Resources []jsonResource `json:"resources"`
		Counts    jsonCounts     `json:"counts"`
		Strict    bool           `json:"strict"` // true: --strict accepts it
		Errors    []string       `json:"errors,omitempty"`
	}
	jsonResource struct {
		LogicalID  string         `json:"logicalId"`
		Type       string         `json:"type"`
		From       string         `json:"from,omitempty"`
		Pos        string         `json:"pos,omitempty"`
		Verdict    Verdict        `json:"verdict"`
		Words      string         `json:"words,omitempty"`
		Facts      []string       `json:"facts,omitempty"`
		Properties map[string]int `json:"properties,omitempty"`
		Notes      []jsonNote     `json:"notes,omitempty"`
	}
	jsonNote struct {
		Path    string  `json:"path"`
		Verdict Verdict `json:"verdict"`
		Words   string  `json:"words,omitempty"`
		Pos     string  `json:"pos,omitempty"`
	}
	jsonCounts struct {
		Resources  map[string]int `json:"resources"`
		Properties map[string]int `json:"properties"`
	}
)

// MarshalJSON writes the report for programs.
func (r *Report) MarshalJSON() ([]byte, error) {
	c := r.Counts()
	out := jsonReport{
		Stack: r.Stack, Resources: make([]jsonResource, 0, len(r.Resources)), Strict: r.Strict() == nil,
		Counts: jsonCounts{Resources: named(c.Resources), Properties: named(c.Properties)},
	}
	for _, res := range r.Resources {
		jr := jsonResource{
			LogicalID: res.LogicalID, Type: res.Type, From: res.From, Pos: where(res.Pos), Verdict: res.Worst(), Words: res.Words, Facts: res.Facts,
			Properties: named(res.Counts),
		}
		for _, n := range res.Notes {
			jr.Notes = append(jr.Notes, jsonNote{Path: n.Path, Verdict: n.Verdict, Words: n.Words, Pos: where(n.Pos)})
		}
		out.Resources = append(out.Resources, jr)
	}
	for _, e := range r.Broken {
		out.Errors = append(out.Errors, e.Error())
	}
	return json.Marshal(out)
}

func where(p tree.Pos) string {
	if p.Line == 0 {
		return ""
	}
	return p.String()
}

func named(n [4]int) map[string]int {
	m := map[string]int{}
	for i, v := range n {
		if v > 0 {
			m[Verdict(i).String()] = v
		}
	}
	return m
}

// Strict returns an error that names everything unsupported, nil when there
// is nothing.
func (r *Report) Strict() error {
	var errs []error
	for _, e := range r.Broken {
		errs = append(errs, e)
	}
	for _, res := range r.Resources {
		path := "Resources." + res.LogicalID
		if res.Verdict == Unsupported {
			errs = append(errs, &tree.Error{Pos: res.Pos, Path: path, Msg: res.Type + " is unsupported: " + res.Words})
		}
		for _, n := range res.Notes {
			if n.Verdict == Unsupported {
				at := path
				if n.Path != "" {
					at += ".Properties." + n.Path
				}
				errs = append(errs, &tree.Error{Pos: n.Pos, Path: at, Msg: "unsupported: " + n.Words})
			}
		}
	}
	return errors.Join(errs...)
}
