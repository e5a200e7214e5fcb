// SPDX-License-Identifier: Apache-2.0

package pattern

import (
	"strings"
	"testing"
)

func mustPath(t *testing.T, s string) Path {
	t.Helper()
	p, err := CompilePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestC2PathPattern(t *testing.T) {
	for _, tt := range []struct {
		pattern, path string
		want          bool
	}{
		{"*", "/", true},
		{"*", "/a/b.c", true},
		{"/", "/", true},
		{"/", "/a", false},
		{"images/*.jpg", "/images/a.jpg", true},
		{"/images/*.jpg", "/images/x/y.jpg", true},
		{"/images/*.jpg", "/images/.jpg", true},
		{"/images/*.jpg", "/Images/a.jpg", false},
		{"/images/*.jpg", "/images/a.JPG", false},
		{"*.jpg", "/a/b.jpg", true},
		{"*.jpg", "/a/b.jpg/c", false},
		{"/api/*", "/api/", true},
		{"/api/*", "/api", false},
		{"/api*", "/api", true},
		{"/a??.jpg", "/ant.jpg", true},
		{"/a??.jpg", "/at.jpg", false},
		{"/a??.jpg", "/a/b.jpg", true},
		{"/a?*", "/a", false},
		{"/a*b*c", "/a_b_b_c", true},
		{"/a*b*c", "/a_c_b", false},
		{"/ab*ba", "/aba", false},
		{"/a**b", "/ab", true},
		{"/*a?b*", "/xxacb", true},
		{"?x", "/ax", true},
		{"/p%", "", false},
		{"/a.b", "/aXb", false},
		{"/$~\"'@:+&", "/$~\"'@:+&", true},
	} {
		p, err := CompilePath(tt.pattern)
		if err != nil {
			if tt.pattern != "/p%" {
				t.Errorf("%q: %v", tt.pattern, err)
			}
			continue
		}
		if got := p.Match(tt.path); got != tt.want {
			t.Errorf("%q on %q: %v", tt.pattern, tt.path, got)
		}
	}
}

func TestC2PathPatternErrors(t *testing.T) {
	for pattern, word := range map[string]string{
		"": "empty", strings.Repeat("a", 256): "255", "/a b": "not allowed", "/a%20": "not allowed", "/é": "not allowed", "/a#": "not allowed",
		"/a{b}": "not allowed", "/[a]": "not allowed",
	} {
		if _, err := CompilePath(pattern); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v", pattern, err)
		}
	}
	mustPath(t, strings.Repeat("a", 255))
}

func TestZeroPathMatchesNothing(t *testing.T) {
	var p Path
	if p.Match("") || p.Match("/") {
		t.Error("it does")
	}
}

func TestShadows(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"*", "/api/*", true},
		{"/*", "*", true},
		{"/*", "*.jpg", true},
		{"/api/*", "/api/v1/*", true},
		{"/api/v1/*", "/api/*", false},
		{"/api/*", "api/x", true},
		{"*.jpg", "/images/*.jpg", true},
		{"*.jpg", "/images/*", false},
		{"/a?", "/ab", true},
		{"/a?", "/a*", false},
		{"/a*", "/a?", true},
		{"/a*c", "/ab*c", true},
		{"/*b*", "/?b", true},
		{"/*b*", "/?c", false},
		{"/?*", "/*", false},
		{"/a/*/c", "/a/b/*", false},
		{"/" + strings.Repeat("*a", 60), "/" + strings.Repeat("?*", 60), false},
	} {
		if got := Shadows(mustPath(t, tt.a), mustPath(t, tt.b)); got != tt.want {
			t.Errorf("%q shadows %q: %v", tt.a, tt.b, got)
		}
	}
	if Shadows(Path{}, mustPath(t, "/a")) || Shadows(Path{}, Path{}) {
		t.Error("nothing shadows nothing")
	}
}

// slowMatch is the definition.
func slowMatch(p, s string) bool {
	if p == "" {
		return s == ""
	}
	switch p[0] {
	case '*':
		return slowMatch(p[1:], s) || s != "" && slowMatch(p, s[1:])
	case '?':
		return s != "" && slowMatch(p[1:], s[1:])
	}
	return s != "" && s[0] == p[0] && slowMatch(p[1:], s[1:])
}

func FuzzC2PathPattern(f *testing.F) {
	f.Add("/a*b?", "/axxbc", "/a*")
	f.Add("*.jpg", "/a.jpg", "*")
	f.Fuzz(func(t *testing.T, a, path, b string) {
		if len(a) > 12 || len(b) > 12 || len(path) > 24 || !strings.HasPrefix(path, "/") {
			return
		}
		p, err := CompilePath(a)
		if err != nil {
			return
		}
		if got, want := p.Match(path), slowMatch(p.String(), path); got != want {
			t.Fatalf("%q on %q: %v, want %v", a, path, got, want)
		}
		q, err := CompilePath(b)
		if err != nil {
			return
		}
		if Shadows(p, q) && q.Match(path) && !p.Match(path) {
			t.Fatalf("%q shadows %q, but not on %q", a, b, path)
		}
		if !Shadows(p, p) {
			t.Fatalf("%q does not shadow itself", a)
		}
	})
}

func BenchmarkPathMatch(b *testing.B) {
	p, _ := CompilePath("/api/*/items/*.json")
	b.ReportAllocs()
	for b.Loop() {
		if !p.Match("/api/v1/items/123456.json") {
			b.Fatal("no match")
		}
	}
}
