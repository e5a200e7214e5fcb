// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// row is the outcome of one test: id, kind (required, optimal, check), outcome
// in the suite's words, and what the suite says about it.
type row [4]string

func (r row) id() string      { return r[0] }
func (r row) kind() string    { return r[1] }
func (r row) outcome() string { return r[2] }

// passed: the outcomes that count. A check has no right answer, only yes or no.
func (r row) passed() bool { return r.outcome() == "pass" || r.outcome() == "yes" }

// UnmarshalJSON also takes a message that is no text.
func (r *row) UnmarshalJSON(b []byte) error {
	var parts []any
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	if len(parts) != len(r) {
		return fmt.Errorf("%d parts of a result", len(parts))
	}
	for i, p := range parts {
		r[i] = fmt.Sprint(p)
	}
	return nil
}

type result struct {
	name string
	rows []row
}

func (r *result) count(kind string) (passed, all int) {
	for _, w := range r.rows {
		if w.kind() != kind {
			continue
		}
		all++
		if w.passed() {
			passed++
		}
	}
	return passed, all
}

// print writes the totals and what fails: with what the
// suite says to it, unless it is much.
func (r *result) print(w io.Writer) {
	fmt.Fprintf(w, "%-28s", r.name)
	for _, kind := range []string{"required", "optimal", "check"} {
		passed, all := r.count(kind)
		fmt.Fprintf(w, "  %s %d/%d", kind, passed, all)
	}
	fmt.Fprintln(w)
	failed := slices.Clone(r.rows)
	failed = slices.DeleteFunc(failed, func(o row) bool { return o.passed() || o.kind() == "check" })
	for _, o := range failed {
		why := ""
		if len(failed) <= 20 {
			why = o.outcome() + "  " + o[3]
		}
		fmt.Fprintf(w, "    %-8s  %-48s  %s\n", o.kind(), o.id(), why)
	}
}

// report writes every outcome: a table with a row a test and a column a setup.
func report(w io.Writer, all []result, now time.Time) {
	fmt.Fprintf(w, "# cache-tests through the edge, %s\n\n", now.UTC().Format(time.DateOnly))
	fmt.Fprint(w, "Made by `make cachetests SUITE=DIR CACHETESTSFLAGS='-save FILE'`. Outcomes are the suite's words; a check has no right\n"+
		"answer. What fails in RFC 9111's configuration, and why, stands in docs/decisions/0005.\n\n")
	fmt.Fprintln(w, "| configuration | required | optimal | checks answered yes |\n|---|---|---|---|")
	for _, r := range all {
		fmt.Fprintf(w, "| %s |", r.name)
		for _, kind := range []string{"required", "optimal", "check"} {
			passed, n := r.count(kind)
			fmt.Fprintf(w, " %d of %d |", passed, n)
		}
		fmt.Fprintln(w)
	}
	names := make([]string, len(all))
	outcomes := map[string][]string{}
	var ids []row
	for i, r := range all {
		names[i] = r.name
		for _, o := range r.rows {
			if outcomes[o.id()] == nil {
				outcomes[o.id()] = make([]string, len(all))
				ids = append(ids, o)
			}
			outcomes[o.id()][i] = o.outcome()
		}
	}
	slices.SortFunc(ids, func(a, b row) int { return strings.Compare(a.id(), b.id()) })
	fmt.Fprintf(w, "\n| test | kind | %s |\n|---|---|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(all)))
	for _, o := range ids {
		fmt.Fprintf(w, "| %s | %s | %s |\n", o.id(), o.kind(), strings.Join(outcomes[o.id()], " | "))
	}
}
