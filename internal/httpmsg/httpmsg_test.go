// SPDX-License-Identifier: Apache-2.0

package httpmsg

import (
	"slices"
	"testing"
)

func TestHeader(t *testing.T) {
	var h Header
	h.Add("Accept", "a")
	h.Add("X-One", "1")
	h.Add("accept", "b")
	if got := h.Join("ACCEPT"); got != "a, b" {
		t.Errorf("Join = %q", got)
	}
	h.Set("ACCEPT", "c")
	if got := h.Fields(); !slices.Equal(got, []Field{{"Accept", "c"}, {"X-One", "1"}}) {
		t.Errorf("after Set: %v", got)
	}
	c := h.Clone()
	h.Del("x-one")
	if h.Has("X-One") || !c.Has("x-one") {
		t.Error("Del must not reach the clone")
	}
	h.Filter(func(f Field) bool { return f.Name != "Accept" })
	if h.Len() != 0 {
		t.Errorf("Filter left %v", h.Fields())
	}
}

func TestCookieFieldsJoinWithSemicolon(t *testing.T) {
	var h Header
	h.Add("cookie", "a=1")
	h.Add("Cookie", "b=2")
	if got := h.Join("Cookie"); got != "a=1; b=2" {
		t.Errorf("Join = %q", got)
	}
}

func TestEqualFoldIsASCII(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{{"Age", "aGE", true}, {"a-b", "A-B", true}, {"@", "`", false}, {"[", "{", false}, {"k", "\u212a", false}} {
		if EqualFold(tt.a, tt.b) != tt.want {
			t.Errorf("EqualFold(%q, %q) is not %v", tt.a, tt.b, tt.want)
		}
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	var h Header
	h.Add("Host", "x")
	h.Add("Accept", "y")
	if n := testing.AllocsPerRun(100, func() { _ = h.Join("accept") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
