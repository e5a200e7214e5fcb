// SPDX-License-Identifier: Apache-2.0

package arena

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

func never() bool { return false }

// fill writes bytes that tell the block apart.
func fill(a *Arena, r Ref, seed uint64) {
	at := 0
	for _, p := range a.Pieces(nil, r) {
		for i := range p {
			p[i] = byte(seed) + byte(at*31)
			at++
		}
	}
}

// intact tells whether the block still has its n bytes.
func intact(a *Arena, r Ref, seed uint64, n int) bool {
	at := 0
	for _, p := range a.Pieces(nil, r) {
		for i := range p {
			if p[i] != byte(seed)+byte(at*31) {
				return false
			}
			at++
		}
	}
	return at == n
}

func TestClasses(t *testing.T) {
	for slab := 4 << 10; slab <= 256<<10; slab *= 2 {
		c := newClasses(slab)
		if !slices.IsSorted(c.size) || c.size[0] < minSlot || c.size[0] > 2*minSlot || c.size[len(c.size)-1] != slab || len(c.size) > 255 {
			t.Fatalf("slab %d: %v", slab, c.size)
		}
		for n := 0; n <= slab-headSize; n += 7 {
			k := int(c.by[(n+headSize+unit-1)/unit])
			if c.size[k] < n+headSize || k > 0 && c.size[k-1] >= n+headSize {
				t.Fatalf("slab %d: %d bytes in a slot of %d", slab, n, c.size[k])
			}
		}
	}
}

// TestWaste: a block takes little more than its bytes, in few pieces.
func TestWaste(t *testing.T) {
	a := New(Config{Size: 32 << 20})
	for _, tt := range []struct {
		from, to int
		waste    float64 // of the block, and 160 bytes
		pieces   int
	}{
		{0, 1 << 10, 0.14, 1},
		{1 << 10, 8 << 10, 0.14, 1},
		{8 << 10, 64 << 10, 0.14, 4},
		{64 << 10, 8 << 20, 0.14, 140},
	} {
		for n := tt.from; n < tt.to; n += max(tt.to/97, 1) {
			r, ok := a.Alloc(n, 0, never)
			if !ok {
				t.Fatal(n)
			}
			if cost := a.Cost(r); float64(cost) > float64(n)*(1+tt.waste)+160 {
				t.Errorf("%d bytes take %d", n, cost)
			}
			if p := a.Pieces(nil, r); len(p) > tt.pieces {
				t.Errorf("%d bytes are in %d pieces", n, len(p))
			}
			a.Release(r)
			whole := min(n, a.Largest())
			r, _ = a.Alloc(n, whole, never)
			if len(a.First(r)) < whole {
				t.Errorf("the first piece has %d bytes, not %d", len(a.First(r)), whole)
			}
			a.Release(r)
		}
	}
	if s := a.Stats(); s.Filled != 0 || s.Slabs != 0 {
		t.Errorf("left %+v", s)
	}
}

// registry is an owner of blocks, as the cache is one.
type registry struct {
	a     *Arena
	mu    sync.Mutex
	refs  []Ref // by owner; 0: none
	seeds []uint64
	sizes []int
}

func (g *registry) moved(owner uint32, to Ref) { g.refs[owner] = to }

func (g *registry) add(t *testing.T, r *rand.Rand, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	seed := r.Uint64()
	ref, ok := g.a.Alloc(n, min(n, 5000), func() bool {
		for range 50 {
			if i := r.IntN(len(g.refs)); g.refs[i] != 0 {
				g.drop(i)
				g.a.Compact(g.moved)
				return true
			}
		}
		return g.a.Compact(g.moved)
	})
	if !ok {
		return
	}
	fill(g.a, ref, seed)
	i := slices.Index(g.refs, 0)
	if i < 0 {
		g.drop(0)
		i = 0
	}
	g.refs[i], g.seeds[i], g.sizes[i] = ref, seed, n
	g.a.SetOwner(ref, uint32(i))
}

func (g *registry) drop(i int) {
	g.a.SetOwner(g.refs[i], NoOwner)
	g.a.Release(g.refs[i])
	g.refs[i] = 0
}

