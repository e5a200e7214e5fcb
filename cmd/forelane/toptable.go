// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/forelane/forelane/internal/metrics"
)

// look is what a scrape says, sorted by whom it is about.
type look struct {
	at    time.Time
	rows  map[rowKey]*sums
	gauge map[string]float64
}

// rowKey is whom a row is about.
type rowKey struct{ Kind, Name string }

// sums are counters of a row since the node's start.
type sums struct {
	requests, errors4, errors5 float64
	hits, lookups              float64
	buckets                    map[float64]float64 // upper bound -> that many or fewer
}

// The kinds of rows, in the order of the table.
var rowKinds = []string{"distribution", "behavior", "origin", "route", "function"}

// takeLook sorts samples into rows.
func takeLook(families []metrics.Family, at time.Time) *look {
	l := &look{at: at, rows: map[rowKey]*sums{}, gauge: map[string]float64{}}
	for _, f := range families {
		for i := range f.Samples {
			l.take(&f.Samples[i])
		}
	}
	return l
}

func (l *look) row(kind string, words ...string) *sums {
	key := rowKey{kind, strings.Join(words, " ")}
	if l.rows[key] == nil {
		l.rows[key] = &sums{buckets: map[float64]float64{}}
	}
	return l.rows[key]
}

func (l *look) take(s *metrics.Sample) {
	var rows []*sums
	dist, behavior := s.Get("distribution"), s.Get("behavior")
	switch {
	case strings.HasPrefix(s.Name, "forelane_api_") && s.Get("route") != "" && s.Get("api") != "none":
		rows = append(rows, l.row("route", s.Get("api"), s.Get("stage"), s.Get("route")))
	case strings.HasPrefix(s.Name, "forelane_function_") && s.Get("function") != "":
		rows = append(rows, l.row("function", s.Get("function")))
	case strings.HasPrefix(s.Name, "forelane_origin_") && dist != "":
		rows = append(rows, l.row("origin", dist, s.Get("origin")))
	case dist != "" && behavior != "":
		rows = append(rows, l.row("distribution", dist), l.row("behavior", dist, behavior))
	}
	for _, to := range rows {
		to.add(s)
	}
	if len(s.Labels) == 0 {
		l.gauge[s.Name] = s.Value
	}
}

func (t *sums) add(s *metrics.Sample) {
	switch s.Name {
	case "forelane_edge_responses_total", "forelane_api_requests_total", "forelane_origin_responses_total":
		t.requests += s.Value
		switch s.Get("class") {
		case "4xx":
			t.errors4 += s.Value
		case "5xx":
			t.errors5 += s.Value
		case "none":
			if s.Name == "forelane_origin_responses_total" { // it did not answer
				t.errors5 += s.Value
			}
		}
	case "forelane_function_invocations_total":
		t.requests += s.Value
	case "forelane_function_throttles_total":
		t.errors4 += s.Value
	case "forelane_function_errors_total":
		t.errors5 += s.Value
	case "forelane_edge_lookups_total":
		switch s.Get("cache") {
		case "hit", "stale":
			t.hits += s.Value
			t.lookups += s.Value
		case "miss", "revalidated":
			t.lookups += s.Value
		}
	case "forelane_edge_request_seconds_bucket", "forelane_api_latency_seconds_bucket", "forelane_origin_latency_seconds_bucket",
		"forelane_function_duration_seconds_bucket":
		if le, err := strconv.ParseFloat(s.Get("le"), 64); err == nil {
			t.buckets[le] += s.Value
		}
	}
}

// view is what happened between two looks.
type view struct {
	At      time.Time `json:"time"`
	Seconds float64   `json:"seconds"` // between the looks
	Ready   bool      `json:"ready"`
	Conns   float64   `json:"connections"`
	Memory  float64   `json:"memoryBytes"`
	CPU     float64   `json:"cpus"` // that the process used
	Rows    []row     `json:"rows"`
}

// row is one line. Times are of the requests in between; null: there were none.
type row struct {
	Kind     string   `json:"kind"`
	Name     string   `json:"name"`
	Rate     float64  `json:"requestsPerSecond"`
	HitRatio *float64 `json:"hitRatio,omitempty"` // of what the cache was asked for
	P50      *float64 `json:"p50Seconds,omitempty"`
	P99      *float64 `json:"p99Seconds,omitempty"`
	Errors4  float64  `json:"errors4xxPerSecond"` // of functions: throttles
	Errors5  float64  `json:"errors5xxPerSecond"` // of functions: errors; of origins: no answer too
	Total    float64  `json:"requestsTotal"`
}

