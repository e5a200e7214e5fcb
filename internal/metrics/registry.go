// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// MaxSeries is how many combinations of labels a name can have.
const MaxSeries = 2000

// Label is a name and a value.
type Label struct{ Name, Value string }

// Registry holds series by name and labels. The zero Registry is usable.
type Registry struct {
	mu       sync.Mutex
	families map[string]*family // guarded by mu
}

// kind is what a name counts.
type kind uint8

const (
	counterKind kind = iota
	gaugeKind
	histogramKind
)

// String is Prometheus's word.
func (k kind) String() string { return [...]string{"counter", "gauge", "histogram", "?"}[k&3] }

type family struct {
	kind   kind
	help   string
	series map[string]*series // by the text of its labels
}

// series is one line, or the lines of one histogram. One of its fields is set.
type series struct {
	labels    string // a="b",c="d"
	counter   *Counter
	gauge     *Gauge
	read      func() float64
	histogram *Histogram
}

// Counter returns the counter of a name with labels; asked again, the same.
// A name that already counts something else yields a counter that works and
// is not shown.
func (r *Registry) Counter(name, help string, labels ...Label) *Counter {
	s := r.get(counterKind, name, help, labels, func(s *series) { s.counter = &Counter{} })
	if s == nil || s.counter == nil {
		return &Counter{}
	}
	return s.counter
}

// CounterFunc is GaugeFunc for what only grows.
func (r *Registry) CounterFunc(name, help string, read func() float64, labels ...Label) {
	r.show(counterKind, name, help, read, labels)
}

// Gauge is Counter for a gauge.
func (r *Registry) Gauge(name, help string, labels ...Label) *Gauge {
	s := r.get(gaugeKind, name, help, labels, func(s *series) { s.gauge = &Gauge{} })
	if s == nil || s.gauge == nil {
		return &Gauge{}
	}
	return s.gauge
}

// GaugeFunc shows what read returns at each scrape. Asked again for the same
// labels, the later function counts.
func (r *Registry) GaugeFunc(name, help string, read func() float64, labels ...Label) {
	r.show(gaugeKind, name, help, read, labels)
}

func (r *Registry) show(k kind, name, help string, read func() float64, labels []Label) {
	s := r.get(k, name, help, labels, func(*series) {})
	if s != nil {
		r.mu.Lock()
		s.counter, s.gauge, s.read = nil, nil, read
		r.mu.Unlock()
	}
}

// Histogram is Counter for a histogram of durations, shown in seconds. Asked
// again, the bounds are those of the first time.
func (r *Registry) Histogram(name, help string, bounds []time.Duration, labels ...Label) *Histogram {
	s := r.get(histogramKind, name, help, labels, func(s *series) { s.histogram = newHistogram(bounds) })
	if s == nil {
		return newHistogram(bounds)
	}
	return s.histogram
}

func (r *Registry) get(k kind, name, help string, labels []Label, fill func(*series)) *series {
	r.mu.Lock()
	defer r.mu.Unlock()
	name = word(name, true)
	f := r.families[name]
	if f == nil {
		if r.families == nil {
			r.families = map[string]*family{}
		}
		f = &family{kind: k, help: help, series: map[string]*series{}}
		r.families[name] = f
	}
	if f.kind != k {
		return nil
	}
	text := labelText(labels, false)
	if f.series[text] == nil && len(f.series) >= MaxSeries-1 {
		text = labelText(labels, true)
	}
	s := f.series[text]
	if s == nil {
		s = &series{labels: text}
		fill(s)
		f.series[text] = s
	}
	return s
}

// word makes a valid name: letters, digits and _, in metric names also :.
func word(s string, colon bool) string {
	b := []byte(s)
	for i, c := range b {
		ok := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || i > 0 && '0' <= c && c <= '9' || colon && c == ':'
		if !ok {
			b[i] = '_'
		}
	}
	if len(b) == 0 {
		return "_"
	}
	return string(b)
}

// labelText writes labels sorted by name; with other, all values are "other".
func labelText(labels []Label, other bool) string {
	labels = slices.Clone(labels)
	slices.SortFunc(labels, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
	var b []byte
	for i, l := range labels {
		if i > 0 {
			b = append(b, ',')
		}
		value := l.Value
		if other {
			value = "other"
		}
		b = append(append(b, word(l.Name, false)...), '=', '"')
		b = append(escape(b, strings.ToValidUTF8(value, "\uFFFD"), true), '"')
	}
	return string(b)
}

// escape writes text as the format wants it; " only counts in values.
func escape(b []byte, s string, quote bool) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			b = append(b, `\\`...)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '"' && quote:
			b = append(b, `\"`...)
		default:
			b = append(b, c)
		}
	}
	return b
}

// AppendText appends all series in the Prometheus text format, version 0.0.4,
// sorted by name and labels.
func (r *Registry) AppendText(b []byte) []byte {
	for _, f := range r.now() {
		b = append(append(append(b, "# HELP "...), f.name...), ' ')
		b = append(escape(b, f.help, false), '\n')
		b = append(append(append(b, "# TYPE "...), f.name...), ' ')
		b = append(append(b, f.kind.String()...), '\n')
		for i := range f.series {
			b = f.series[i].append(b, f.name)
		}
	}
	return b
}

// listed is a family with its series in their order.
type listed struct {
	name   string
	kind   kind
	help   string
	series []series
}

// now lists what there is. The functions of series are called when the lock is
// free again: they may take locks under which others ask for series.
func (r *Registry) now() []listed {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]listed, 0, len(r.families))
	for _, name := range sortedKeys(r.families) {
		f := r.families[name]
		l := listed{name, f.kind, f.help, make([]series, 0, len(f.series))}
		for _, key := range sortedKeys(f.series) {
			l.series = append(l.series, *f.series[key])
		}
		out = append(out, l)
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (s *series) append(b []byte, name string) []byte {
	switch {
	case s.counter != nil:
		return append(strconv.AppendInt(s.head(b, name, ""), s.counter.Value(), 10), '\n')
	case s.gauge != nil:
		return append(strconv.AppendInt(s.head(b, name, ""), s.gauge.Value(), 10), '\n')
	case s.read != nil:
		return append(appendFloat(s.head(b, name, ""), s.read()), '\n')
	case s.histogram != nil:
		return s.appendHistogram(b, name)
	}
	return b
}

// head writes name{labels,extra} and a space.
func (s *series) head(b []byte, name, extra string) []byte {
	b = append(b, name...)
	if s.labels != "" || extra != "" {
		b = append(append(b, '{'), s.labels...)
		if s.labels != "" && extra != "" {
			b = append(b, ',')
		}
		b = append(append(b, extra...), '}')
	}
	return append(b, ' ')
}

func (s *series) appendHistogram(b []byte, name string) []byte {
	counts, sum := s.histogram.Read()
	var total int64
	for i, n := range counts {
		total += n
		le := "+Inf"
		if i < len(s.histogram.bounds) {
			le = string(appendFloat(nil, s.histogram.bounds[i].Seconds()))
		}
		b = append(strconv.AppendInt(s.head(b, name+"_bucket", `le="`+le+`"`), total, 10), '\n')
	}
	b = append(appendFloat(s.head(b, name+"_sum", ""), sum.Seconds()), '\n')
	return append(strconv.AppendInt(s.head(b, name+"_count", ""), total, 10), '\n')
}

func appendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(b, "+Inf"...)
	case math.IsInf(f, -1):
		return append(b, "-Inf"...)
	case f == math.Trunc(f) && math.Abs(f) < 1<<53: // a count reads better whole
		return strconv.AppendInt(b, int64(f), 10)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}
