// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

func domainOf(paths ...string) *domain {
	d := &domain{mappings: map[string]*mapping{}}
	for _, p := range paths {
		d.mappings[p] = &mapping{path: p}
	}
	return d
}

func TestA22LongestMapping(t *testing.T) {
	d := domainOf("", "orders", "orders/v1", "a/b/c")
	for path, want := range map[string][2]string{
		"/": {"", "/"}, "/x": {"", "/x"}, "/orders": {"orders", "/"}, "/orders/": {"orders", "/"}, "/ordersx": {"", "/ordersx"},
		"/orders/v1": {"orders/v1", "/"}, "/orders/v1/": {"orders/v1", "/"}, "/orders/v1/7": {"orders/v1", "/7"}, "/orders/v10": {"orders", "/v10"},
		"/orders//v1": {"orders", "//v1"}, "//orders": {"", "//orders"}, "/orders%2Fv1": {"", "/orders%2Fv1"}, "/a/b": {"", "/a/b"}, "/a/b/c/d": {"a/b/c", "/d"},
		"/ORDERS": {"", "/ORDERS"},
	} {
		m := d.find(path)
		if m == nil || m.path != want[0] || m.mapped(path) != want[1] {
			t.Errorf("%s: %+v, want %q", path, m, want)
		}
	}
	if m := domainOf("orders").find("/order"); m != nil {
		t.Errorf("/order: %+v", m)
	}
}

// FuzzMapping: the longest mapping by segments, whatever the path is, and what
// is below it is a path.
func FuzzMapping(f *testing.F) {
	for _, p := range []string{"/", "/a", "/a/b/c", "//a//b/", "/a/b/", "/%61/b"} {
		f.Add(p)
	}
	paths := []string{"a", "a/b", "a/b/c", "b"}
	d := domainOf(paths...)
	f.Fuzz(func(t *testing.T, path string) {
		path = "/" + path
		want := ""
		for _, p := range paths {
			if (path == "/"+p || strings.HasPrefix(path, "/"+p+"/")) && len(p) > len(want) {
				want = p
			}
		}
		m := d.find(path)
		if (m == nil) != (want == "") || m != nil && m.path != want {
			t.Fatalf("%q: %+v, want %q", path, m, want)
		}
		if m != nil {
			if below := m.mapped(path); !strings.HasPrefix(below, "/") {
				t.Fatalf("%q: below is %q", path, below)
			}
		}
	})
}

func TestA22Hosts(t *testing.T) {
	api := httpAPI(newRoute("GET /", lambda("2.0")))
	s := stackOf(api)
	s.Domains = []*model.Domain{
		{LogicalID: "D", Name: "api.example.com", Targets: []string{"d-abc.execute-api.us-east-1.amazonaws.com", ""}, Mappings: []model.DomainMapping{{APIID: api.ID, Stage: "$default"}}},
		{LogicalID: "W", Name: "*.wild.example.com", Mappings: []model.DomainMapping{{APIID: api.ID, Stage: "gone"}, {Path: "x", APIID: "nobody", Stage: "s"}}},
		{LogicalID: "Bad", Name: "a b", Pos: "t:1:1"},
		{LogicalID: "Rules", Name: "rules.example.com", Pos: "t:2:1", RulesOnly: true},
	}
	g, err := Compile(s, Deps{Invoke: &fake{}})
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(g.Notes(), "\n"); !strings.Contains(notes, "t:1:1 Bad: the domain is not answered") || !strings.Contains(notes, "t:2:1 Rules") {
		t.Errorf("notes: %s", notes)
	}
	for host, want := range map[string]struct {
		owned  bool
		status int
	}{
		"api.example.com": {true, 200}, "API.EXAMPLE.COM.:443": {true, 200}, "a.wild.example.com": {true, 404}, "wild.example.com": {false, 403},
		"d-abc.execute-api.us-east-1.amazonaws.com": {true, 403}, "": {false, 403}, "rules.example.com": {true, 403},
	} {
		if g.Owns(host) != want.owned {
			t.Errorf("%q: owned %v", host, g.Owns(host))
		}
		rq, err := http.NewRequest("GET", "https://placeholder/", nil)
		if err != nil {
			t.Fatal(err)
		}
		rq.Host = host
		if host == "" {
			rq.URL.Host = ""
		}
		resp, err := g.RoundTrip(rq)
		if err != nil || resp.StatusCode != want.status {
			t.Errorf("%q: %v %v, want %d", host, resp.StatusCode, err, want.status)
		}
	}
}
