// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzURI: whatever a viewer writes, the request goes to the host of the
// template, and the value stays in its place.
func FuzzURI(f *testing.F) {
	f.Add("a%2Fb", "x")
	f.Add("../..//?#@evil.example", "a&b=c")
	f.Add("%zz\x00 é", "%26")
	t1, err := parseURI("https://t.example:81/base/{p+}/end?id={q}&k=v")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, p, q string) {
		raw, err := t1.expand(func(name string) (string, bool) {
			if name == "p" {
				return p, true
			}
			return q, true
		})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		if u.Host != "t.example:81" || u.Fragment != "" || !strings.HasPrefix(u.Path, "/base/") || !strings.HasSuffix(u.Path, "/end") {
			t.Errorf("%q went to %q, path %q", p, u.Host, u.Path)
		}
		if v := u.Query(); len(v) != 2 || v.Get("id") != unescapePath(q) || v.Get("k") != "v" {
			t.Errorf("%q: query %v", q, v)
		}
	})
}
