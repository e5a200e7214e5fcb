// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	xray   = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1"
)

func TestParseW3C(t *testing.T) {
	for name, tt := range map[string]struct {
		in             string
		valid, sampled bool
	}{
		"sampled":                  {parent, true, true},
		"not sampled":              {parent[:53] + "00", true, false},
		"other flags":              {parent[:53] + "ff", true, true},
		"a later version":          {"01" + parent[2:] + "-more", true, true},
		"a later version, no dash": {"01" + parent[2:] + "more", false, false},
		"version 0 with more":      {parent + "-more", false, false},
		"version ff":               {"ff" + parent[2:], false, false},
		"upper case":               {strings.ToUpper(parent), false, false},
		"no trace":                 {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", false, false},
		"no span":                  {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false, false},
		"short":                    {parent[:54], false, false},
		"empty":                    {"", false, false},
		"no hexadecimal":           {strings.Replace(parent, "f", "g", 1), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := ParseW3C(tt.in)
			if c.Valid() != tt.valid || c.Sampled != tt.sampled || c.Decided != tt.valid {
				t.Errorf("%+v", c)
			}
			if tt.in == parent && c.W3C() != parent {
				t.Errorf("printed as %s", c.W3C())
			}
		})
	}
}

func TestParseXRay(t *testing.T) {
	for name, tt := range map[string]struct {
		in                      string
		valid, decided, sampled bool
		print                   string
	}{
		"whole":                 {xray, true, true, true, xray},
		"another order, spaces": {"Sampled=1; Parent=00f067aa0ba902b7; Root=1-4bf92f35-77b34da6a3ce929d0e0e4736", true, true, true, xray},
		"not sampled":           {strings.Replace(xray, "Sampled=1", "Sampled=0", 1), true, true, false, ""},
		"not decided":           {strings.Replace(xray, "Sampled=1", "Sampled=?", 1), true, false, false, ""},
		"root alone":            {xray[:40], true, false, false, ""},
		"with more":             {"Self=1-x;" + xray + ";Lineage=a:1", true, true, true, xray},
		"no root":               {xray[41:], false, false, false, ""},
		"broken root":           {"Root=1-4bf92f35-77b34da6a3ce929d0e0e473", false, false, false, ""},
		"broken parent":         {xray[:40] + ";Parent=0", false, false, false, ""},
		"another version":       {"Root=2-4bf92f35-77b34da6a3ce929d0e0e4736", false, false, false, ""},
		"zero":                  {"Root=1-00000000-000000000000000000000000", false, false, false, ""},
		"empty":                 {"", false, false, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := ParseXRay(tt.in)
			if c.Valid() != tt.valid || c.Decided != tt.decided || c.Sampled != tt.sampled {
				t.Errorf("%+v", c)
			}
			if tt.print != "" && c.XRay() != tt.print {
				t.Errorf("printed as %s", c.XRay())
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(parent)
	f.Add(xray)
	f.Fuzz(func(t *testing.T, s string) {
		if c := ParseW3C(s); c.Valid() && ParseW3C(c.W3C()) != c {
			t.Errorf("%q: %+v", s, c)
		}
		if c := ParseXRay(s); c.Valid() && c.Span != (SpanID{}) && c.Decided && ParseXRay(c.XRay()) != c {
			t.Errorf("%q: %+v", s, c)
		}
	})
}

// kept is an exporter that keeps what it gets.
type kept struct {
	spans []Data
	sizes []int
	err   error
	block chan struct{} // nil: it does not
}

func (k *kept) export(ctx context.Context, batch []Data) error {
	if k.block != nil {
		select {
		case <-k.block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if k.err != nil {
		return k.err
	}
	k.spans, k.sizes = append(k.spans, batch...), append(k.sizes, len(batch))
	return nil
}

func TestRootDecides(t *testing.T) {
	const no = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
	for name, tt := range map[string]struct {
		o       Options
		h       Headers
		sampled bool
		follows bool
	}{
		"nothing said, ratio 0":         {Options{}, Headers{}, false, false},
		"nothing said, ratio 1":         {Options{Ratio: 1}, Headers{}, true, false},
		"the parent is sampled":         {Options{}, Headers{Traceparent: parent}, true, true},
		"the parent is not":             {Options{Ratio: 1}, Headers{Traceparent: no}, false, false},
		"X-Ray's is":                    {Options{}, Headers{XRay: xray}, true, true},
		"X-Ray's is not":                {Options{Ratio: 1}, Headers{XRay: strings.Replace(xray, "d=1", "d=0", 1)}, false, false},
		"X-Ray's is open, ratio 1":      {Options{Ratio: 1}, Headers{XRay: xray[:40]}, true, true},
		"X-Ray's is open, ratio 0":      {Options{}, Headers{XRay: xray[:40]}, false, false},
		"W3C's comes first":             {Options{Ratio: 1}, Headers{Traceparent: no, XRay: xray}, false, false},
		"W3C's is broken, X-Ray's not":  {Options{}, Headers{Traceparent: "00-x", XRay: xray}, true, true},
		"ignored, ratio 0":              {Options{Ignore: true}, Headers{Traceparent: parent}, false, false},
		"ignored, ratio 1":              {Options{Ignore: true, Ratio: 1}, Headers{Traceparent: no}, true, false},
		"a broken one counts as none":   {Options{Ratio: 1}, Headers{Traceparent: "00-x"}, true, false},
		"a broken one, with the ratio0": {Options{}, Headers{Traceparent: "00-x"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			k := &kept{}
			tt.o.Export = k.export
			tr := New(tt.o)
			defer func() { _ = tr.Close(t.Context()) }()
			s := tr.Root("x", tt.h, time.Now())
			if (s != nil) != tt.sampled {
				t.Fatalf("sampled: %v", s != nil)
			}
			if c := s.Context(); tt.sampled && (strings.HasPrefix(parent[3:], strings.Split(c.W3C(), "-")[1]) != tt.follows || !c.Sampled) {
				t.Errorf("%s", c.W3C())
			}
		})
	}
}

func TestRatio(t *testing.T) {
	n := 0
	for range 20000 {
		if draw(newTrace(time.Now()), 0.25) {
			n++
		}
	}
	if n < 4500 || n > 5500 {
		t.Errorf("%d of 20000", n)
	}
}

func TestATreeIsExported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kept{}
		tr := New(Options{Ratio: 1, Export: k.export})
		root := tr.Root("GET", Headers{Traceparent: parent, Tracestate: "a=b"}, time.Now())
		child := root.Child("origin", Client)
		child.Text("url", "\xffx")
		child.Text("none", "")
		child.Int("tries", 2)
		child.Fail("no answer")
		child.End()
		root.Rename("GET /a")
		root.End()
		time.Sleep(2 * time.Second) // of the bubble
		synctest.Wait()
		if len(k.sizes) != 1 || len(k.spans) != 2 {
			t.Fatalf("%v", k.sizes)
		}
		c, r := k.spans[0], k.spans[1]
		if r.Name != "GET /a" || r.Kind != Server || c.Kind != Client || c.Parent != r.Context.Span || c.Context.Trace != r.Context.Trace || r.State != "a=b" {
			t.Errorf("%+v\n%+v", r, c)
		}
		if fmt.Sprintf("%x", r.Parent) != "00f067aa0ba902b7" || !c.Failed || c.Failure != "no answer" || r.Failed {
			t.Errorf("%+v\n%+v", r, c)
		}
		if len(c.Attrs) != 2 || c.Attrs[0].Text != "\uFFFDx" || c.Attrs[1].Number != 2 {
			t.Errorf("%+v", c.Attrs)
		}
		if err := tr.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if st := tr.Stats(); st != (Stats{Exported: 2}) {
			t.Errorf("%+v", st)
		}
	})
}

func TestAFullQueueDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kept{block: make(chan struct{})}
		tr := New(Options{Ratio: 1, Export: k.export, Queue: 10, Batch: 4, Limit: time.Hour})
		for range 4 { // these the exporter takes, and hangs
			tr.Root("x", Headers{}, time.Now()).End()
		}
		synctest.Wait()
		for range 25 { // never waits
			tr.Root("x", Headers{}, time.Now()).End()
		}
		if st := tr.Stats(); st.Dropped != 15 {
			t.Errorf("%+v", st)
		}
		close(k.block)
		if err := tr.Close(t.Context()); err != nil {
			t.Error(err)
		}
		tr.Root("x", Headers{}, time.Now()).End() // after the end
		if st := tr.Stats(); st != (Stats{Exported: 14, Dropped: 16}) {
			t.Errorf("%+v", st)
		}
	})
}

func TestFailuresAreCountedAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kept{err: errors.New("down")}
		var told []error
		tr := New(Options{Ratio: 1, Export: k.export, Warn: func(err error) { told = append(told, err) }})
		send := func() {
			tr.Root("x", Headers{}, time.Now()).End()
			time.Sleep(2 * time.Second) // of the bubble
			synctest.Wait()
		}
		send()
		send()
		k.err = nil
		send()
		if len(told) != 2 || told[0] == nil || told[1] != nil {
			t.Errorf("told %v", told)
		}
		if st := tr.Stats(); st != (Stats{Exported: 1, Failed: 2}) {
			t.Errorf("%+v", st)
		}
		_ = tr.Close(t.Context())
	})
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kept{block: make(chan struct{})}
		tr := New(Options{Ratio: 1, Export: k.export, Limit: time.Hour})
		tr.Root("x", Headers{}, time.Now()).End()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := tr.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if st := tr.Stats(); st.Failed != 1 {
			t.Errorf("%+v", st)
		}
	})
}

func TestNothingSampledCostsNothing(t *testing.T) {
	k := &kept{}
	tr := New(Options{Ratio: 0, Export: k.export})
	defer func() { _ = tr.Close(t.Context()) }()
	ctx := t.Context()
	h := Headers{Traceparent: parent[:53] + "00", XRay: xray}
	if n := testing.AllocsPerRun(100, func() {
		tr.Root("x", h, time.Time{}).End()
		s := tr.Root("x", Headers{}, time.Time{})
		c := s.Child("y", Client)
		c.Text("a", "b")
		c.Int("a", 1)
		c.Fail("x")
		c.End()
		s.SetState("x")
		s.Rename("y")
		s.End()
		if From(With(ctx, s)) != nil || s.Context().Valid() || s.State() != "" {
			t.Error("a span")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	var none *Tracer
	if none.Root("x", h, time.Time{}) != nil || none.Close(ctx) != nil || none.Stats() != (Stats{}) {
		t.Error("the nil Tracer")
	}
}
