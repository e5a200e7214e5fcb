// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

func (s *script) status(a []string) {
	if got := strconv.Itoa(s.last.v.status); got != a[0] {
		s.errorf("status %s, want %s", got, a[0])
	}
}

// matches compares exactly, or by the beginning when want ends in *.
func matches(got, want string) bool {
	if p, ok := strings.CutSuffix(want, "*"); ok && want != "*" {
		return strings.HasPrefix(got, p)
	}
	return got == want
}

func (s *script) header(a []string) {
	got, ok := s.last.v.header.Lookup(a[0])
	if ok {
		got = s.last.v.header.Join(a[0])
	}
	if strings.EqualFold(a[0], "Content-Length") {
		got, ok = strconv.FormatInt(s.last.v.length, 10), s.last.v.length >= 0
	}
	want := strings.Join(a[1:], " ")
	if !ok || !matches(got, want) {
		s.errorf("%s: %q (there: %v), want %q", a[0], got, ok, want)
	}
}

func (s *script) nohead(a []string) {
	if v, ok := s.last.v.header.Lookup(a[0]); ok {
		s.errorf("%s: %q, want none", a[0], v)
	}
}

func (s *script) interim(a []string) {
	got := "none"
	if len(s.last.v.interim) > 0 {
		got = strings.Trim(fmt.Sprint(s.last.v.interim), "[]")
	}
	if want := strings.Join(a, " "); got != want {
		s.errorf("interim answers %s, want %s", got, want)
	}
}

func (s *script) body(a []string) {
	if want := strings.Join(a, " "); s.last.v.String() != want {
		s.errorf("body %q, want %q", s.last.v, want)
	}
}

func (s *script) bodyHas(a []string) {
	if want := strings.Join(a, " "); !strings.Contains(s.last.v.String(), want) {
		s.errorf("body %q has no %q", s.last.v, want)
	}
}

func (s *script) aborted([]string) {
	if !s.last.v.aborted {
		s.errorf("the answer was not cut off")
	}
}

func (s *script) xcache(a []string) { s.header([]string{"X-Cache", a[0] + " from cloudfront"}) }

func (s *script) originCalls(a []string) {
	if got := strconv.Itoa(s.w.originCalls()); got != a[0] {
		s.errorf("%s requests to origins, want %s", got, a[0])
	}
}

func (s *script) originTarget(a []string) {
	if got := s.w.lastCall().URL.RequestURI(); got != a[0] {
		s.errorf("the origin was asked for %q, want %q", got, a[0])
	}
}

func (s *script) originHeader(a []string) {
	rq := s.w.lastCall()
	got := strings.Join(rq.Header.Values(a[0]), ", ")
	if strings.EqualFold(a[0], "Host") {
		got = rq.Host
	}
	if want := strings.Join(a[1:], " "); !matches(got, want) {
		s.errorf("the origin got %s: %q, want %q", a[0], got, want)
	}
}

func (s *script) originNoHeader(a []string) {
	if v, ok := s.w.lastCall().Header[a[0]]; ok {
		s.errorf("the origin got %s: %q, want none", a[0], v)
	}
}

func (s *script) warned(a []string) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if got := strconv.Itoa(len(s.w.warnings)); got != a[0] {
		s.errorf("%s warnings, want %s: %q", got, a[0], s.w.warnings)
	}
}

// logged compares fields of the standard log, version 2.
func (s *script) logged(a []string) {
	r := s.w.lastRecord()
	for _, w := range a {
		name, want, _ := strings.Cut(w, "=")
		l, err := record.NewLayout("plain", []string{name}, true)
		if err != nil {
			s.fatalf("%v", err)
		}
		if got := strings.TrimSuffix(string(l.Append(nil, &r)), "\n"); !matches(got, want) {
			s.errorf("%s=%s, want %s", name, got, want)
		}
	}
}

func (s *script) realtimes(a []string) {
	if got := strconv.Itoa(len(s.w.realtimeRecords())); got != a[0] {
		s.errorf("%s records in real-time logs, want %s", got, a[0])
	}
}

// realtime finds the columns of the last record by the guide's list.
func (s *script) realtime(a []string) {
	all := s.w.realtimeRecords()
	if len(all) == 0 {
		s.fatalf("there is no record")
	}
	last := all[len(all)-1]
	columns := strings.Split(last.line, "\t")
	var names []string
	for _, n := range model.RealtimeFields() {
		if slices.Contains(last.fields, n) {
			names = append(names, n)
		}
	}
	if len(columns) != len(names) {
		s.fatalf("%d columns of %d fields: %q", len(columns), len(names), last.line)
	}
	for _, w := range a {
		name, want, _ := strings.Cut(w, "=")
		i := slices.Index(names, name)
		if i < 0 {
			s.fatalf("the log has no field %s", name)
		}
		if !matches(columns[i], want) {
			s.errorf("%s=%s, want %s", name, columns[i], want)
		}
	}
}

// record compares tags of the JSON log; a tag that is left out is "-".
func (s *script) record(a []string) {
	r := s.w.lastRecord()
	var tags map[string]any
	if err := json.Unmarshal(record.AppendJSON(nil, &r), &tags); err != nil {
		s.fatalf("%v", err)
	}
	for _, w := range a {
		name, want, _ := strings.Cut(w, "=")
		got := "-"
		if v, ok := tags[name]; ok {
			got = fmt.Sprint(v)
		}
		if got != want {
			s.errorf("record %s=%s, want %s", name, got, want)
		}
	}
}
