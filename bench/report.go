// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// self is the server whose ratio the closing summary tells.
const self = "forelane"

// table gathers samples; row order is that of peers and cases.
type table struct {
	peers []*peer
	cases []*benchCase
	cells map[[2]string]*cell
}

type cell struct {
	samples []sample
	err     error // of the last failure
}

func newTable(peers []*peer, cases []*benchCase) *table {
	t := &table{peers, cases, map[[2]string]*cell{}}
	for _, p := range peers {
		for _, c := range cases {
			t.cells[[2]string{p.name, c.name}] = &cell{}
		}
	}
	return t
}

func (t *table) cell(p *peer, c *benchCase) *cell { return t.cells[[2]string{p.name, c.name}] }

func (t *table) add(p *peer, c *benchCase, s sample, err error) {
	at := t.cell(p, c)
	if err != nil {
		at.err = err
		return
	}
	at.samples = append(at.samples, s)
}

// middle is the median of each figure by itself.
func (c *cell) middle() (sample, bool) {
	if len(c.samples) == 0 {
		return sample{}, false
	}
	return sample{
		rate: median(c.samples, func(s sample) float64 { return s.rate }),
		cpu:  median(c.samples, func(s sample) float64 { return s.cpu }),
		p50:  median(c.samples, func(s sample) time.Duration { return s.p50 }),
		p99:  median(c.samples, func(s sample) time.Duration { return s.p99 }),

		memory: median(c.samples, func(s sample) int64 { return s.memory }),
		calls:  median(c.samples, func(s sample) int64 { return s.calls }),
	}, true
}

func median[T cmp.Ordered](all []sample, of func(sample) T) T {
	var v []T
	for _, s := range all {
		v = append(v, of(s))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// bestPeer is the least CPU a request among the servers that are not this one.
func (t *table) bestPeer(c *benchCase) (least float64, name string) {
	for _, p := range t.peers {
		if s, ok := t.cell(p, c).middle(); ok && p.name != self && (name == "" || s.cpu < least) {
			least, name = s.cpu, p.name
		}
	}
	return least, name
}

func (t *table) text(b *bench, before, after facts) string {
	var w strings.Builder
	fmt.Fprintf(&w, "# Side by side, %s, %s\n\n", time.Now().Format(time.DateOnly), before.cpu)
	fmt.Fprintf(&w, "%d cores, Linux %s, %s; servers on core %s, origin and load on core %s.\n", before.cores, before.kernel, runtime.Version(), serverCore, loadCore)
	fmt.Fprintf(&w, "Load average %s before and %s after (the benchmark itself makes about 2).\n", before.load, after.load)
	fmt.Fprintf(&w, "Median of %d rounds of %d s. Access logs and metrics are on.\n", b.rounds, b.seconds)
	var versions []string
	for _, p := range t.peers {
		versions = append(versions, p.name+" "+p.version)
	}
	fmt.Fprintf(&w, "Versions: %s.\n", strings.Join(versions, ", "))
	if b.note != "" {
		fmt.Fprintf(&w, "%s\n", b.note)
	}
	w.WriteString("\nCPU is the time of the server's process tree a request; the ratio is that to the best of the other servers.\n")
	for _, c := range t.cases {
		t.group(&w, c)
	}
	t.summary(&w)
	return w.String()
}

// group writes one case.
func (t *table) group(w *strings.Builder, c *benchCase) {
	fmt.Fprintf(w, "\n## %s: %s\n\n", c.name, c.about)
	calls := !c.hits
	head := "| server | requests/s | CPU µs | ratio | p50 | p99 | memory MiB |"
	line := "|---|--:|--:|--:|--:|--:|--:|"
	if calls {
		head, line = head+" to the origin |", line+"--:|"
	}
	fmt.Fprintf(w, "%s\n%s\n", head, line)
	least, _ := t.bestPeer(c)
	for _, p := range t.peers {
		at := t.cell(p, c)
		s, ok := at.middle()
		if !ok {
			why := "-"
			if at.err != nil && !errors.Is(at.err, errCannot) {
				why = "failed"
			}
			fmt.Fprintf(w, "| %s | %s |%s\n", p.name, why, strings.Repeat(" - |", strings.Count(head, "|")-3))
			continue
		}
		ratio := "-"
		if least > 0 {
			ratio = fmt.Sprintf("%.2f", s.cpu/least)
		}
		fmt.Fprintf(w, "| %s | %.0f | %.2f | %s | %s | %s | %.1f |", p.name, s.rate, s.cpu, ratio, short(s.p50), short(s.p99), float64(s.memory)/1024)
		if calls {
			fmt.Fprintf(w, " %d |", s.calls)
		}
		w.WriteByte('\n')
	}
}

// summary writes Forelane's ratio to every server.
func (t *table) summary(w *strings.Builder) {
	w.WriteString("\n## Forelane's CPU a request as a share of theirs\n\n| case |")
	line := "|---|"
	for _, p := range t.peers {
		if p.name != self {
			fmt.Fprintf(w, " %s |", p.name)
			line += "--:|"
		}
	}
	fmt.Fprintf(w, "\n%s\n", line)
	for _, c := range t.cases {
		fmt.Fprintf(w, "| %s |", c.name)
		for _, p := range t.peers {
			if p.name == self {
				continue
			}
			ratio := "-"
			if own, ok := t.cells[[2]string{self, c.name}]; ok {
				mine, had := own.middle()
				if other, ok := t.cell(p, c).middle(); ok && had && other.cpu > 0 {
					ratio = fmt.Sprintf("%.2f", mine.cpu/other.cpu)
				}
			}
			fmt.Fprintf(w, " %s |", ratio)
		}
		w.WriteByte('\n')
	}
}

// short writes a latency with three digits at most.
func short(d time.Duration) string {
	switch {
	case d <= 0:
		return "-"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}
