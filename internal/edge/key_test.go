// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
)

// variantOf is the slow twin of appendKey for the policy of keyWorld: what
// tells one variant from another, as a list that is compared element by element.
func variantOf(rq *httpmsg.Request) []string {
	v := []string{rq.Path}
	for _, p := range strings.Split(rq.Query, "&") {
		name, _, _ := strings.Cut(p, "=")
		if name == "a" || name == "b" {
			v = append(v, "query "+p)
		}
	}
	if h, ok := rq.Header.Lookup("X-H"); ok {
		v = append(v, "header "+h)
	}
	var cookies []string
	for _, p := range strings.Split(rq.Header.Join("Cookie"), ";") {
		name, value, ok := strings.Cut(strings.Trim(p, " \t"), "=")
		if ok && strings.TrimRight(name, " \t") == "c" {
			cookies = append(cookies, strings.Trim(value, " \t"))
		}
	}
	if len(cookies) > 0 {
		v = append(v, fmt.Sprintf("cookies %q", cookies))
	}
	return v
}

func keyWorld(t testing.TB) *Exchange {
	t.Helper()
	w := newWorld(&testing.T{})
	p := w.behavior().Cache
	p.Queries = model.Selection{Mode: model.SelectList, Names: []string{"a", "b"}}
	p.Headers = model.Selection{Mode: model.SelectList, Names: []string{"X-H"}}
	p.Cookies = model.Selection{Mode: model.SelectList, Names: []string{"c"}}
	w.compile()
	d := w.edge.dists[0]
	x := &Exchange{edge: w.edge, dist: d, beh: d.behaviors[0]}
	x.keyed.origin = "o"
	return x
}

// FuzzKey: keys are equal when and only when the variants are.
func FuzzKey(f *testing.F) {
	f.Add("/p", "a=1&b=2", "h", "c=1", "/p", "b=2&a=1", "h", "c=1")
	f.Add("/p", "a=1", "", "", "/p?a=1", "", "", "")
	f.Add("/p", "x=1", "1", "c=1; d=2", "/p", "", "1", "d=3;c=1")
	f.Add("/p", "a", "cookie:", "", "/p", "a=", "", "c=")
	x := keyWorld(f)
	f.Fuzz(func(t *testing.T, p1, q1, h1, c1, p2, q2, h2, c2 string) {
		build := func(p, q, h, c string) (*httpmsg.Request, bool) {
			rq := &httpmsg.Request{Method: "GET", Path: p, Query: q}
			if h != "" {
				rq.Header.Add("X-H", h)
			}
			if c != "" {
				rq.Header.Add("Cookie", c)
			}
			// What the engines refuse cannot come here.
			ok := strings.HasPrefix(p, "/") && !strings.ContainsAny(p, "?#") && !strings.ContainsAny(q, "#")
			for _, s := range []string{p, q, h, c} {
				ok = ok && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
			}
			return rq, ok && (h == "" || httpspec.ValidValue(h)) && (c == "" || httpspec.ValidValue(c))
		}
		r1, ok1 := build(p1, q1, h1, c1)
		r2, ok2 := build(p2, q2, h2, c2)
		if !ok1 || !ok2 {
			return
		}
		x.rq = r1
		k1 := string(x.appendKey(nil))
		x.rq = r2
		k2 := string(x.appendKey(nil))
		if v1, v2 := variantOf(r1), variantOf(r2); (k1 == k2) != slices.Equal(v1, v2) {
			t.Errorf("keys\n%q\n%q\nvariants\n%q\n%q", k1, k2, v1, v2)
		}
	})
}
