// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Family is all samples of a name, as text has them.
type Family struct {
	Name, Kind, Help string
	Samples          []Sample
}

// Sample is one line. Those of a histogram end in _bucket, _sum and _count.
type Sample struct {
	Name   string
	Labels []Label // in the order of the text
	Value  float64
}

// Get is the value of a label; empty: it has none.
func (s *Sample) Get(label string) string {
	for _, l := range s.Labels {
		if l.Name == label {
			return l.Value
		}
	}
	return ""
}

// Parse reads what AppendText writes, and is strict about it: a name has its
// HELP and TYPE once, before its samples, and all of its samples in one place;
// no sample comes twice; counters are not negative; the buckets of a histogram
// grow, end with +Inf, and agree with its count. Nothing else is a comment.
func Parse(text []byte) ([]Family, error) {
	p := parser{seen: map[string]bool{}, lines: map[string]bool{}}
	rest := string(text)
	for n := 1; rest != ""; n++ {
		line, after, ok := strings.Cut(rest, "\n")
		if !ok {
			return nil, fmt.Errorf("line %d: no line feed at the end", n)
		}
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		rest = after
	}
	if err := p.close(); err != nil {
		return nil, err
	}
	return p.out, nil
}

type parser struct {
	out   []Family
	open  *Family // nil: none
	typed bool
	seen  map[string]bool // names of families
	lines map[string]bool // sample with labels
}

func (p *parser) line(s string) error {
	if rest, ok := strings.CutPrefix(s, "# HELP "); ok {
		if err := p.close(); err != nil {
			return err
		}
		name, help, ok := strings.Cut(rest, " ")
		if !ok || !valid(name, true) || p.seen[name] {
			return fmt.Errorf("HELP of %q: no text, no name, or its second one", name)
		}
		text, err := unescape(help, false)
		if err != nil {
			return err
		}
		p.seen[name], p.open, p.typed = true, &Family{Name: name, Help: text}, false
		return nil
	}
	if rest, ok := strings.CutPrefix(s, "# TYPE "); ok {
		name, kind, _ := strings.Cut(rest, " ")
		if p.open == nil || p.typed || p.open.Name != name || !slices.Contains([]string{"counter", "gauge", "histogram"}, kind) {
			return fmt.Errorf("TYPE %q is not the first line after its HELP, or of no known kind", rest)
		}
		p.open.Kind, p.typed = kind, true
		return nil
	}
	if p.open == nil || !p.typed {
		return fmt.Errorf("%q before HELP and TYPE", s)
	}
	return p.sample(s)
}

func (p *parser) sample(s string) error {
	i := strings.IndexAny(s, "{ ")
	if i < 0 {
		return fmt.Errorf("%q has no value", s)
	}
	m := Sample{Name: s[:i]}
	if !p.belongs(m.Name) {
		return fmt.Errorf("%q is no sample of the %s %s", m.Name, p.open.Kind, p.open.Name)
	}
	rest := s[i:]
	if rest[0] == '{' {
		var err error
		if m.Labels, rest, err = labels(rest[1:]); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
	}
	value, ok := strings.CutPrefix(rest, " ")
	v, err := strconv.ParseFloat(value, 64)
	if !ok || err != nil || strings.ContainsAny(value, "_xX") {
		return fmt.Errorf("%s: value %q", m.Name, rest)
	}
	if p.open.Kind != "gauge" && !(v >= 0) && !strings.HasSuffix(m.Name, "_sum") {
		return fmt.Errorf("%s: %v in what only grows", m.Name, v)
	}
	key := m.Name + "{" + labelText(m.Labels, false)
	if p.lines[key] {
		return fmt.Errorf("%s comes twice", key)
	}
	p.lines[key], m.Value = true, v
	p.open.Samples = append(p.open.Samples, m)
	return nil
}

func (p *parser) belongs(name string) bool {
	if p.open.Kind != "histogram" {
		return name == p.open.Name
	}
	end, ok := strings.CutPrefix(name, p.open.Name)
	return ok && (end == "_bucket" || end == "_sum" || end == "_count")
}

// close ends the family at hand.
func (p *parser) close() error {
	f := p.open
	if f == nil {
		return nil
	}
	if !p.typed {
		return fmt.Errorf("%s has no TYPE", f.Name)
	}
	if f.Kind == "histogram" {
		if err := f.checkHistograms(); err != nil {
			return err
		}
	}
	p.out, p.open = append(p.out, *f), nil
	return nil
}

// checkHistograms checks that each set of labels has its buckets in order, a
// sum and a count.
func (f *Family) checkHistograms() error {
	for i := 0; i < len(f.Samples); {
		labels, last, total := "", math.Inf(-1), 0.0
		for ; i < len(f.Samples) && f.Samples[i].Name == f.Name+"_bucket"; i++ {
			s := f.Samples[i]
			le, err := strconv.ParseFloat(s.Get("le"), 64)
			own := labelText(slices.DeleteFunc(slices.Clone(s.Labels), func(l Label) bool { return l.Name == "le" }), false)
			if err != nil || le <= last || s.Value < total || labels != "" && own != labels {
				return fmt.Errorf("%s{%s}: its buckets do not grow", f.Name, own)
			}
			labels, last, total = own, le, s.Value
		}
		if i+1 >= len(f.Samples) || !math.IsInf(last, 1) {
			return fmt.Errorf("%s{%s}: no bucket +Inf, no sum or no count", f.Name, labels)
		}
		sum, count := f.Samples[i], f.Samples[i+1]
		if sum.Name != f.Name+"_sum" || count.Name != f.Name+"_count" || labelText(sum.Labels, false) != labels ||
			labelText(count.Labels, false) != labels || count.Value != total {
			return fmt.Errorf("%s{%s}: sum or count is missing, or does not agree", f.Name, labels)
		}
		i += 2
	}
	return nil
}

// labels reads name="value",…} and returns what follows.
func labels(s string) (out []Label, rest string, err error) {
	for {
		name, after, ok := strings.Cut(s, `="`)
		if !ok || !valid(name, false) {
			return nil, "", fmt.Errorf("label name %q", name)
		}
		end := 0
		for end < len(after) && after[end] != '"' {
			if after[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(after) {
			return nil, "", fmt.Errorf("label %s does not end", name)
		}
		value, err := unescape(after[:end], true)
		if err != nil {
			return nil, "", err
		}
		if slices.ContainsFunc(out, func(l Label) bool { return l.Name == name }) {
			return nil, "", fmt.Errorf("label %s comes twice", name)
		}
		out = append(out, Label{name, value})
		after = after[end+1:]
		if rest, ok := strings.CutPrefix(after, "}"); ok {
			return out, rest, nil
		}
		if s, ok = strings.CutPrefix(after, ","); !ok {
			return nil, "", fmt.Errorf("after label %s: %q", name, after)
		}
	}
}

// valid tells whether word would leave s as it is.
func valid(s string, colon bool) bool { return s != "" && word(s, colon) == s }

func unescape(s string, quote bool) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch {
		case i < len(s) && s[i] == '\\':
			b.WriteByte('\\')
		case i < len(s) && s[i] == 'n':
			b.WriteByte('\n')
		case i < len(s) && s[i] == '"' && quote:
			b.WriteByte('"')
		default:
			return "", fmt.Errorf("escape in %q", s)
		}
	}
	return b.String(), nil
}
