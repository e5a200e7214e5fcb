// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// BenchmarkMillion stores a million objects of 1 KB with a usual head and says
// what they cost: memory of the process, bytes an object beside key, head and
// body, the time of a hit on any of them, and the pauses of collections while
// others make garbage beside such hits.
//
//	go test -run '^$' -bench Million -benchtime 2000000x ./internal/cache
func BenchmarkMillion(b *testing.B) {
	const objects = 1_000_000
	debug.FreeOSMemory()
	before := resident(b)
	c := New(Config{Budget: 2 << 30, ObjectLimit: 1 << 20})
	body := make([]byte, 1024)
	head := usualHead()
	name := func(i int) []byte { return fmt.Appendf(nil, "E1EXAMPLE\n/assets/img/%032x/%d.webp\n", i*7919, i) }
	payload := 0
	for i := range objects {
		k := name(i)
		c.Solo(k).Renew(NewObject(Object{Status: 200, Head: head, Born: time.Now(), TTL: time.Hour}, body))
		payload += len(k) + len(head.Lines()) + len(head.Block()) + len(body)
	}
	runtime.GC()
	took := resident(b) - before
	s := c.Stats()
	if s.Objects < objects {
		b.Fatalf("only %d were kept", s.Objects)
	}
	keys := make([][]byte, 1<<16)
	for i := range keys {
		keys[i] = name(rand.IntN(objects))
	}
	now, i := time.Now(), 0
	hit := func() {
		c.Open(keys[i&(1<<16-1)], now, true).Object.Release()
		i++
	}
	b.ReportAllocs()
	for b.Loop() {
		hit()
	}
	b.StopTimer()
	from := pauses()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // garbage, as misses make it
		defer close(done)
		var keep [64][]byte
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				keep[i%64] = make([]byte, 64<<10)
			}
		}
	}()
	for until := time.Now().Add(5 * time.Second); time.Now().Before(until); {
		hit()
	}
	close(stop)
	<-done
	n, p99 := between(from, pauses(), 0.99)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(took)/(1<<30), "GiB-resident")
	b.ReportMetric(float64(took-int64(payload))/objects, "B-overhead/object")
	b.ReportMetric(float64(s.Bytes-int64(payload))/objects, "B-accounted/object")
	b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MiB-heap")
	b.ReportMetric(float64(n), "GC-pauses")
	b.ReportMetric(p99*1e6, "µs-pause-p99")
}

func usualHead() httpmsg.Head {
	var h httpmsg.Header
	for _, f := range [][2]string{
		{"Content-Type", "image/webp"},
		{"Cache-Control", "public, max-age=86400"},
		{"ETag", `"5f3e1c9a7b2d4e60"`},
		{"Last-Modified", "Tue, 03 Nov 2026 10:15:00 GMT"},
		{"Accept-Ranges", "bytes"},
		{"Date", "Fri, 27 Nov 2026 12:00:00 GMT"},
		{"Server", "AmazonS3"},
	} {
		h.Add(f[0], f[1])
	}
	return httpmsg.NewHead(&h)
}

// resident is the memory of the process, in bytes.
func resident(b *testing.B) int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("no /proc")
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// pauses are those of collections so far.
func pauses() *metrics.Float64Histogram {
	s := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(s)
	return s[0].Value.Float64Histogram()
}

// between is how many pauses there were from a to b, and a quantile.
func between(a, b *metrics.Float64Histogram, q float64) (n uint64, at float64) {
	for i := range b.Counts {
		n += b.Counts[i] - a.Counts[i]
	}
	seen := uint64(0)
	for i := range b.Counts {
		if seen += b.Counts[i] - a.Counts[i]; float64(seen) >= q*float64(n) {
			return n, b.Buckets[i+1]
		}
	}
	return n, 0
}
