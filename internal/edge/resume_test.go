// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/record"
)

// TestF14ASlowFollowerGoesOnAlone: two viewers share a stream that is too
// large to keep; one stops reading for a while. The other does not wait for
// it, and the slow one gets every byte if the origin can go on in the middle.
func TestF14ASlowFollowerGoesOnAlone(t *testing.T) {
	const size = 8 << 20
	for _, tt := range []struct {
		name string
		etag string
		cut  bool
	}{{"strong tag", `"v1"`, false}, {"weak tag", `W/"v1"`, true}, {"no tag", "", true}} {
		bubble(t, func(t *testing.T, w *world) {
			w.cache = cache.New(cache.Config{ObjectLimit: 128 << 10})
			hold := make(chan struct{})
			w.reply = func(rq *http.Request) (*http.Response, error) {
				<-hold
				rs := answer(200, "", "Etag", tt.etag)
				rs.Body, rs.ContentLength = io.NopCloser(&generator{left: size}), -1
				if r, ok := strings.CutPrefix(rq.Header.Get("Range"), "bytes="); ok && rq.Header.Get("If-Range") == tt.etag {
					at, err := strconv.ParseInt(strings.TrimSuffix(r, "-"), 10, 64)
					if err != nil {
						return nil, err
					}
					src := &generator{left: size}
					_, _ = io.CopyN(io.Discard, src, at)
					rs.StatusCode, rs.Body = 206, io.NopCloser(src)
					rs.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", at, size-1, size))
				}
				return rs, nil
			}
			w.compile()
			fast, slow := &digester{h: crc32.NewIEEE()}, &slowDigester{digester: digester{h: crc32.NewIEEE()}}
			var wg sync.WaitGroup
			start := time.Now()
			var took time.Duration
			wg.Go(func() {
				w.edge.Serve(t.Context(), request("/a"), fast)
				took = time.Since(start)
			})
			synctest.Wait()
			wg.Go(func() { w.edge.Serve(t.Context(), request("/a"), slow) })
			synctest.Wait()
			close(hold)
			wg.Wait()
			w.wg.Wait()
			if want := digestOf(size); fast.n != size || fast.h.Sum32() != want || took > time.Minute {
				t.Errorf("%s: the fast viewer got %d bytes in %v", tt.name, fast.n, took)
			}
			if tt.cut {
				if !slow.aborted || w.lastRecord().Result.End != record.EndViewerSlow {
					t.Errorf("%s: %+v", tt.name, w.lastRecord().Result)
				}
				return
			}
			if slow.n != size || slow.h.Sum32() != digestOf(size) || slow.aborted {
				t.Errorf("%s: the slow viewer got %d bytes, aborted %v", tt.name, slow.n, slow.aborted)
			}
		})
	}
}

// slowDigester stops for an hour at its third piece.
type slowDigester struct {
	digester
	pieces int
}

func (d *slowDigester) Write(p []byte) (int, error) {
	if d.pieces++; d.pieces == 3 {
		pass(time.Hour)
	}
	return d.digester.Write(p)
}
