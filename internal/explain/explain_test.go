// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDiff(t *testing.T) {
	a := []Part{{"path", "/a", ""}, {"query x", "1", ""}, {"query y", "2", ""}}
	tests := map[string]struct {
		b    []Part
		want []Difference
	}{
		"the same":      {a, nil},
		"a value":       {[]Part{{"path", "/a", "else"}, {"query x", "2", ""}, {"query y", "2", ""}}, []Difference{{"query x", "1", "2"}}},
		"one less":      {a[:2], []Difference{{"query y", "2", ""}}},
		"one more":      {append(slices.Clone(a), Part{"header h", "v", ""}), []Difference{{"header h", "", "v"}}},
		"another order": {[]Part{a[0], a[2], a[1]}, []Difference{{"order of query strings", "x, y", "y, x"}}},
		"twice":         {append(slices.Clone(a), Part{"query x", "3", ""}), []Difference{{"query x", "", "3"}}},
	}
	for name, tt := range tests {
		if got := Diff(a, tt.b); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestText(t *testing.T) {
	e := &Explanation{
		Method: "GET", URL: "http://a.example/x?b=1", Distribution: Distribution{"E1", "Site", "it answers to the Host a.example"},
		Shield:   &Shield{ACL: "acl", Action: "ALLOW", Rule: "Default_Action", Labels: []string{"a:b"}, Counted: []string{"seen"}},
		Tried:    []Behavior{{Pattern: "/api/*"}, {Pattern: "*", Matches: true, Policy: "P", Target: "o"}},
		Function: []Function{{Event: "viewer-request", Name: "f"}, {Event: "viewer-request", Name: "g", Error: "it threw"}},
		Key:      []Part{{"path", "/x", "the viewer's"}, {"header h", "", "header"}},
		Unkeyed:  []Unkeyed{{"query b", false}, {"header accept", true}},
		Cache:    &Cache{Status: "hit", Why: "stored and fresh", Age: 2 * time.Second, TTL: time.Minute, Lifetime: []Line{{"max-age decides: 60 s", "F1"}}},
		Origin:   &Origin{ID: "o", Host: "o.example", Why: "why", Request: "GET /x", Forwarded: [][2]string{{"Host", "o.example"}}, Dropped: []string{"Accept"}},
		Response: []string{"Via is set to x"}, Answer: Answer{Status: 200, XCache: "Hit from cloudfront", By: "the cache"},
		Wishes: []string{"it were Monday"}, Warnings: []string{"mind the gap"},
	}
	const want = `request         GET http://a.example/x?b=1
distribution    Site, E1, it answers to the Host a.example
web ACL         acl: ALLOW by rule Default_Action
                labels a:b
                counted seen
behavior        /api/* does not match
                * matches: cache policy P, origin o
function        f at viewer-request changed nothing
                g at viewer-request failed: it threw
key             path = /x   (the viewer's)
                header h = (none)   (header)
not in the key  query b
                but forwarded: header accept
cache           hit: stored and fresh
                age 2 s of 60 s
stored          max-age decides: 60 s   [F1]
origin          o, o.example, why
                is sent GET /x
                  Host: o.example
                is not sent Accept
                was not asked (--fetch asks it)
response        Via is set to x
answer          200, X-Cache: Hit from cloudfront (the cache)
a hit, if       it were Monday
warning         mind the gap
`
	var b strings.Builder
	if err := e.Text(&b); err != nil {
		t.Fatal(err)
	}
	if b.String() != want {
		t.Errorf("text:\n%s\nwant:\n%s", b.String(), want)
	}
}
