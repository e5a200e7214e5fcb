// SPDX-License-Identifier: Apache-2.0

package index

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/forelane/forelane/internal/cache/arena"
)

// simulated runs the policy alone: blocks are numbers.
type simulated struct{ x *Index }

func (p simulated) get(n uint32, size int64) bool {
	h := mix(uint64(n))
	if s := p.x.Find(h, number(n)); s != None {
		p.x.Touch(s)
		return true
	}
	if p.x.Admits(h, size) {
		p.x.Add(h, arena.Ref(n), size)
		for p.x.Bytes() > p.x.budget {
			p.x.Remove(p.x.Victim())
		}
	}
	return false
}

// trace is a list of requests: numbers of objects, which have sizes.
type trace struct {
	name  string
	asks  []uint32
	bytes func(n uint32) int64
}

// ratio is that of hits, after a first quarter that fills the cache.
func (t *trace) ratio(p policy) float64 {
	hits, from := 0, len(t.asks)/4
	for i, n := range t.asks {
		if p.get(n, t.bytes(n)) && i >= from {
			hits++
		}
	}
	return float64(hits) / float64(len(t.asks)-from)
}

const objects = 30_000

func oneSize(uint32) int64 { return 4000 }

// logNormal sizes have a median of 8 KB and a long tail up to 1 MiB.
func logNormal(n uint32) int64 {
	h := mix(uint64(n) + 1<<40)
	u, v := float64(h>>11)/(1<<53)+1e-12, float64(mix(h)>>11)/(1<<53)
	z := math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
	return int64(min(max(math.Exp(9+1.5*z), 200), 1<<20))
}

// zipf draws objects by the law of Zipf with exponent s; rand.Zipf knows s > 1
// only.
func zipf(s float64, r *rand.Rand) func() uint32 {
	sums, sum := make([]float64, objects), 0.0
	for i := range sums {
		sum += math.Pow(float64(i+1), -s)
		sums[i] = sum
	}
	return func() uint32 { return uint32(sort.SearchFloat64s(sums, r.Float64()*sum)) }
}

// traces are what policies are compared on.
func traces(length int, s float64, bytes func(uint32) int64) []trace {
	r := rand.New(rand.NewPCG(11, 13))
	draw := zipf(s, r)
	plain, scan := make([]uint32, length), make([]uint32, 0, length)
	once, drift := make([]uint32, length), make([]uint32, length)
	fresh := uint32(1 << 30)
	for i := range length {
		plain[i], once[i] = draw(), draw()
		if i%2 == 0 {
			fresh++
			once[i] = fresh
		}
		drift[i] = draw() + uint32(i/300)
	}
	for len(scan) < length {
		for range objects {
			scan = append(scan, draw())
		}
		for range objects / 2 { // a crawler
			fresh++
			scan = append(scan, fresh)
		}
	}
	return []trace{
		{"zipf", plain, bytes},
		{"scans between", scan, bytes},
		{"every second asked once", once, bytes},
		{"drifting", drift, bytes},
	}
}

// caches hold a hundredth and a tenth of all objects.
func caches(bytes func(uint32) int64) (c [2]struct {
	budget  int64
	objects int
},
) {
	var sum int64
	for n := range uint32(objects) {
		sum += bytes(n) + Overhead
	}
	c[0].budget, c[0].objects = sum/100, objects/100
	c[1].budget, c[1].objects = sum/10, objects/10
	return c
}

// TestHitRatioIsThatOfWTinyLFUOrBetter: on every trace, within a twentieth of
// a percent.
func TestHitRatioIsThatOfWTinyLFUOrBetter(t *testing.T) {
	for _, s := range []float64{0.8, 1} {
		for _, bytes := range []func(uint32) int64{oneSize, logNormal} {
			both := caches(bytes)
			for _, tr := range traces(150_000, s, bytes) {
				for _, c := range both {
					got, ref := tr.ratio(simulated{numbered(c.budget)}), tr.ratio(newTinyLFU(c.budget, c.objects))
					if got < ref-0.0005 {
						t.Errorf("%s %.1f, budget %d: %.4f, W-TinyLFU %.4f", tr.name, s, c.budget, got, ref)
					}
				}
			}
		}
	}
}

// BenchmarkHitRatio prints the table of docs/decisions.
func BenchmarkHitRatio(b *testing.B) {
	for b.Loop() {
		fmt.Printf("%-26s %5s %-6s %6s  %7s %7s %7s\n", "trace", "zipf", "sizes", "cache", "S3-FIFO", "W-TLFU", "LRU")
		for _, sizes := range []struct {
			name  string
			bytes func(uint32) int64
		}{{"equal", oneSize}, {"varied", logNormal}} {
			for _, s := range []float64{0.8, 1} {
				for i, c := range caches(sizes.bytes) {
					for _, tr := range traces(40*objects, s, sizes.bytes) {
						fmt.Printf("%-26s %5.1f %-6s %5d%%  %6.2f%% %6.2f%% %6.2f%%\n", tr.name, s, sizes.name, []int{1, 10}[i],
							100*tr.ratio(simulated{numbered(c.budget)}), 100*tr.ratio(newTinyLFU(c.budget, c.objects)), 100*tr.ratio(newLRU(c.budget)))
					}
				}
			}
		}
	}
}
