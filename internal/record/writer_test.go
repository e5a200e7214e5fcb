// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestWriterWritesHeadLinesAndDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		w := NewWriter(&out, WriterOptions{})
		w.Write(sample())
		w.Flush()
		if !strings.HasPrefix(out.String(), StandardHeader) || strings.Count(out.String(), "\n") != 3 {
			t.Errorf("%q", out.String())
		}
		w.Write(sample())
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if strings.Count(out.String(), "\n") != 4 {
			t.Error("Close did not drain")
		}
		w.Write(sample())
		if w.Dropped() != 1 || w.Close() != nil {
			t.Error("after Close")
		}
		w.Flush()
	})
}

// gate is a writer that waits.
type gate struct {
	open chan struct{}
	strings.Builder
}

func (g *gate) Write(b []byte) (int, error) { <-g.open; return g.Builder.Write(b) }

func TestWriterNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		w := NewWriter(g, WriterOptions{Format: JSON, Limit: 4096})
		for range 100 {
			w.Write(sample())
		}
		synctest.Wait()
		for range 100 {
			w.Write(sample())
		}
		if w.Dropped() == 0 {
			t.Error("the buffer is bounded, yet nothing was dropped")
		}
		close(g.open)
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if got := strings.Count(g.String(), "\n"); int64(got)+w.Dropped() != 200 {
			t.Errorf("%d written, %d dropped", got, w.Dropped())
		}
	})
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriterReportsErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWriter(broken{}, WriterOptions{Format: JSON})
		w.Write(sample())
		w.Flush()
		w.Write(sample())
		if err := w.Close(); err == nil || w.Dropped() != 2 {
			t.Errorf("%v, %d dropped", err, w.Dropped())
		}
	})
}

func TestWriterConcurrent(t *testing.T) {
	var out strings.Builder
	w := NewWriter(&out, WriterOptions{Format: JSON, Limit: 1 << 24})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r := sample()
			for range 200 {
				w.Write(r)
			}
		})
	}
	wg.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "\n"); got != 1600 || w.Dropped() != 0 {
		t.Errorf("%d lines, %d dropped", got, w.Dropped())
	}
}

func TestWriterDoesNotAllocate(t *testing.T) {
	w := NewWriter(io.Discard, WriterOptions{Format: JSON})
	r := sample()
	for range 1000 { // let the two buffers grow
		w.Write(r)
	}
	w.Flush()
	if n := testing.AllocsPerRun(200, func() { w.Write(r) }); n >= 1 {
		t.Errorf("%v allocations", n)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// counter counts writes.
type counter struct {
	mu     sync.Mutex
	writes int
	bytes  int
}

func (c *counter) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
	c.bytes += len(b)
	return len(b), nil
}

func (c *counter) have() (writes, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes, c.bytes
}

func TestWriterGathersLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out counter
		w := NewWriter(&out, WriterOptions{NoHead: true})
		defer w.Close()
		for range 50 {
			w.Write(sample())
		}
		synctest.Wait()
		if n, _ := out.have(); n != 0 {
			t.Errorf("%d writes before the time", n)
		}
		<-time.After(100 * time.Millisecond)
		synctest.Wait()
		n, size := out.have()
		if n != 1 || size == 0 {
			t.Fatalf("50 lines in %d writes of %d bytes", n, size)
		}
		line := size / 50
		for range gatherBytes/line + 1 { // as much as is not kept waiting
			w.Write(sample())
		}
		synctest.Wait()
		if n, _ := out.have(); n != 2 {
			t.Errorf("%d writes, want a second one at once", n)
		}
	})
}
