// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAppendText(t *testing.T) {
	var r Registry
	r.Counter("forelane_requests_total", "requests\nby result", Label{"result", `a"b\c`}, Label{"pop", "x"}).Add(3)
	r.Counter("forelane_requests_total", "", Label{"pop", "x"}, Label{"result", `a"b\c`}).Inc() // the same
	r.Counter("forelane_requests_total", "").Inc()
	r.Gauge("connections", "open").Add(-2)
	r.GaugeFunc("ratio", "of hits", func() float64 { return 0.25 })
	r.CounterFunc("seen_total", "so far", func() float64 { return 12_000_000 })
	if c := r.Counter("seen_total", ""); c == nil {
		t.Error("no counter beside a function")
	}
	h := r.Histogram("latency_seconds", "time", []time.Duration{time.Millisecond, time.Second}, Label{"a", "b"})
	for _, d := range []time.Duration{time.Millisecond, 2 * time.Millisecond, 3 * time.Second} {
		h.Observe(d)
	}
	want := `# HELP connections open
# TYPE connections gauge
connections -2
# HELP forelane_requests_total requests\nby result
# TYPE forelane_requests_total counter
forelane_requests_total 1
forelane_requests_total{pop="x",result="a\"b\\c"} 4
# HELP latency_seconds time
# TYPE latency_seconds histogram
latency_seconds_bucket{a="b",le="0.001"} 1
latency_seconds_bucket{a="b",le="1"} 2
latency_seconds_bucket{a="b",le="+Inf"} 3
latency_seconds_sum{a="b"} 3.003
latency_seconds_count{a="b"} 3
# HELP ratio of hits
# TYPE ratio gauge
ratio 0.25
# HELP seen_total so far
# TYPE seen_total counter
seen_total 12000000
`
	if got := string(r.AppendText(nil)); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}

func TestSeriesAreBounded(t *testing.T) {
	var r Registry
	for i := range 3 * MaxSeries {
		r.Counter("c", "", Label{"n", strconv.Itoa(i)}).Inc()
	}
	text := string(r.AppendText(nil))
	if n := strings.Count(text, "\nc{"); n != MaxSeries {
		t.Errorf("%d series", n)
	}
	if !strings.Contains(text, `c{n="other"} `+strconv.Itoa(2*MaxSeries+1)) {
		t.Error("what exceeds is not counted together")
	}
}

func TestNamesAreMadeValid(t *testing.T) {
	for in, want := range map[string]string{"a-b.c": "a_b_c", "9a": "_a", "a9:b": "a9:b", "": "_", "é": "__"} {
		if got := word(in, true); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	var r Registry
	r.Counter("x", "").Inc()
	r.Gauge("x", "").Set(5) // another kind: works, not shown
	r.Histogram("x", "", nil).Observe(1)
	if got := string(r.AppendText(nil)); got != "# HELP x \n# TYPE x counter\nx 1\n" {
		t.Errorf("%q", got)
	}
}

func TestHistogramBounds(t *testing.T) {
	h := newHistogram([]time.Duration{5, 1, 10})
	for _, d := range []time.Duration{-1, 5, 6, 10, 11} {
		h.Observe(d)
	}
	if counts, sum := h.Read(); len(counts) != 3 || counts[0] != 2 || counts[1] != 2 || counts[2] != 1 || sum != 31 {
		t.Errorf("%v %v", counts, sum)
	}
	if h := newHistogram(make([]time.Duration, 100)); len(h.bounds) > maxBounds {
		t.Error("too many bounds")
	}
	if h := newHistogram(Latency()); len(h.bounds) != len(Latency()) {
		t.Error("Latency does not fit")
	}
}

func TestConcurrentAdds(t *testing.T) {
	var r Registry
	c, h := r.Counter("c", ""), r.Histogram("h", "", Latency())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				c.Inc()
				h.Observe(time.Millisecond)
			}
			r.AppendText(nil)
		})
	}
	wg.Wait()
	counts, _ := h.Read()
	if c.Value() != 8000 || counts[3] != 8000 {
		t.Errorf("%d %v", c.Value(), counts)
	}
}

func TestHitPathDoesNotAllocate(t *testing.T) {
	var r Registry
	c, h, g := r.Counter("c", ""), r.Histogram("h", "", Latency()), r.Gauge("g", "")
	if n := testing.AllocsPerRun(100, func() { c.Inc(); h.Observe(time.Second); g.Add(1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCounter(b *testing.B) {
	var c Counter
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			c.Inc()
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	h := newHistogram(Latency())
	for b.Loop() {
		h.Observe(3 * time.Millisecond)
	}
}
