// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"fmt"
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("DISK_KILL_DIR"); dir != "" {
		victim(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// small is a store of 16 segments of 64 KiB.
func small(dir string) Options {
	return Options{Dir: dir, Budget: 1 << 20, Segment: 64 << 10, Log: quiet()}
}

func open(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func keyOf(i int) []byte { return fmt.Appendf(nil, "dist\n/dir%d/file%d\nGET", i%7, i) }

// content is byte n of generation gen of key: any exchange of bytes shows.
func content(key []byte, gen uint64, size int) []byte {
	b := make([]byte, size)
	h := gen*0x9e3779b97f4a7c15 + 1
	for _, c := range key {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	for i := range b {
		h ^= h << 13
		h ^= h >> 7
		h ^= h << 17
		b[i] = byte(h)
	}
	return b
}

// meta is generation and size, which tell what the body must be.
func metaOf(gen uint64, size int) []byte { return fmt.Appendf(nil, "%d %d", gen, size) }

// check reads all of an object and compares each byte; found tells whether
// there was one.
func check(t testing.TB, s *Store, key []byte) (gen uint64, found bool) {
	t.Helper()
	ref, ok := s.Find(key)
	if !ok {
		return 0, false
	}
	it, err := s.Read(ref, key)
	if err != nil {
		return 0, false
	}
	defer it.Close()
	var size int
	if _, err := fmt.Sscanf(string(it.Meta()), "%d %d", &gen, &size); err != nil {
		t.Fatalf("%q: meta %q", key, it.Meta())
	}
	if it.Size() != int64(size) {
		t.Fatalf("%q: %d bytes, want %d", key, it.Size(), size)
	}
	b := make([]byte, size)
	n, err := it.ReadAt(b, 0)
	if string(b[:n]) != string(content(key, gen, size)[:n]) {
		t.Fatalf("%q: wrong bytes of generation %d", key, gen)
	}
	return gen, n == size && (err == nil || size == 0)
}

func put(s *Store, key []byte, gen uint64, size int) bool {
	return s.Put(key, metaOf(gen, size), [][]byte{content(key, gen, size)})
}

func want(t testing.TB, s *Store, key []byte, gen uint64) {
	t.Helper()
	if g, ok := check(t, s, key); !ok || g != gen {
		t.Errorf("%q: found %v, generation %d, want %d", key, ok, g, gen)
	}
}

func none(t testing.TB, s *Store, key []byte) {
	t.Helper()
	if g, ok := check(t, s, key); ok {
		t.Errorf("%q: found generation %d, want none", key, g)
	}
}

func stream(t testing.TB, s *Store, key []byte, gen uint64, size int) error {
	t.Helper()
	w, err := s.CreateSince(s.Clock(), key)
	if err != nil {
		return err
	}
	defer w.Close()
	b := content(key, gen, size)
	for n := 0; n < size; n += 30000 {
		if _, err := w.Write(b[n:min(n+30000, size)]); err != nil {
			return err
		}
	}
	return w.Commit(metaOf(gen, size))
}