// TestBlocksStayIntact: while blocks are made, dropped and moved, what is held
// is what was written.
func TestBlocksStayIntact(t *testing.T) {
	for _, heap := range []bool{true, false} {
		g := &registry{
			a:    New(Config{Size: 2 << 20, Slab: 16 << 10, Heap: heap}),
			refs: make([]Ref, 500), seeds: make([]uint64, 500), sizes: make([]int, 500),
		}
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(w), 7))
				for range 3000 {
					switch r.IntN(4) {
					case 0:
						g.add(t, r, r.IntN(r.IntN(100<<10)+1))
					default:
						g.mu.Lock()
						i := r.IntN(len(g.refs))
						ref, seed, n := g.refs[i], g.seeds[i], g.sizes[i]
						if ref == 0 {
							g.mu.Unlock()
							continue
						}
						g.a.Pin(ref)
						g.mu.Unlock()
						if r.IntN(2) == 0 { // replaced or evicted meanwhile
							g.mu.Lock()
							if g.refs[i] == ref {
								g.drop(i)
							}
							g.mu.Unlock()
						}
						if !intact(g.a, ref, seed, n) {
							t.Error("a held block changed")
						}
						g.a.Release(ref)
					}
				}
			})
		}
		wg.Wait()
		for i, ref := range g.refs {
			if ref != 0 {
				if !intact(g.a, ref, g.seeds[i], g.sizes[i]) {
					t.Error("a stored block changed")
				}
				g.drop(i)
			}
		}
		if s := g.a.Stats(); s.Filled != 0 || s.Slabs != 0 {
			t.Errorf("left %+v", s)
		}
		for k, c := range g.a.class {
			if c.live != 0 || c.slabs != 0 || c.partial != none || c.tail != none {
				t.Errorf("class %d: %+v", k, c)
			}
		}
	}
}

func TestFreedBytesAreOverwrittenWhileDebugging(t *testing.T) {
	a := New(Config{Size: 64 << 10, Heap: true})
	r, _ := a.Alloc(100, 0, never)
	p := a.First(r)
	fill(a, r, 1)
	a.Release(r)
	if !bytes.Equal(p, bytes.Repeat([]byte{0xDB}, 100)) {
		t.Errorf("% x", p)
	}
}

func TestOneReleaseTooMany(t *testing.T) {
	a := New(Config{Size: 64 << 10})
	r, _ := a.Alloc(100, 0, never)
	a.Release(r)
	defer func() {
		if recover() == nil {
			t.Error("it went unnoticed")
		}
	}()
	a.Release(r)
}

// TestNothingIsTakenWithoutRoom: an Alloc that fails leaves nothing behind, and
// the limit holds.
func TestNothingIsTakenWithoutRoom(t *testing.T) {
	a := New(Config{Size: 1 << 20})
	if r, ok := a.Alloc(2<<20, 0, never); ok {
		t.Fatal(r)
	}
	if s := a.Stats(); s.Filled != 0 || s.Slabs != 0 {
		t.Errorf("%+v", s)
	}
	a.Limit(512 << 10)
	if r, ok := a.Alloc(600<<10, 0, never); ok {
		t.Fatal(r)
	}
	if _, ok := a.Alloc(500<<10, 0, never); !ok {
		t.Error("there was room")
	}
}

// TestCompaction: of many slabs that are mostly empty most become free, except
// those of blocks that are held.
func TestCompaction(t *testing.T) {
	g := &registry{a: New(Config{Size: 4 << 20}), refs: make([]Ref, 4096), seeds: make([]uint64, 4096), sizes: make([]int, 4096)}
	r := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		g.add(t, r, 1000)
	}
	full := g.a.Stats()
	var held []int
	for i := range 3000 {
		switch {
		case i%500 == 0:
			g.a.Pin(g.refs[i])
			held = append(held, i)
		case i%5 != 0:
			g.drop(i)
		}
	}
	was := slices.Clone(g.refs)
	for g.a.Compact(g.moved) {
	}
	s := g.a.Stats()
	if s.Slabs > full.Slabs/4+int64(len(held)+1)*int64(g.a.slab) {
		t.Errorf("%d bytes of slabs for %d in use, before %d", s.Slabs, s.Filled, full.Slabs)
	}
	moved := 0
	for i, ref := range g.refs {
		if ref != 0 && !intact(g.a, ref, g.seeds[i], 1000) {
			t.Fatal("a moved block changed")
		}
		if ref != was[i] {
			moved++
		}
	}
	for _, i := range held {
		if g.refs[i] != was[i] {
			t.Error("a held block moved")
		}
		g.a.Release(g.refs[i])
	}
	if moved == 0 {
		t.Error("nothing moved")
	}
}

func TestTrim(t *testing.T) {
	a := New(Config{Size: 1 << 20})
	r, _ := a.Alloc(900<<10, 0, never)
	fill(a, r, 1)
	keep, _ := a.Alloc(100, 0, never)
	fill(a, keep, 2)
	a.Release(r)
	a.Trim()
	if !intact(a, keep, 2, 100) {
		t.Error("a block in use was let go")
	}
	r, ok := a.Alloc(900<<10, 0, never)
	if !ok {
		t.Fatal("the slabs are gone")
	}
	fill(a, r, 3)
	if !intact(a, r, 3, 900<<10) {
		t.Error("memory that came back is of no use")
	}
}

func BenchmarkAllocRelease(b *testing.B) {
	for _, n := range []int{1500, 64 << 10} {
		b.Run(map[int]string{1500: "1500", 64 << 10: "64k"}[n], func(b *testing.B) {
			a := New(Config{Size: 32 << 20})
			for b.Loop() {
				r, _ := a.Alloc(n, 0, never)
				a.Release(r)
			}
		})
	}
}
