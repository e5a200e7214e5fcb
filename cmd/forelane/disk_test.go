// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// TestCacheDiskSurvivesARestart: a second process answers from what the first
// one stored, and serves without the disk while another process has it.
func TestCacheDiskSurvivesARestart(t *testing.T) {
	var asked atomic.Int64
	large := strings.Repeat("0123456789abcdef", 200_000)
	origin := originServer(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=3600")
		w.Header().Set("Etag", `"v1"`)
		if r.URL.Path == "/large" {
			_, _ = w.Write([]byte(large))
			return
		}
		_, _ = w.Write([]byte("small"))
	})
	args := []string{"proxy", origin, "--data", t.TempDir(), "--cache-disk", "256MiB"}
	want := map[string]string{"/small": "small", "/large": large}
	first := start(t, args...)
	for path, body := range want {
		if a := first.do("GET", "h", path, ""); a.StatusCode != 200 || a.body != body {
			t.Fatalf("%s: %d, %d bytes", path, a.StatusCode, len(a.body))
		}
	}
	other := start(t, args...)
	if a := other.do("GET", "h", "/small", ""); a.StatusCode != 200 || a.Header.Get("X-Cache") != "Miss from cloudfront" {
		t.Errorf("beside the first: %d %q", a.StatusCode, a.Header.Get("X-Cache"))
	}
	if other.stop(); !strings.Contains(other.stderr.String(), "in memory only") {
		t.Errorf("it does not say that the disk is taken: %s", other.stderr.String())
	}
	first.stop()
	asked.Store(0)
	second := start(t, args...)
	for path, body := range want {
		if a := second.do("GET", "h", path, ""); a.body != body || a.Header.Get("X-Cache") != "Hit from cloudfront" {
			t.Errorf("%s: %d bytes, %q", path, len(a.body), a.Header.Get("X-Cache"))
		}
	}
	if a := second.do("GET", "h", "/large", "", "Range: bytes=16-31"); a.StatusCode != 206 || a.body != large[:16] {
		t.Errorf("a part: %d, %q", a.StatusCode, a.body)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the origin was asked %d times", n)
	}
}
