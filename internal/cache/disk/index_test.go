// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestIndex compares with a map, in few places so that probes run into each other.
func TestIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var x index
	ref := map[uint64]slot{}
	hashOf := func() uint64 { return uint64(r.IntN(4))<<58 | uint64(r.IntN(300))<<50 | uint64(r.IntN(3)) + 1 }
	for range 50000 {
		h := hashOf()
		if r.IntN(2) == 0 {
			v := slot{hash: h, seq: uint64(r.IntN(1000)), seg: uint32(r.IntN(9))}
			old, had := ref[h]
			if took := x.set(v); took != (!had || old.seq <= v.seq) {
				t.Fatalf("set %v over %v: %v", v, old, took)
			} else if took {
				ref[h] = v
			}
		} else {
			_, ok := x.drop(h, func(slot) bool { return true })
			if _, had := ref[h]; had != ok {
				t.Fatalf("drop %x: %v", h, ok)
			}
			delete(ref, h)
		}
		h = hashOf()
		v, ok := x.get(h)
		if exp, had := ref[h]; ok != had || ok && v != exp {
			t.Fatalf("get %x: %v %v, want %v", h, v, ok, exp)
		}
	}
	if n, _ := x.count(); n != len(ref) {
		t.Errorf("%d objects, want %d", n, len(ref))
	}
}

// TestRules compares the prefixes with looking at each.
func TestRules(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, r.IntN(6))
		for i := range b {
			b[i] = "/ab"[r.IntN(3)]
		}
		return "d\n" + string(b)
	}
	for range 50 {
		var rs rules
		var all []rule
		for seq := range uint64(r.IntN(40)) {
			n := rule{kind: rulePrefix, seq: seq + 1, seg: uint32(seq / 4), text: word()}
			rs.add(n)
			all = append(all, n)
			if seq == 20 {
				rs.forget(3)
				for len(all) > 0 && all[0].seg < 3 {
					all = all[1:]
				}
			}
		}
		for range 200 {
			text, seq := word(), uint64(r.IntN(42))
			want := false
			for _, n := range all {
				want = want || n.seq > seq && strings.HasPrefix(text, n.text)
			}
			if got := rs.kills([]byte(text+"\nGET"), nil, 1, seq); got != want {
				t.Fatalf("%q at %d: %v, want %v\n%v", text, seq, got, want, all)
			}
		}
	}
}

// TestTooManyInvalidations: the distribution with the most pays for the others,
// also after a restart.
func TestTooManyInvalidations(t *testing.T) {
	dir := t.TempDir()
	s := open(t, small(dir))
	put(s, []byte("other\n/b\n"), 1, 100)
	put(s, []byte("many\n/b\n"), 1, 100)
	what := []Target{{"other\n/a", false}}
	for i := range ruleLimit {
		what = append(what, Target{fmt.Sprintf("many\n/%d", i), i%2 == 0})
	}
	if err := s.Invalidate(what...); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if n := s.Stats().Rules; n != 3 {
			t.Errorf("%d rules are left", n)
		}
		none(t, s, []byte("many\n/b\n"))
		want(t, s, []byte("other\n/b\n"), 1)
		s.Close()
		s = open(t, small(dir))
	}
}
