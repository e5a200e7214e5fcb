// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bytes"
	"testing"
)

// TestLabelsOutliveTheirRule: an invalidation by label hits what is in demand,
// and that does not come back when it is copied and the rule is forgotten.
func TestLabelsOutliveTheirRule(t *testing.T) {
	dir := t.TempDir()
	o := small(dir)
	o.Labels = func(_, meta []byte) [][]byte { // the generation is the label
		gen, _, _ := bytes.Cut(meta, []byte(" "))
		return [][]byte{append([]byte("dist\n#"), gen...)}
	}
	s := open(t, o)
	for i := range 4 {
		if err := stream(t, s, keyOf(i), uint64(1+i%2), []int{2000, 2000, 15000, 100000}[i]); err != nil {
			t.Fatal(err)
		}
	}
	s.Flush()
	clock := s.Clock()
	if err := s.Invalidate(Target{"dist\n#1", false}); err != nil {
		t.Fatal(err)
	}
	if s.PutSince(clock, keyOf(9), metaOf(1, 10), [][]byte{content(keyOf(9), 1, 10)}) {
		t.Error("an answer from before was taken")
	}
	if !s.PutSince(clock, keyOf(9), metaOf(2, 10), [][]byte{content(keyOf(9), 2, 10)}) {
		t.Error("an answer without the label was not taken")
	}
	seen := 0
	if err := s.Walk(t.Context(), func(key, meta []byte, size int64) {
		if seen++; size < 64 || metaOf(2, 0)[0] != meta[0] {
			t.Errorf("%q %q %d", key, meta, size)
		}
	}); err != nil || seen != 3 {
		t.Errorf("walked %d, %v", seen, err)
	}
	for i := range 2000 {
		put(s, keyOf(100+i), 3, 2000)
		s.Flush()
		for j := range 4 {
			if ref, ok := s.Find(keyOf(j)); ok {
				s.Touch(ref)
			}
		}
	}
	if n := s.Stats().Rules; n > 20 {
		t.Errorf("%d rules are left", n)
	}
	for range 2 {
		for j := range 4 {
			if j%2 == 0 {
				none(t, s, keyOf(j))
			} else {
				want(t, s, keyOf(j), 2)
			}
		}
		s.Close()
		s = open(t, o)
	}
}
