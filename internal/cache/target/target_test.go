// SPDX-License-Identifier: Apache-2.0

package target

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestSet compares with looking at each entry, also after some were forgotten
// and in a copy made of All.
func TestSet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, r.IntN(6))
		for i := range b {
			b[i] = "/ab"[r.IntN(3)]
		}
		return []string{"d\n", "e\n", "d\n", "", "\n"}[r.IntN(5)] + string(b)
	}
	for range 300 {
		var s Set
		var all []Entry
		for seq := range uint64(r.IntN(40)) {
			e := Entry{word(), r.IntN(2) == 0, Mark{seq + 1, uint32(seq / 4)}}
			s.Add(e.Text, e.Prefix, e.Mark)
			all = append(all, e)
			if seq == 20 {
				s.Forget(func(m Mark) bool { return m.Seg < 3 })
				for len(all) > 0 && all[0].Mark.Seg < 3 {
					all = all[1:]
				}
			}
		}
		var again Set
		n := 0
		for e := range s.All() {
			again.Add(e.Text, e.Prefix, e.Mark)
			n++
		}
		if n != s.Len() || again.Len() > n || again.Bytes() > s.Bytes() {
			t.Fatalf("%d of %d, %d in the copy, %d and %d bytes", n, s.Len(), again.Len(), s.Bytes(), again.Bytes())
		}
		for range 100 {
			text, want := word(), uint64(0)
			for _, e := range all {
				if text == e.Text || e.Prefix && strings.HasPrefix(text, e.Text) {
					want = max(want, e.Mark.Seq)
				}
			}
			if got := s.Last([]byte(text)); got != want {
				t.Fatalf("%q: %d, want %d of %v", text, got, want, all)
			}
			if got := again.Last([]byte(text)); got != want {
				t.Fatalf("%q in the copy: %d, want %d", text, got, want)
			}
		}
		s.Forget(func(Mark) bool { return true })
		if s.Len() != 0 || s.Bytes() != 0 || s.Last([]byte("d\n/a")) != 0 {
			t.Fatalf("not empty: %+v", s)
		}
	}
}

// TestAWholeDistribution takes the place of what it had.
func TestAWholeDistribution(t *testing.T) {
	var s Set
	for i := range 100 {
		s.Add(fmt.Sprintf("d\n/%d", i), i%2 == 0, Mark{Seq: uint64(i + 1)})
	}
	s.Add("e\n/", true, Mark{Seq: 101})
	s.Add("d\n#tag", false, Mark{Seq: 102})
	if got, ok := s.Fullest(); got != "d" || !ok {
		t.Errorf("the fullest is %q", got)
	}
	s.Add("d\n/", true, Mark{Seq: 103})
	if s.Len() != 3 || s.Last([]byte("d\n/7")) != 103 || s.Last([]byte("d\n#tag")) != 102 || s.Last([]byte("e\n/7")) != 101 {
		t.Errorf("%d entries: %+v", s.Len(), s)
	}
	s.Add("d\n", true, Mark{Seq: 104})
	s.Add("", true, Mark{Seq: 50})
	if s.Len() != 3 || s.Last([]byte("d\n#tag")) != 104 || s.Last([]byte("f\n/")) != 50 {
		t.Errorf("%d entries: %+v", s.Len(), s)
	}
	s.Add("", true, Mark{Seq: 105})
	if s.Len() != 1 || s.Bytes() != 0 {
		t.Errorf("%d entries, %d bytes", s.Len(), s.Bytes())
	}
}

// BenchmarkLast is one question of sets of prefixes with 24 lengths.
func BenchmarkLast(b *testing.B) {
	for _, n := range []int{1, 1000, 100_000} {
		b.Run(fmt.Sprintf("%d prefixes", n), func(b *testing.B) {
			var s Set
			for i := range n {
				s.Add(fmt.Sprintf("E1EXAMPLE\n/%06d/%s", i, strings.Repeat("p", i%24)), true, Mark{Seq: uint64(i + 1)})
			}
			text := []byte("E1EXAMPLE\n/assets/img/5f3e1c9a7b2d4e60/photo-1600.webp")
			b.ReportAllocs()
			for b.Loop() {
				if s.Last(text) != 0 {
					b.Fatal("hit")
				}
			}
		})
	}
}
