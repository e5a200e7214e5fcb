// SPDX-License-Identifier: Apache-2.0

package pattern

import (
	"slices"
	"strings"
	"testing"
)

func table(t testing.TB, style RouteStyle, keys ...string) (*RouteTable, []Route) {
	t.Helper()
	var routes []Route
	for _, key := range keys {
		r, err := ParseRoute(key)
		if err != nil {
			t.Fatal(err)
		}
		routes = append(routes, r)
	}
	return NewRouteTable(style, routes), routes
}

type routeCase struct {
	request string // method, space, path
	want    string // route key, or "" for none
	params  string // name=value,…
}

func runRouteCases(t *testing.T, tab *RouteTable, routes []Route, cases []routeCase) {
	t.Helper()
	for _, c := range cases {
		method, path, _ := strings.Cut(c.request, " ")
		i, params := tab.Match(method, path, nil)
		got := ""
		if i >= 0 {
			got = routes[i].String()
		}
		if got != c.want {
			t.Errorf("%s: route %q, want %q", c.request, got, c.want)
		}
		var ps []string
		for _, p := range params {
			ps = append(ps, p.Name+"="+p.Value)
		}
		if s := strings.Join(ps, ","); s != c.params {
			t.Errorf("%s: params %q, want %q", c.request, s, c.params)
		}
	}
}

func TestA1HTTPRoutePrecedence(t *testing.T) {
	tab, routes := table(t, HTTPRoutes,
		"GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default",
		"GET /a/{x}/b", "GET /a/{rest+}", "ANY /{y}/lit", "POST /pets/dog/{name}", "ANY /m", "PUT /m", "GET /")
	runRouteCases(t, tab, routes, []routeCase{
		{"GET /pets/dog/1", "GET /pets/dog/1", ""},
		{"GET /pets/dog/2", "GET /pets/dog/{id}", "id=2"},
		{"POST /pets/dog/2", "POST /pets/dog/{name}", "name=2"},
		{"GET /pets/cat/1", "GET /pets/{proxy+}", "proxy=cat/1"},
		{"POST /test/5", "ANY /{proxy+}", "proxy=test/5"},
		{"DELETE /pets/dog/1", "ANY /{proxy+}", "proxy=pets/dog/1"},
		{"GET /", "GET /", ""},
		{"POST /", "$default", ""},
		{"GET /a/lit", "ANY /{y}/lit", "y=a"}, // a full match beats a greedy one
		{"GET /a/1/b", "GET /a/{x}/b", "x=1"},
		{"GET /a/1/c", "GET /a/{rest+}", "rest=1/c"},
		{"PUT /m", "PUT /m", ""},
		{"GET /m", "ANY /m", ""},
		{"GET /m/", "ANY /{proxy+}", "proxy=m/"},
		{"GET /pets/dog/%2F", "GET /pets/dog/{id}", "id=%2F"},
		{"GET *", "", ""},
	})
}

func TestA1NoDefaultRoute(t *testing.T) {
	tab, routes := table(t, HTTPRoutes, "GET /items", "GET /items/{id}")
	runRouteCases(t, tab, routes, []routeCase{
		{"GET /items", "GET /items", ""},
		{"POST /items", "", ""},
		{"GET /items/", "", ""},
		{"GET /items/1/2", "", ""},
		{"GET /Items", "", ""},
	})
}

func TestA2RESTResourceTree(t *testing.T) {
	tab, routes := table(t, RESTRoutes,
		"GET /", "GET /pets", "ANY /pets/{id}", "GET /pets/{id}/toys", "POST /pets/new", "ANY /{proxy+}")
	runRouteCases(t, tab, routes, []routeCase{
		{"GET /", "GET /", ""},
		{"POST /", "", ""}, // {proxy+} does not take the root
		{"GET /pets", "GET /pets", ""},
		{"GET /pets/", "GET /pets", ""},
		{"POST /pets", "", ""}, // the resource is there, the method is not
		{"POST /pets/new", "POST /pets/new", ""},
		{"GET /pets/new", "", ""},
		{"GET /pets/new/toys", "GET /pets/{id}/toys", "id=new"},
		{"PUT /pets/7", "ANY /pets/{id}", "id=7"},
		{"GET /pets/7/x", "ANY /{proxy+}", "proxy=pets/7/x"},
		{"GET /x/y/", "ANY /{proxy+}", "proxy=x/y"},
	})
}

