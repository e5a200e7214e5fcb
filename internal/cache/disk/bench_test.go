// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// BenchmarkReopen opens a store of DISK_OBJECTS (a million) 1 KB objects: after
// a clean end, and without a checkpoint. It reports the index's memory.
func BenchmarkReopen(b *testing.B) {
	n := 1_000_000
	if v, err := strconv.Atoi(os.Getenv("DISK_OBJECTS")); err == nil {
		n = v
	}
	o := Options{Dir: b.TempDir(), Budget: 20 << 30, Log: quiet()}
	s, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	body := [][]byte{make([]byte, 1024)}
	for i := 0; i < n; {
		if s.Put(keyOf(i), metaOf(1, 1024), body) {
			i++
		} else {
			s.Flush()
		}
	}
	s.Flush()
	b.Logf("%d objects written in %v", n, time.Since(began))
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"checkpoint", "scan"} {
		b.Run(name, func(b *testing.B) {
			var before, after runtime.MemStats
			for b.Loop() {
				b.StopTimer()
				if name == "scan" {
					os.Remove(filepath.Join(o.Dir, checkpointName))
				}
				runtime.GC()
				runtime.ReadMemStats(&before)
				b.StartTimer()
				s, err := Open(o)
				b.StopTimer()
				if err != nil {
					b.Fatal(err)
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				st := s.Stats()
				if st.Objects != n {
					b.Fatalf("%d objects, want %d", st.Objects, n)
				}
				b.ReportMetric(float64(st.IndexBytes)/float64(n), "index-B/object")
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "heap-B/object")
				s.Close()
				b.StartTimer()
			}
		})
	}
}

func benchStore(b *testing.B, n, size int) *Store {
	s := open(b, Options{Dir: b.TempDir(), Budget: 4 << 30, Log: quiet()})
	for i := range n {
		put(s, keyOf(i), 1, size)
	}
	s.Flush()
	return s
}

func BenchmarkFind(b *testing.B) {
	s := benchStore(b, 10000, 100)
	key := keyOf(77)
	b.ReportAllocs()
	for b.Loop() {
		s.Find(key)
	}
}

func BenchmarkRead1K(b *testing.B) {
	s := benchStore(b, 10000, 1024)
	keys := make([][]byte, 10000)
	for i := range keys {
		keys[i] = keyOf(i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		key := keys[i%len(keys)]
		i++
		ref, _ := s.Find(key)
		it, err := s.Read(ref, key)
		if err != nil {
			b.Fatal(err)
		}
		it.Close()
	}
}

func BenchmarkPut1K(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir(), Budget: 1 << 30, Log: quiet()})
	body := [][]byte{make([]byte, 1024)}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if !s.Put(keyOf(i), metaOf(1, 1024), body) {
			s.Flush()
		}
		i++
	}
}

// BenchmarkReadLarge reads a large body in pieces of 256 KiB.
func BenchmarkReadLarge(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir(), Budget: 1 << 30, Log: quiet()})
	const size = 64 << 20
	w, err := s.CreateSince(s.Clock(), keyOf(1))
	if err != nil {
		b.Fatal(err)
	}
	w.Write(make([]byte, size))
	if err := w.Commit(nil); err != nil {
		b.Fatal(err)
	}
	w.Close()
	ref, _ := s.Find(keyOf(1))
	p := make([]byte, 256<<10)
	b.SetBytes(size)
	for b.Loop() {
		it, err := s.Read(ref, keyOf(1))
		if err != nil {
			b.Fatal(err)
		}
		for off := int64(0); off < size; off += int64(len(p)) {
			if _, err := it.ReadAt(p, off); err != nil {
				b.Fatal(err)
			}
		}
		it.Close()
	}
}
