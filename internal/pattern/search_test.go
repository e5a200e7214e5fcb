// SPDX-License-Identifier: Apache-2.0

package pattern

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func paths(t testing.TB, patterns ...string) []Path {
	t.Helper()
	var out []Path
	for _, p := range patterns {
		c, err := CompilePath(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

func TestSearch(t *testing.T) {
	for _, tt := range []struct {
		name    string
		in, out []string
		want    string
		answer  Answer
	}{
		{"shortest", []string{"/api/*", "*.json"}, []string{"/api/v?/*"}, "/api/.json", Found},
		{"one beside another", []string{"/a/*"}, []string{"/a/b*"}, "/a/", Found},
		{"two cover a third together", []string{"/a?"}, []string{"/a*"}, "", Nothing},
		{"split by a byte", []string{"/?"}, []string{"/a"}, "/x", Found},
		{"only what the others leave", []string{"/a/*"}, []string{"/a/", "/a/x*", "/a/?"}, "/a/yy", Found},
		{"nothing in common", []string{"/a/*", "/b/*"}, nil, "", Nothing},
		{"all", nil, nil, "/", Found},
		{"a slash is in front", []string{"*a"}, []string{"/*"}, "", Nothing},
	} {
		got, answer := Search(paths(t, tt.in...), paths(t, tt.out...))
		if got != tt.want || answer != tt.answer {
			t.Errorf("%s: %q %s, want %q %s", tt.name, got, answer, tt.want, tt.answer)
		}
	}
	if _, a := Search([]Path{{}}, nil); a != Nothing {
		t.Errorf("the zero pattern: %s", a)
	}
}

// TestSearchAgainstBruteForce tries every path of three letters up to seven
// bytes: what is found is a shortest one, and where nothing is found there is
// none.
func TestSearchAgainstBruteForce(t *testing.T) {
	all := []string{"/"}
	for from, n := 0, 0; n < 5; n++ {
		end := len(all)
		for ; from < end; from++ {
			for _, c := range "ab/x" {
				all = append(all, all[from]+string(c))
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	random := func() string {
		b := []byte{'/'}
		for range r.IntN(5) {
			b = append(b, "ab/*?*?"[r.IntN(7)])
		}
		if s := string(b[r.IntN(2):]); s != "" {
			return s
		}
		return "*"
	}
	found := 0
	for range 400 {
		in, out := paths(t, random()), paths(t, random(), random())
		if r.IntN(2) == 0 {
			in = append(in, paths(t, random())...)
		}
		fits := func(p string) bool {
			return !slices.ContainsFunc(in, func(q Path) bool { return !q.Match(p) }) &&
				!slices.ContainsFunc(out, func(q Path) bool { return q.Match(p) })
		}
		got, answer := Search(in, out)
		switch i := slices.IndexFunc(all, fits); {
		case answer == Found && !fits(got), answer == Unknown:
			t.Fatalf("%v without %v: %q %s", in, out, got, answer)
		case i >= 0 && (answer != Found || len(got) != len(all[i])):
			t.Fatalf("%v without %v: %q %s, but there is %q", in, out, got, answer, all[i])
		case answer == Found:
			found++
		}
	}
	if found < 100 || found > 395 {
		t.Errorf("%d of 400 found: the patterns try nothing", found)
	}
}

func TestSearchIsBounded(t *testing.T) {
	var out []string
	for _, c := range "abcdefghijkl" {
		out = append(out, "/*"+string(c)+strings.Repeat("?", 20)+"b")
	}
	if p, a := Search(paths(t, "/*"+strings.Repeat("?*", 80)), paths(t, out...)); a == Nothing || a == Found && len(p) < 81 {
		t.Errorf("%q %s", p, a)
	}
	if Glob(strings.Repeat("a", maxText+1)).Match("/") || Glob("").parts != nil {
		t.Error("a pattern without room matches")
	}
}

func TestOverlap(t *testing.T) {
	p := paths(t, "/video/*", "*.m3u8")
	if got, ok := Overlap(p[0], p[1]); !ok || got != "/video/.m3u8" {
		t.Errorf("%q %v", got, ok)
	}
}