func TestShadowedRoutes(t *testing.T) {
	tab, _ := table(t, HTTPRoutes, "GET /a/{x}", "GET /a/{y}", "$default", "$default", "POST /a/{y}")
	if got := tab.Shadowed(); !slices.Equal(got, []int{1, 3}) {
		t.Errorf("shadowed: %v", got)
	}
}

func TestParseRouteRefuses(t *testing.T) {
	for _, key := range []string{"", "GET", "GET items", " /x", "GET /{a+}/b", "GET /{}", "GET /{a}/{a}", "GET /{a{b}"} {
		if r, err := ParseRoute(key); err == nil {
			t.Errorf("ParseRoute(%q) = %v, want an error", key, r)
		}
	}
}

// slowRoute is RouteTable.Match written as the rules are told: look at all
// routes, rank each, take the best.
func slowRoute(style RouteStyle, routes []Route, method, path string) int {
	if !strings.HasPrefix(path, "/") {
		return -1
	}
	fallback := slices.IndexFunc(routes, func(r Route) bool { return r.IsDefault() })
	bestPath, bestMethod, best := "", "", -1
	for i := range routes {
		rank, ok := slowRank(style, &routes[i], path)
		if !ok || style == HTTPRoutes && routes[i].Method != method && routes[i].Method != "ANY" {
			continue
		}
		m := map[string]string{method: "1", "ANY": "2"}[routes[i].Method]
		if routes[i].Method == method {
			m = "1"
		}
		if m == "" {
			m = "3"
		}
		if best < 0 || rank < bestPath || rank == bestPath && m < bestMethod {
			bestPath, bestMethod, best = rank, m, i
		}
	}
	switch {
	case best < 0:
		return fallback
	case bestMethod == "3":
		return -1
	}
	return best
}

// slowRank is smaller for what goes first.
func slowRank(style RouteStyle, r *Route, path string) (string, bool) {
	if r.IsDefault() {
		return "", false
	}
	segments, rank := r.Segments, "full "
	if style == RESTRoutes {
		path = strings.TrimRight(path, "/")
		for len(segments) > 0 && segments[len(segments)-1] == (Segment{}) {
			segments = segments[:len(segments)-1]
		}
		rank = ""
	}
	var in []string
	if path != "" {
		in = strings.Split(path[1:], "/")
	}
	for i, s := range segments {
		if i >= len(in) {
			return "", false
		}
		switch {
		case s.Kind == Static && in[i] != s.Text, s.Kind == Variable && in[i] == "":
			return "", false
		case s.Kind == Greedy:
			return strings.Replace(rank, "full", "greedy", 1) + "2", strings.Join(in[i:], "/") != ""
		}
		rank += string('0' + rune(s.Kind))
	}
	return rank, len(in) == len(segments)
}

func FuzzRouteTable(f *testing.F) {
	f.Add("GET /a/{x}\nANY /{p+}\n$default\nPOST /a/b", "GET", "/a/b", false)
	f.Add("GET /\nGET /a/\nANY /a/{x}/c\nGET /{y}/b", "GET", "/a/b/", true)
	f.Add("GET /a/{p+}\nGET /{x}/b/{z}", "GET", "/a/b/c", true)
	f.Fuzz(func(t *testing.T, keys, method, path string, rest bool) {
		style := HTTPRoutes
		if rest {
			style = RESTRoutes
		}
		var routes []Route
		for _, key := range strings.SplitN(keys, "\n", 12) {
			if r, err := ParseRoute(key); err == nil {
				if again, err := ParseRoute(r.String()); err != nil || again.String() != r.String() {
					t.Fatalf("%q does not survive printing: %v", key, err)
				}
				routes = append(routes, r)
			}
		}
		tab := NewRouteTable(style, routes)
		got, params := tab.Match(method, path, nil)
		if want := slowRoute(style, routes, method, path); got != want {
			t.Fatalf("%q %s %s: route %d, the slow twin says %d", keys, method, path, got, want)
		}
		if got >= 0 {
			n := 0
			for _, s := range routes[got].Segments {
				if s.Kind != Static {
					n++
				}
			}
			if n != len(params) {
				t.Fatalf("%d params for %s", len(params), routes[got].String())
			}
		}
	})
}

func BenchmarkRouteTable(b *testing.B) {
	tab, _ := table(b, HTTPRoutes, "GET /items", "GET /items/{id}", "ANY /{proxy+}", "$default")
	params := make([]Param, 0, 4)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = tab.Match("GET", "/items/42", params)
	}
}
