// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/cache/disk"
)

// stream begins to fill "/a" with length bytes or, at -1, with what it gets.
func stream(t *testing.T, c *Cache, length int64) (a Answer, r *Reader, to *io.PipeWriter, done chan error) {
	t.Helper()
	a = c.Open(key("/a"), time.Now(), true)
	if a.Status != Miss {
		t.Fatal(a.Status)
	}
	fill, r := a.Lease.Begin(&Object{Status: 200, Born: time.Now(), TTL: time.Hour, Length: length})
	from, to := io.Pipe()
	done = make(chan error, 1)
	go func() {
		err := fill.Copy(from)
		_ = from.Close()
		done <- err
	}()
	return a, r, to, done
}

// TestALargeBodyStreamsToDisk: memory keeps a window of it, a slow reader and
// one that comes late get all of it, and then it is served from disk.
func TestALargeBodyStreamsToDisk(t *testing.T) {
	body := make([]byte, 6<<20)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(body)
	for name, length := range map[string]int64{"length known": int64(len(body)), "unknown": -1} {
		c := New(Config{Disk: openDisk(t, t.TempDir()), ObjectLimit: 256 << 10, debug: true})
		lead, slow, to, done := stream(t, c, length)
		if _, err := to.Write(body[:5<<20]); err != nil { // nobody has read a byte
			t.Fatal(err)
		}
		f := lead.Lease.f
		f.mu.Lock()
		if kept := f.size - f.base; kept > 2*windowSize {
			t.Errorf("%s: %d bytes are kept in memory", name, kept)
		}
		f.mu.Unlock()
		late := open(c, "/a")
		if late.Status != Wait {
			t.Fatalf("%s: %v", name, late.Status)
		}
		out, _, follower, err := late.Flight.Await(t.Context())
		if out != Ready || err != nil {
			t.Fatalf("%s: %v %v", name, out, err)
		}
		got := make(chan string, 1)
		go func() {
			s, _ := readAll(context.Background(), follower)
			got <- s
		}()
		_, _ = to.Write(body[5<<20:])
		_ = to.Close()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s := <-got; s != string(body) {
			t.Errorf("%s: the late one got %d bytes", name, len(s))
		}
		if s, err := readAll(t.Context(), slow); s != string(body) || err != nil {
			t.Errorf("%s: the slow one got %d bytes, %v", name, len(s), err)
		}
		if f.below != nil {
			t.Errorf("%s: the file is still open", name)
		}
		a, below := load(t, c, key("/a"))
		if !below || a.Status != Hit || a.Object.Length != int64(len(body)) {
			t.Fatalf("%s: then %v", name, a.Status)
		}
		part := ""
		if err := a.Object.Slice(5_000_000, 5_000_100, func(p []byte) error { part += string(p); return nil }); err != nil || part != string(body[5_000_000:5_000_100]) {
			t.Errorf("%s: a part is wrong: %v", name, err)
		}
		a.Object.Release()
		if n := c.Stats().Filling; n != 0 {
			t.Errorf("%s: %d bytes still reserved", name, n)
		}
	}
}

func TestASpilledBodyThatIsNotStored(t *testing.T) {
	for name, end := range map[string]func(c *Cache, to *io.PipeWriter){
		"breaks off":  func(_ *Cache, to *io.PipeWriter) { _ = to.CloseWithError(errors.New("broken")) },
		"too short":   func(_ *Cache, to *io.PipeWriter) { _ = to.Close() },
		"invalidated": func(c *Cache, to *io.PipeWriter) { c.Purge(); _, _ = to.Write(make([]byte, 1<<20)); _ = to.Close() },
	} {
		d := openDisk(t, t.TempDir())
		c := New(Config{Disk: d, ObjectLimit: 256 << 10})
		_, r, to, done := stream(t, c, 4<<20)
		_, _ = to.Write(make([]byte, 3<<20))
		end(c, to)
		err := <-done
		if (err == nil) != (name == "invalidated") {
			t.Errorf("%s: %v", name, err)
		}
		if _, rerr := readAll(t.Context(), r); (rerr == nil) != (err == nil) {
			t.Errorf("%s: the reader got %v", name, rerr)
		}
		if a, _ := load(t, c, key("/a")); a.Status != Miss {
			t.Errorf("%s: then %v", name, a.Status)
		}
		d.Flush()
		if n := d.Stats().Used; n > 1<<20 {
			t.Errorf("%s: %d bytes of disk are still taken", name, n)
		}
	}
}

// TestADiskThatHasNoRoom: the rest goes on as a window, whoever is behind it is
// told.
func TestADiskThatHasNoRoom(t *testing.T) {
	d, err := disk.Open(disk.Options{Dir: t.TempDir(), Budget: 8 << 20, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c := New(Config{Disk: d, ObjectLimit: 256 << 10})
	_, quick, to, done := stream(t, c, -1)
	late := open(c, "/a")
	_, _, slow, _ := late.Flight.Await(t.Context())
	body := strings.Repeat("x", 12<<20)
	go func() {
		_, _ = io.WriteString(to, body)
		_ = to.Close()
	}()
	got, err := readAll(t.Context(), quick)
	if !errors.Is(err, ErrLagged) && (err != nil || got != body) {
		t.Errorf("the quick one got %d bytes, %v", len(got), err)
	}
	if _, err := readAll(t.Context(), slow); !errors.Is(err, ErrLagged) {
		t.Errorf("the slow one: %v", err)
	}
	late.Flight.Leave()
	<-done
	if a := open(c, "/a"); a.Status != Pass || a.Reason != NoCapacity {
		t.Errorf("then %v %v", a.Status, a.Reason)
	}
}