// compare makes the view. A counter that went back is of a node that began anew.
func compare(before, now *look) *view {
	dt := math.Max(now.at.Sub(before.at).Seconds(), 0.001)
	delta := func(a, b float64) float64 {
		if b < a {
			return b
		}
		return b - a
	}
	v := &view{
		At: now.at, Seconds: dt, Ready: now.gauge["forelane_ready"] == 1, Conns: now.gauge["forelane_connections"], Memory: now.gauge["forelane_process_resident_bytes"],
		CPU: delta(before.gauge["forelane_process_cpu_seconds_total"], now.gauge["forelane_process_cpu_seconds_total"]) / dt, Rows: []row{},
	}
	for key, b := range now.rows {
		a := before.rows[key]
		if a == nil {
			a = &sums{}
		}
		r := row{
			Kind: key.Kind, Name: key.Name, Rate: delta(a.requests, b.requests) / dt, Total: b.requests,
			Errors4: delta(a.errors4, b.errors4) / dt, Errors5: delta(a.errors5, b.errors5) / dt,
		}
		if lookups := delta(a.lookups, b.lookups); lookups > 0 {
			ratio := delta(a.hits, b.hits) / lookups
			r.HitRatio = &ratio
		}
		counts := map[float64]float64{}
		for le, n := range b.buckets {
			counts[le] = delta(a.buckets[le], n)
		}
		r.P50, r.P99 = estimate(counts, 0.5), estimate(counts, 0.99)
		v.Rows = append(v.Rows, r)
	}
	slices.SortFunc(v.Rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(slices.Index(rowKinds, a.Kind), slices.Index(rowKinds, b.Kind)), cmp.Compare(b.Rate, a.Rate), cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name))
	})
	return v
}

// estimate reads a quantile off cumulative buckets, evenly within one; what exceeds
// all bounds counts as the largest. Nil: nothing was counted.
func estimate(buckets map[float64]float64, q float64) *float64 {
	bounds := slices.Sorted(maps.Keys(buckets))
	if len(bounds) == 0 || buckets[bounds[len(bounds)-1]] <= 0 {
		return nil
	}
	rank := q * buckets[bounds[len(bounds)-1]]
	low, below := 0.0, 0.0
	for _, le := range bounds {
		n := buckets[le]
		if n >= rank {
			if math.IsInf(le, 1) {
				return &low
			}
			at := low + (le-low)*(rank-below)/math.Max(n-below, 1e-9)
			return &at
		}
		low, below = le, n
	}
	return &low
}

// cut keeps so many rows of each kind; 0: all.
func (v *view) cut(n int) *view {
	if n <= 0 {
		return v
	}
	out, count := *v, map[string]int{}
	out.Rows = slices.DeleteFunc(slices.Clone(v.Rows), func(r row) bool {
		count[r.Kind]++
		return count[r.Kind] > n
	})
	return &out
}

// text is the table, within so many columns and lines; 0: any.
func (v *view) text(columns, lines int) string {
	var b strings.Builder
	state := "ready"
	if !v.Ready {
		state = "NOT READY"
	}
	fmt.Fprintf(&b, "%s  %s  connections %.0f  memory %.0f MiB  CPU %.2f\n", v.At.Format("15:04:05"), state, v.Conns, v.Memory/(1<<20), v.CPU)
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', tabwriter.AlignRight)
	last := ""
	for _, r := range v.Rows {
		if r.Kind != last {
			fmt.Fprintf(w, "\nreq/s\thit\tp50\tp99\t4xx/s\t5xx/s\t  %s\n", r.Kind)
			last = r.Kind
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t  %s\n", rate(r.Rate), percent(r.HitRatio), duration(r.P50), duration(r.P99), rate(r.Errors4), rate(r.Errors5), clean(r.Name))
	}
	_ = w.Flush() // a Builder takes everything
	if len(v.Rows) == 0 {
		b.WriteString("\nnothing is counted yet\n")
	}
	return fit(b.String(), columns, lines)
}

// fit cuts lines, and clears what was behind them on a terminal.
func fit(s string, columns, lines int) string {
	if columns == 0 {
		return s
	}
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	all = all[:min(len(all), max(lines-1, 1))]
	for i, l := range all {
		if r := []rune(l); len(r) > columns {
			l = string(r[:columns])
		}
		all[i] = l + "\x1b[K"
	}
	return strings.Join(all, "\r\n") + "\r\n"
}

func rate(f float64) string {
	switch {
	case f == 0:
		return "0"
	case f < 10:
		return fmt.Sprintf("%.2f", f)
	}
	return fmt.Sprintf("%.0f", f)
}

func percent(f *float64) string {
	if f == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100**f)
}

func duration(f *float64) string {
	if f == nil {
		return "-"
	}
	d := time.Duration(*f * float64(time.Second))
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%dµs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%.1fms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.2fs", d.Seconds())
}
