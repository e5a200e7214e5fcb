// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
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

// TestCacheDiskIsTakenOver: a successor has what is on disk as soon as its
// predecessor has left it, but for what became out of date before that.
func TestCacheDiskIsTakenOver(t *testing.T) {
	var asked, version atomic.Int64
	half, hold := make(chan struct{}), make(chan struct{})
	origin := originServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/held" {
			_, _ = w.Write([]byte("one "))
			_ = http.NewResponseController(w).Flush()
			close(half)
			<-hold
			_, _ = w.Write([]byte("two"))
			return
		}
		asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=3600")
		_, _ = io.WriteString(w, answerOf(r.URL.Path, version.Load()))
	})
	args := []string{"proxy", origin, "--data", t.TempDir(), "--cache-disk", "256MiB", "--drain", "60s"}
	first := start(t, args...)
	for _, path := range []string{"/small", "/large", "/asked", "/invalidated"} {
		if a := first.do("GET", "h", path, ""); a.body != answerOf(path, 0) {
			t.Fatalf("%s: %d, %d bytes", path, a.StatusCode, len(a.body))
		}
	}
	held := make(chan answer, 1)
	go func() { held <- first.do("GET", "h", "/held", "") }()
	<-half
	second := startIn(t, first.cmd.Path, first.home, append(args, "--replace")...)
	first.await(t, "replaced")
	for alone := time.Now(); time.Since(alone) < time.Second; { // until the first does not accept any more
		if second.metric("forelane_cache_disk_budget_bytes") != "0" {
			alone = time.Now()
		}
	}
	version.Store(1)
	if a := second.do("GET", "h", "/asked", ""); a.body != answerOf("/asked", 1) || a.Header.Get("X-Cache") != "Miss from cloudfront" {
		t.Errorf("while the first has the disk: %q %q", a.body, a.Header.Get("X-Cache"))
	}
	if status, text := second.admin("POST", "/v1/invalidations", `{"paths": ["/invalidated"]}`); status/100 != 2 {
		t.Errorf("the invalidation: %d %s", status, text)
	}
	close(hold)
	if a := <-held; a.body != "one two" {
		t.Errorf("held: %q", a.body)
	}
	for range first.events { // until it has left
	}
	for late := time.Now().Add(30 * time.Second); second.metric("forelane_cache_disk_budget_bytes") == "0"; {
		if time.Now().After(late) {
			t.Fatal("the disk is not taken over")
		}
	}
	asked.Store(0)
	for path, want := range map[string]int64{"/small": 0, "/large": 0, "/asked": 1, "/invalidated": 1} {
		hit := "Hit from cloudfront"
		if path == "/invalidated" {
			hit = "Miss from cloudfront"
		}
		if a := second.do("GET", "h", path, ""); a.body != answerOf(path, want) || a.Header.Get("X-Cache") != hit {
			t.Errorf("%s: %.20q, %d bytes, %q", path, a.body, len(a.body), a.Header.Get("X-Cache"))
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the origin was asked %d times, once for what was invalidated", n)
	}
	second.stop()
	version.Store(2)
	third := start(t, args...)
	for path, want := range map[string]int64{"/small": 0, "/large": 0, "/asked": 1, "/invalidated": 1} {
		if a := third.do("GET", "h", path, ""); a.body != answerOf(path, want) {
			t.Errorf("after a restart %s: %.20q, %d bytes", path, a.body, len(a.body))
		}
	}
}

// answerOf is a version of what is at path.
func answerOf(path string, version int64) string {
	text := path + " " + string(rune('0'+version)) + "\n"
	if path == "/large" {
		return strings.Repeat(text, 400_000)
	}
	return text
}

// admin asks the admin side.
func (p *proc) admin(method, path, body string) (status int, text string) {
	p.t.Helper()
	rq, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.ready.Admin+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	rq.Close = true
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		p.t.Fatal(err)
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return rs.StatusCode, string(b)
}

// metric is the value of a series without labels.
func (p *proc) metric(name string) string {
	p.t.Helper()
	_, text := p.admin("GET", "/metrics", "")
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	p.t.Fatalf("there is no %s", name)
	return ""
}
