// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// helper is the path of a program that tools/setup.sh installs.
func helper(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: `make setup` (tools/setup.sh) installs what the tests need: %v", name, err)
	}
	return path
}

// observed is a node before an origin that fails for /broken.
func observed(t *testing.T, args ...string) (p *proc, data string) {
	t.Helper()
	origin := originServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprint(w, r.URL.Path)
	})
	data = t.TempDir()
	return start(t, append([]string{"proxy", origin, "--data", data}, args...)...), data
}

// TestGoAccessReadsTheLogAsCloudFront runs GoAccess over a node's access log.
func TestGoAccessReadsTheLogAsCloudFront(t *testing.T) {
	p, data := observed(t)
	for _, path := range []string{"/a", "/a", "/b%20c?x=1", "/broken"} {
		p.do("GET", "shop.example", path, "", "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0", "Referer: https://search.example/")
	}
	p.stopOnce(t)
	report := filepath.Join(t.TempDir(), "report.json")
	cmd := exec.Command(helper(t, "goaccess"), filepath.Join(data, "access.log"), "--log-format=CLOUDFRONT", "--no-global-config", "--no-progress", "-o", report)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		General struct {
			Total  int `json:"total_requests"`
			Valid  int `json:"valid_requests"`
			Failed int `json:"failed_requests"`
		} `json:"general"`
		Requests struct {
			Data []struct {
				Hits   struct{ Count int }
				Method string
				Data   string
			}
		} `json:"requests"`
		StatusCodes struct {
			Data []struct{ Data string }
		} `json:"status_codes"`
	}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if r.General.Total != 4 || r.General.Valid != 4 || r.General.Failed != 0 {
		t.Errorf("%+v", r.General)
	}
	if d := r.Requests.Data; len(d) != 3 || d[0].Data != "/a?-" || // as it shows an empty query of CloudFront's
		d[0].Hits.Count != 2 || d[0].Method != "GET" {
		t.Errorf("%+v", d)
	}
	if len(r.StatusCodes.Data) != 2 {
		t.Errorf("%+v", r.StatusCodes)
	}
}

// TestLogsOfANode: what is moved away is let go of at SIGHUP, fields are chosen,
// and CloudFront's own files are whole when the node has ended.
func TestLogsOfANode(t *testing.T) {
	files := t.TempDir()
	p, data := observed(t, "--access-log-format", "json", "--access-log-fields", "cs-uri-stem,sc-status,DistributionId", "--access-log-files", files)
	log := filepath.Join(data, "access.log")
	p.do("GET", "h", "/1", "")
	holds(t, log, `{"cs-uri-stem":"/1","sc-status":"200","DistributionId":"E`)
	if err := os.Rename(log, log+".old"); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for n := 2; ; n++ { // the signal has no answer
		p.do("GET", "h", fmt.Sprintf("/%d", n), "")
		if _, err := os.Stat(log); err == nil {
			break
		}
	}
	p.stopOnce(t)
	if b, err := os.ReadFile(log + ".old"); err != nil || !strings.Contains(string(b), `"/1"`) {
		t.Errorf("%s %v", b, err)
	}
	found, err := filepath.Glob(filepath.Join(files, "E*.????-??-??-??.*.gz"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no files of CloudFront's in %s: %v", files, err)
	}
	f, err := os.Open(found[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); err != nil || !strings.HasPrefix(string(b), "#Version: 1.0\n#Fields: date time ") || !strings.Contains(string(b), "\t/1\t200\t") {
		t.Errorf("%v %s", err, b)
	}
}

// holds waits until a file begins with a text.
func holds(t *testing.T, name, text string) {
	t.Helper()
	tick, end := time.NewTicker(20*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for {
		b, err := os.ReadFile(name)
		if err == nil && strings.HasPrefix(string(b), text) {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: %s (%v), want %s", name, b, err, text)
		}
	}
}

// TestOperationsOfANode: readiness, build, metrics with the log's, traces to a
// collector, and top.
func TestOperationsOfANode(t *testing.T) {
	var spans atomic.Int64
	collector := originServer(t, func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/v1/traces" && r.Header.Get("Api-Key") == "secret" {
			spans.Add(int64(bytes.Count(b, []byte("cache lookup"))))
		}
	})
	p, _ := observed(t, "--trace", collector, "--trace-header", "Api-Key=secret", "--trace-ratio", "1")
	admin := "http://" + p.ready.Admin
	for path, want := range map[string]string{"/readyz": `"ready":true`, "/v1/build": `"go":"go1.`, "/metrics": "forelane_edge_access_log_dropped_lines_total 0\n"} {
		rs, err := http.Get(admin + path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(rs.Body)
		_ = rs.Body.Close()
		if rs.StatusCode != 200 || !strings.Contains(string(b), want) {
			t.Errorf("%s: %d %.500s", path, rs.StatusCode, b)
		}
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // something to see
		defer close(done)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				_, _ = p.try("GET", "h", "/a", "")
			}
		}
	}()
	out, errs, code := command(t, "top", "--admin", p.ready.Admin, "--once", "--json", "--interval", "500ms")
	var v view
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != 0 {
		t.Fatalf("%v %d %s %s", err, code, out, errs)
	}
	if len(v.Rows) < 2 || v.Rows[0].Kind != "distribution" || v.Rows[0].Rate <= 0 || v.Rows[0].HitRatio == nil || *v.Rows[0].HitRatio < 0.5 || v.Rows[0].P99 == nil || !v.Ready {
		t.Errorf("%s", out)
	}
	if out, errs, code := command(t, "top", "--admin", p.ready.Admin, "--once", "--interval", "200ms"); code != 0 || !strings.Contains(out, "req/s") || strings.Contains(out, "\x1b") {
		t.Errorf("%d %q %s", code, out, errs)
	}
	close(stop)
	<-done
	p.stopOnce(t)
	if spans.Load() == 0 {
		t.Errorf("no trace reached the collector: %s", p.stderr.String())
	}
	if strings.Contains(p.stderr.String(), "secret") {
		t.Error("a header for the collector is in the log")
	}
}
