// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
)

// FuzzE1Event: a function that hands back a copy of its request changes
// nothing, whatever the request holds; and one that writes a value anew makes
// a message that reads back the same, or is refused.
func FuzzE1Event(f *testing.F) {
	f.Add("/a%20b", "a=1&b&a=2", "a=1; b=2; a=3", "X-A", "v", "n")
	f.Add("/\xff", "=x&&\xe9", "=; ;x", "x-a", "\xe9", "a b")
	copied := compileOne(f, v1, "function handler(event) { return JSON.parse(JSON.stringify(event.request)); }", Options{})
	written := compileOne(f, v1, `function handler(event) { var r = event.request, v = r.headers['x-value'].value;
		r.querystring.q = { value: v }; r.cookies.c = { value: v }; r.headers['x-out'] = { value: v }; r.uri = '/' + v; return r; }`, Options{})
	f.Fuzz(func(t *testing.T, path, query, cookie, name, value, other string) {
		make := func() *httpmsg.Request {
			rq := &httpmsg.Request{Method: "GET", Path: "/" + path, Query: query}
			rq.Header.Add("Host", "x")
			rq.Header.Add("Cookie", cookie)
			rq.Header.Add(name, value)
			rq.Header.Add(name, other)
			rq.Header.Add("X-Value", other)
			return rq
		}
		if strings.EqualFold(name, "host") || strings.EqualFold(name, "x-value") {
			return
		}
		rq := make()
		if _, out, err := copied.ViewerRequest(context.Background(), testEvent(), rq); err != nil || out.Changed {
			t.Fatalf("%+v: %+v %v", rq, out, err)
		}
		if want := make(); rq.Target() != want.Target() || !slices.Equal(rq.Header.Fields(), want.Header.Fields()) {
			t.Fatalf("\n got %+v\nwant %+v", rq, want)
		}
		_, _, err := written.ViewerRequest(context.Background(), testEvent(), rq)
		var e *Error
		if err != nil {
			if !errors.As(err, &e) || e.Kind != Validation {
				t.Fatal(err)
			}
			return
		}
		got := querySource(rq.Query).lookup("q")
		if len(got) == 0 || !strings.HasPrefix(utf8Text(other), got[0].value) {
			t.Fatalf("query %q holds %q for %q", rq.Query, got, other)
		}
		if rq.Header.Get("X-Out") != utf8Text(other) || strings.ContainsAny(rq.Path, " ?#\r\n") {
			t.Fatalf("%+v", rq)
		}
	})
}
