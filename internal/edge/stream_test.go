// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// generator is a reader of so many bytes, which are not all the same.
type generator struct {
	left int64
	at   int
}

var generated = func() (b [251 + 16<<10]byte) {
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}()

func (g *generator) Read(p []byte) (int, error) {
	if g.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), g.left, 16<<10)], generated[g.at:])
	g.at = (g.at + n) % 251
	g.left -= int64(n)
	return n, nil
}

// digester is a Writer that keeps the digest of the body only.
type digester struct {
	viewer
	h hash.Hash32
	n int64
}

func (d *digester) Write(p []byte) (int, error) {
	d.n += int64(len(p))
	return d.h.Write(p)
}

func digestOf(n int64) uint32 {
	h := crc32.NewIEEE()
	_, _ = io.Copy(h, &generator{left: n})
	return h.Sum32()
}

func TestMemoryDoesNotGrowWithTheBody(t *testing.T) {
	for _, tt := range []struct {
		name    string
		size    int64
		chunked bool
		policy  time.Duration
	}{
		{"10 MB", 10 << 20, false, time.Hour},
		{"10 MB chunked", 10 << 20, true, time.Hour},
		{"128 MB", 128 << 20, false, time.Hour},
		{"128 MB chunked", 128 << 20, true, time.Hour},
		{"128 MB not cached", 128 << 20, true, 0},
	} {
		w := newWorld(t)
		w.behavior().Cache.DefaultTTL, w.behavior().Cache.MaxTTL = tt.policy, tt.policy
		w.reply = func(*http.Request) (*http.Response, error) {
			rs := answer(200, "")
			rs.Body, rs.ContentLength = io.NopCloser(&generator{left: tt.size}), tt.size
			if tt.chunked {
				rs.ContentLength = -1
			}
			return rs, nil
		}
		w.compile()
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		d := &digester{h: crc32.NewIEEE()}
		w.edge.Serve(t.Context(), request("/a"), d)
		w.wg.Wait()
		runtime.ReadMemStats(&after)
		if d.n != tt.size || d.h.Sum32() != digestOf(tt.size) || d.aborted {
			t.Errorf("%s: %d bytes, aborted %v", tt.name, d.n, d.aborted)
		}
		if grown := int64(after.HeapSys+after.StackSys) - int64(before.HeapSys+before.StackSys); grown > 48<<20 {
			t.Errorf("%s: memory grew by %d MB", tt.name, grown>>20)
		}
	}
}

func TestRequestBodiesStreamToTheOrigin(t *testing.T) {
	w := newWorld(t)
	w.behavior().Allowed = []string{"GET", "HEAD", "POST"}
	var got int64
	w.transport = func(*model.Origin) http.RoundTripper {
		return roundTrip(func(rq *http.Request) (*http.Response, error) {
			h := crc32.NewIEEE()
			n, err := io.Copy(h, rq.Body)
			got = n
			return answer(200, fmt.Sprintf("%08x", h.Sum32())), err
		})
	}
	w.compile()
	const size = 32 << 20
	rq := request("POST /a")
	rq.Body, rq.ContentLength = io.NopCloser(&generator{left: size}), size
	v := &viewer{}
	w.edge.Serve(t.Context(), rq, v)
	if sum := digestOf(size); got != size || v.String() != fmt.Sprintf("%08x", sum) {
		t.Errorf("%d bytes arrived, %s", got, v)
	}
}

func TestF15PartOfATooLargeObject(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		size := w.cache.ObjectLimit() * 2
		w.reply = func(rq *http.Request) (*http.Response, error) {
			if rq.Header.Get("Range") == "bytes=5-9" {
				rs := answer(206, "56789", "Content-Range", fmt.Sprintf("bytes 5-9/%d", size))
				return rs, nil
			}
			rs := answer(200, "")
			rs.Body, rs.ContentLength = io.NopCloser(&generator{left: size}), size
			return rs, nil
		}
		for _, xcache := range []string{"Miss", "Hit"} { // the part is kept: part_test.go
			v := w.do("/a", "Range", "bytes=5-9")
			w.wg.Wait()
			w.expect(v, 206, xcache, "56789")
			if w.originCalls() != 2 {
				t.Errorf("%s: %d calls, want 2", xcache, w.originCalls())
			}
		}
		// An origin that does not know ranges: the edge cuts the part out.
		w.reply = func(*http.Request) (*http.Response, error) {
			rs := answer(200, "")
			rs.Body, rs.ContentLength = io.NopCloser(&generator{left: size}), size
			return rs, nil
		}
		v := w.do("/b", "Range", "bytes=5-9")
		w.expect(v, 206, "Miss", "\x05\x06\x07\x08\x09")
	})
}
