// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestParseReadsWhatIsWritten(t *testing.T) {
	var r Registry
	r.Counter("a_total", "help\\ with\nlines", Label{"x", "q\"\\\n"}).Add(3)
	r.Gauge("b_bytes", "").Set(-4)
	r.GaugeFunc("c_ratio", "c", func() float64 { return 0.5 })
	h := r.Histogram("d_seconds", "d", Latency(), Label{"x", "1"})
	h.Observe(time.Millisecond)
	h.Observe(time.Hour)
	got, err := Parse(r.AppendText(nil))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 {
		t.Fatalf("%d families", len(got))
	}
	want := Family{"a_total", "counter", "help\\ with\nlines", []Sample{{"a_total", []Label{{"x", "q\"\\\n"}}, 3}}}
	if !reflect.DeepEqual(got[0], want) {
		t.Errorf("%+v", got[0])
	}
	if got[1].Samples[0].Value != -4 || got[2].Samples[0].Value != 0.5 || len(got[3].Samples) != len(Latency())+3 {
		t.Errorf("%+v", got[1:])
	}
	if got[3].Samples[0].Get("x") != "1" || got[3].Samples[0].Get("y") != "" {
		t.Error("Get")
	}
}

func TestParseRefuses(t *testing.T) {
	const head = "# HELP a_total h\n# TYPE a_total counter\n"
	const hist = "# HELP h_seconds h\n# TYPE h_seconds histogram\n"
	for name, text := range map[string]string{
		"no line feed":            head + "a_total 1",
		"sample without a head":   "a_total 1\n",
		"no TYPE":                 "# HELP a_total h\na_total 1\n",
		"TYPE alone":              "# TYPE a_total counter\na_total 1\n",
		"HELP only":               "# HELP a_total h\n",
		"unknown kind":            "# HELP a_total h\n# TYPE a_total summary\n",
		"a comment":               head + "# more\n",
		"another name":            head + "b_total 1\n",
		"family twice":            head + "a_total 1\n" + head + "a_total{x=\"1\"} 1\n",
		"sample twice":            head + "a_total{x=\"1\",y=\"2\"} 1\na_total{y=\"2\",x=\"1\"} 1\n",
		"negative counter":        head + "a_total -1\n",
		"no number":               head + "a_total x\n",
		"underscore in a number":  head + "a_total 1_000\n",
		"NaN":                     head + "a_total NaN\n",
		"two values":              head + "a_total 1 2\n",
		"label twice":             head + "a_total{x=\"1\",x=\"2\"} 1\n",
		"label without quotes":    head + "a_total{x=1} 1\n",
		"label without end":       head + "a_total{x=\"1} 1\n",
		"comma at the end":        head + "a_total{x=\"1\",} 1\n",
		"bad escape":              head + "a_total{x=\"\\t\"} 1\n",
		"bucket without Inf":      hist + "h_seconds_bucket{le=\"1\"} 1\nh_seconds_sum 1\nh_seconds_count 1\n",
		"buckets that shrink":     hist + "h_seconds_bucket{le=\"1\"} 2\nh_seconds_bucket{le=\"+Inf\"} 1\nh_seconds_sum 1\nh_seconds_count 1\n",
		"buckets out of order":    hist + "h_seconds_bucket{le=\"2\"} 1\nh_seconds_bucket{le=\"1\"} 1\nh_seconds_bucket{le=\"+Inf\"} 1\nh_seconds_sum 1\nh_seconds_count 1\n",
		"count that differs":      hist + "h_seconds_bucket{le=\"+Inf\"} 1\nh_seconds_sum 1\nh_seconds_count 2\n",
		"no sum":                  hist + "h_seconds_bucket{le=\"+Inf\"} 1\nh_seconds_count 1\n",
		"buckets of other labels": hist + "h_seconds_bucket{x=\"1\",le=\"1\"} 1\nh_seconds_bucket{x=\"2\",le=\"+Inf\"} 1\nh_seconds_sum{x=\"1\"} 1\nh_seconds_count{x=\"1\"} 1\n",
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("forelane_a_total", "x", "value\\\"\n", int64(3))
	f.Add("", "", "", int64(-1))
	f.Fuzz(func(t *testing.T, name, label, value string, n int64) {
		var r Registry
		r.Gauge(name, value, Label{label, value}).Set(n)
		got, err := Parse(r.AppendText(nil))
		if err != nil {
			t.Fatal(err)
		}
		if s := got[0].Samples[0]; s.Value != float64(n) || s.Labels[0].Value != strings.ToValidUTF8(value, "\uFFFD") {
			t.Errorf("%+v", got)
		}
		_, _ = Parse([]byte(name + label + value)) // must not panic
	})
}

func TestKept(t *testing.T) {
	made := 0
	k := Kept[string, *Counter]{Make: func(string) *Counter { made++; return &Counter{} }}
	k.Get("a").Inc()
	k.Get("a").Inc()
	if k.Get("a").Value() != 2 || k.Get("b").Value() != 0 || made != 2 {
		t.Errorf("%d made", made)
	}
	for i := range 3 * MaxSeries {
		k.Get(strconv.Itoa(i)).Inc()
	}
	if made != MaxSeries+1 {
		t.Errorf("%d made", made)
	}
	if k.Get("new") != k.Get("") || k.Get("a") == k.Get("") {
		t.Error("what exceeds has no counter in common")
	}
	if n := testing.AllocsPerRun(100, func() { k.Get("a").Inc() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
