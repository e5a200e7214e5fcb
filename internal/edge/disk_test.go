// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/cache/disk"
)

// TestDisk: after a restart the disk answers in place of the origin, small and
// large, whole and in parts, with and without variants.
func TestDisk(t *testing.T) {
	dir := t.TempDir()
	small, large := "hello", strings.Repeat("0123456789", 300_000)
	begin := func() (*world, *disk.Store) {
		d, err := disk.Open(disk.Options{Dir: dir, Budget: 64 << 20, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t)
		w.cache = cache.New(cache.Config{Disk: d})
		w.reply = func(rq *http.Request) (*http.Response, error) {
			body := small
			if strings.HasPrefix(rq.URL.Path, "/large") {
				body = large
			}
			return answer(200, body, "Content-Type", "text/plain", "Etag", `"v1"`), nil
		}
		return w.compile(), d
	}
	w, d := begin()
	for path, body := range map[string]string{"/small": small, "/large": large} {
		if v := w.do(path); v.status != 200 || v.String() != body {
			t.Fatalf("%s: %d, %d bytes", path, v.status, v.body.Len())
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	w, d = begin()
	defer d.Close()
	for _, tt := range []struct {
		path   string
		fields []string
		status int
		body   string
	}{
		{"HEAD /small", nil, 200, ""},
		{"/small", nil, 200, small},
		{"/small", []string{"Range", "bytes=1-2"}, 206, "el"},
		{"/large", nil, 200, large},
		{"/large", []string{"Range", "bytes=1000000-1000009"}, 206, large[1_000_000:1_000_010]},
		{"/large", []string{"If-None-Match", `"v1"`}, 304, ""},
		{"HEAD /large", nil, 200, ""},
	} {
		v := w.do(tt.path, tt.fields...)
		if xcache := v.header.Get("X-Cache"); v.status != tt.status || v.String() != tt.body || xcache != "Hit from cloudfront" {
			t.Errorf("%s %v: %d, %d bytes, %q", tt.path, tt.fields, v.status, v.body.Len(), xcache)
		}
	}
	if n := w.originCalls(); n != 0 {
		t.Errorf("the origin was asked %d times", n)
	}
	w.cache.Invalidate("E1TEST", []cache.Path{cache.ParsePath("/*")})
	for _, path := range []string{"/small", "/large"} {
		if xcache := w.do(path).header.Get("X-Cache"); xcache != "Miss from cloudfront" {
			t.Errorf("%s after an invalidation: %q", path, xcache)
		}
	}
	w.released()
}
