// SPDX-License-Identifier: Apache-2.0

package index

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/forelane/forelane/internal/cache/arena"
)

// numbered is an Index over blocks that have their own number as key.
func numbered(budget int64) *Index {
	return New(Config{Budget: budget, Same: func(b arena.Ref, key []byte) bool {
		return uint32(b) == binary.LittleEndian.Uint32(key)
	}})
}

func number(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

// TestAgainstAMap: random calls have the same outcome on an Index and a map,
// with hashes that collide in part and entirely.
func TestAgainstAMap(t *testing.T) {
	hashes := map[string]func(n uint32) uint64{
		"spread":         func(n uint32) uint64 { return mix(uint64(n)) },
		"clustered":      func(n uint32) uint64 { return uint64(n%64) << 32 },
		"half identical": func(n uint32) uint64 { return mix(uint64(n)) &^ (1<<34 - 1) },
	}
	for name, hash := range hashes {
		x, m := numbered(1<<20), map[uint32]Slot{}
		r := rand.New(rand.NewPCG(5, 6))
		for range 50000 {
			n := r.Uint32N(700) + 1
			s := x.Find(hash(n), number(n))
			want, ok := m[n]
			if ok != (s != None) || ok && s != want {
				t.Fatalf("%s: found %d, want %d", name, s, want)
			}
			switch {
			case !ok:
				m[n] = x.Add(hash(n), arena.Ref(n), int64(r.IntN(1000)))
			case r.IntN(3) == 0:
				x.Remove(s)
				delete(m, n)
			case r.IntN(3) == 0:
				x.Replace(s, arena.Ref(n), int64(r.IntN(1000)))
			}
		}
		if x.Count() != len(m) {
			t.Errorf("%s: %d entries, want %d", name, x.Count(), len(m))
		}
		seen := 0
		for s := x.Next(0); s != None; s = x.Next(s + 1) {
			seen++
			if m[uint32(x.At(s).Block)] != s {
				t.Errorf("%s: entry %d", name, s)
			}
		}
		if seen != len(m) {
			t.Errorf("%s: went through %d of %d", name, seen, len(m))
		}
		for s := x.Victim(); s != None; s = x.Victim() {
			x.Remove(s)
		}
		if x.Count() != 0 || x.Bytes() != 0 {
			t.Errorf("%s: left %d entries of %d bytes", name, x.Count(), x.Bytes())
		}
	}
}

// TestGhost: the newest are remembered, until they are taken.
func TestGhost(t *testing.T) {
	var g ghost
	g.grow(64)
	for i := range uint64(20000) {
		g.add(mix(i), 2000)
	}
	kept := 0
	for i := range uint64(20000) {
		if g.has(mix(i)) {
			if i < 19000 {
				t.Fatalf("%d is remembered", i)
			}
			kept++
		}
	}
	if kept < 985 {
		t.Errorf("%d of the newest 1000 are remembered", kept)
	}
	if !g.take(mix(19999)) || g.take(mix(19999)) {
		t.Error("taken once, it is gone")
	}
}

func TestAHitAllocatesNothing(t *testing.T) {
	x := numbered(1 << 20)
	x.Add(mix(7), 7, 100)
	k := number(7)
	if n := testing.AllocsPerRun(100, func() { x.Touch(x.Find(mix(7), k)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
