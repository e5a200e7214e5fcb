// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/forelane/forelane/internal/trace"
)

// fields are the fields of a message: numbers as numbers, the rest as bytes.
func fields(t *testing.T, b []byte) map[protowire.Number][]any {
	t.Helper()
	out := map[protowire.Number][]any{}
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		var v any
		switch kind {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			v, n = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			v, n = protowire.ConsumeFixed32(b)
		case protowire.BytesType:
			v, n = protowire.ConsumeBytes(b)
		default:
			t.Fatalf("wire type %d", kind)
		}
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		out[num], b = append(out[num], v), b[n:]
	}
	return out
}

func one(t *testing.T, m map[protowire.Number][]any, num protowire.Number) any {
	t.Helper()
	if len(m[num]) != 1 {
		t.Fatalf("field %d comes %d times", num, len(m[num]))
	}
	return m[num][0]
}

func TestEncoding(t *testing.T) {
	o := Options{Resource: []trace.Attr{{Key: "service.name", Text: "forelane"}}, Scope: "forelane", Version: "v1"}
	begin := time.Unix(1700000000, 123)
	d := trace.Data{
		Context: trace.Context{Trace: trace.TraceID{1, 15: 2}, Span: trace.SpanID{3, 7: 4}, Sampled: true}, Parent: trace.SpanID{5},
		Kind: trace.Client, Name: "origin app", State: "a=b", Start: begin, End: begin.Add(time.Second),
		Attrs:  []trace.Attr{{Key: "n", Number: -1, IsNumber: true}, {Key: "zero", IsNumber: true}, {Key: "s", Text: strings.Repeat("x", 300)}},
		Failed: true, Failure: "late",
	}
	ok := trace.Data{Context: d.Context, Kind: trace.Server, Name: "GET", Start: begin, End: begin}
	resource := fields(t, one(t, fields(t, appendRequest(nil, &o, []trace.Data{d, ok})), 1).([]byte))
	name := fields(t, one(t, fields(t, one(t, resource, 1).([]byte)), 1).([]byte))
	if string(one(t, name, 1).([]byte)) != "service.name" || string(one(t, fields(t, one(t, name, 2).([]byte)), 1).([]byte)) != "forelane" {
		t.Errorf("resource %v", name)
	}
	scope := fields(t, one(t, resource, 2).([]byte))
	if got := fields(t, one(t, scope, 1).([]byte)); string(one(t, got, 1).([]byte)) != "forelane" || string(one(t, got, 2).([]byte)) != "v1" {
		t.Errorf("scope %v", got)
	}
	if len(scope[2]) != 2 {
		t.Fatalf("%d spans", len(scope[2]))
	}
	s := fields(t, scope[2][0].([]byte))
	for num, want := range map[protowire.Number]any{
		1: d.Context.Trace[:], 2: d.Context.Span[:], 3: []byte("a=b"), 4: d.Parent[:], 5: []byte("origin app"), 6: uint64(3),
		7: uint64(begin.UnixNano()), 8: uint64(begin.UnixNano() + 1e9), 16: uint32(1),
	} {
		if got := one(t, s, num); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("field %d: %v, want %v", num, got, want)
		}
	}
	status := fields(t, one(t, s, 15).([]byte))
	if string(one(t, status, 2).([]byte)) != "late" || one(t, status, 3) != uint64(2) {
		t.Errorf("status %v", status)
	}
	if len(s[9]) != 3 {
		t.Fatalf("%d attributes", len(s[9]))
	}
	number := fields(t, one(t, fields(t, s[9][0].([]byte)), 2).([]byte))
	if int64(one(t, number, 3).(uint64)) != -1 {
		t.Errorf("number %v", number)
	}
	if zero := fields(t, one(t, fields(t, s[9][1].([]byte)), 2).([]byte)); one(t, zero, 3) != uint64(0) {
		t.Errorf("zero %v", zero)
	}
	plain := fields(t, scope[2][1].([]byte))
	if plain[4] != nil || plain[15] != nil || plain[9] != nil {
		t.Errorf("a span without parent, status and attributes has some: %v", plain)
	}
}

// collector answers by a script: a status each, 0 for a connection that fails.
type collector struct {
	script []int
	after  string
	bodies [][]byte
	header http.Header
}

func (c *collector) RoundTrip(rq *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(rq.Body)
	if err != nil {
		return nil, err
	}
	c.bodies, c.header = append(c.bodies, b), rq.Header
	status := c.script[min(len(c.bodies), len(c.script))-1]
	if status == 0 {
		return nil, errors.New("refused")
	}
	h := http.Header{}
	if c.after != "" {
		h.Set("Retry-After", c.after)
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: h, Body: io.NopCloser(strings.NewReader("words"))}, nil
}

func TestExport(t *testing.T) {
	for name, tt := range map[string]struct {
		script []int
		after  string
		tries  int
		ok     bool
		took   time.Duration
	}{
		"accepted":              {[]int{200}, "", 1, true, 0},
		"refused for good":      {[]int{400}, "", 1, false, 0},
		"unavailable, then not": {[]int{503, 429, 202}, "", 3, true, 1500 * time.Millisecond},
		"unreachable, then not": {[]int{0, 200}, "", 2, true, 500 * time.Millisecond},
		"never":                 {[]int{504}, "", 4, false, 3500 * time.Millisecond},
		"it asks for a pause":   {[]int{503, 200}, "7", 2, true, 7 * time.Second},
		"a pause too long":      {[]int{503}, "7000", 1, false, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &collector{script: tt.script, after: tt.after}
				e, err := New(Options{Endpoint: "http://collector:4318", Headers: map[string]string{"Api-Key": "k"}, Scope: "forelane", Client: &http.Client{Transport: c}})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				began := time.Now()
				err = e.Export(ctx, []trace.Data{{Name: "x"}})
				if (err == nil) != tt.ok || len(c.bodies) != tt.tries || time.Since(began) != tt.took {
					t.Errorf("%v after %d tries and %v", err, len(c.bodies), time.Since(began))
				}
				if !bytes.Equal(c.bodies[0], c.bodies[len(c.bodies)-1]) || c.header.Get("Content-Type") != "application/x-protobuf" || c.header.Get("Api-Key") != "k" {
					t.Errorf("%v", c.header)
				}
				e.Close()
			})
		})
	}
}

func TestEndpoint(t *testing.T) {
	for in, want := range map[string]string{
		"http://localhost:4318": "http://localhost:4318/v1/traces", "https://c.example/": "https://c.example/v1/traces",
		"https://c.example/otlp/traces?x=1": "https://c.example/otlp/traces?x=1", "localhost:4318": "", "": "", "ftp://x": "",
	} {
		e, err := New(Options{Endpoint: in})
		if (err == nil) != (want != "") || err == nil && e.url != want {
			t.Errorf("%s: %v %v", in, e, err)
		}
	}
}
