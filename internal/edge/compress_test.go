// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// compressing is a world whose default behavior compresses.
func compressing(w *world) {
	b := w.behavior()
	b.Compress, b.Cache.Gzip, b.Cache.Brotli = true, true, true
}

var page = strings.Repeat("<p>a page that repeats itself</p>\n", 100)

func TestF18Compression(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fields []string // of the answer
		accept string
		spoil  func(*world)
		want   string // Content-Encoding
	}{
		{"gzip", nil, "gzip, deflate", nil, "gzip"},
		{"brotli first", nil, "gzip, br", nil, "br"},
		{"not accepted", nil, "deflate", nil, ""},
		{"not asked for", nil, "", nil, ""},
		{"already encoded", []string{"Content-Encoding", "zstd"}, "gzip", nil, "zstd"},
		{"type", []string{"Content-Type", "image/png"}, "gzip", nil, ""},
		{"not stored", []string{"Cache-Control", "no-store"}, "gzip", nil, ""},
		{"no-transform", []string{"Cache-Control", "max-age=60, no-transform"}, "gzip", nil, ""},
		{"behavior off", nil, "gzip", func(w *world) { w.behavior().Compress = false }, ""},
		{"policy off", nil, "gzip", func(w *world) { w.behavior().Cache.Gzip, w.behavior().Cache.Brotli = false, false }, ""},
		{"TTL 0", nil, "gzip", func(w *world) { w.behavior().Cache.DefaultTTL, w.behavior().Cache.MaxTTL = 0, 0 }, ""},
	} {
		bubble(t, func(t *testing.T, w *world) {
			compressing(w)
			if tt.spoil != nil {
				tt.spoil(w)
			}
			w.reply = func(*http.Request) (*http.Response, error) {
				rs := answer(200, page, "Content-Type", "text/html; charset=utf-8")
				for i := 0; i < len(tt.fields); i += 2 {
					rs.Header.Set(tt.fields[i], tt.fields[i+1])
				}
				return rs, nil
			}
			for range 2 {
				v := w.do("/a", "Accept-Encoding", tt.accept)
				if got := v.header.Get("Content-Encoding"); got != tt.want || v.status != 200 {
					t.Errorf("%s: %d %q, want %q", tt.name, v.status, got, tt.want)
				}
				if tt.want == "gzip" {
					r, err := gzip.NewReader(&v.body)
					if err != nil {
						t.Fatal(err)
					}
					if b, err := io.ReadAll(r); err != nil || string(b) != page {
						t.Errorf("%s: %v, %d bytes", tt.name, err, len(b))
					}
				}
				if tt.want == "" && v.String() != page {
					t.Errorf("%s: the body differs", tt.name)
				}
			}
		})
	}
}

func TestF18VariantsAndTags(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		compressing(w)
		w.reply = func(rq *http.Request) (*http.Response, error) {
			if rq.Header.Get("If-None-Match") != "" {
				rs := answer(304, "", "Etag", `"v1"`, "Cache-Control", "max-age=60")
				return rs, nil
			}
			return answer(200, page, "Content-Type", "text/css", "Etag", `"v1"`, "Cache-Control", "max-age=60"), nil
		}
		plain := w.do("/a")
		br := w.do("/a", "Accept-Encoding", "br")
		if plain.header.Get("ETag") != `"v1"` || br.header.Get("ETag") != `W/"v1"` || br.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("tags %q %q, Vary %q", plain.header.Get("ETag"), br.header.Get("ETag"), br.header.Get("Vary"))
		}
		hit := w.do("/a", "Accept-Encoding", "br")
		if hit.String() != br.String() || hit.length != int64(br.body.Len()) || hit.header.Get("X-Cache") != "Hit from cloudfront" {
			t.Errorf("hit: %v", hit.header.Fields())
		}
		if v := w.do("/a", "Accept-Encoding", "br", "If-None-Match", `W/"v1"`); v.status != 304 {
			t.Errorf("status %d for the weak tag", v.status)
		}
		pass(61 * time.Second)
		v := w.do("/a", "Accept-Encoding", "br")
		w.expect(v, 200, "RefreshHit", br.String())
		if v.header.Get("ETag") != `W/"v1"` || w.lastCall().Header.Get("If-None-Match") != `W/"v1"` {
			t.Errorf("after a 304: %v", v.header.Fields())
		}
	})
}

func TestF18HTTP10IsNotCompressed(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		compressing(w)
		w.reply = func(*http.Request) (*http.Response, error) {
			return answer(200, page, "Content-Type", "text/html"), nil
		}
		w.compile()
		v, rq := &viewer{}, request("/a", "Accept-Encoding", "gzip")
		rq.Proto = httpmsg.HTTP10
		w.edge.Serve(t.Context(), rq, v)
		w.wg.Wait()
		if v.header.Has("Content-Encoding") || w.lastCall().Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("%v", v.header.Fields())
		}
	})
}
