// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// floodOrigin answers a page, a large object, an endless answer, and takes
// bodies.
func floodOrigin(page, large string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case strings.HasPrefix(r.URL.Path, "/c/"):
			w.Header().Set("Cache-Control", "max-age=3600")
			_, _ = io.WriteString(w, page)
		case r.URL.Path == "/large":
			w.Header().Set("Cache-Control", "max-age=3600")
			_, _ = io.WriteString(w, large)
		case r.URL.Path == "/endless":
			for {
				if _, err := io.WriteString(w, large); err != nil {
					return
				}
			}
		default:
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, page)
		}
	}
}

// quantile of sorted durations; 0 when there are none.
func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	return d[min(int(q*float64(len(d))), len(d)-1)].Round(10 * time.Microsecond)
}

// cpu is what the process has used.
func (p *proc) cpu() time.Duration {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
}

// memory is a line of the process's status, in bytes: VmRSS now, VmHWM at most.
func (p *proc) memory(name string) int64 {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var kb int64
		if n, _ := fmt.Sscanf(line, name+": %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	p.t.Fatal("no " + name)
	return 0
}

// besiege measures a well-behaved viewer while n hostile ones of a kind (or
// of all) are there. What it does first, calm, is to compare with.
func besiege(t *testing.T, n int, kind string, d time.Duration) {
	page := strings.Repeat("0123456789abcdef", 64)
	large := strings.Repeat(page, 512) // 512 KiB
	origin := originServer(t, floodOrigin(page, large))
	p := start(t, "proxy", origin, "--quiet", "--drain", "1s")
	for _, path := range []string{"/c/0", "/large"} {
		if a := p.do("GET", "h", path, ""); a.StatusCode != 200 {
			t.Fatal(a.StatusCode)
		}
	}
	load := func(while func()) []time.Duration {
		v := p.load(func(int, int) string { return "/c/0" }, func(string) string { return page })
		v.time = true
		v.run(keptHTTP1, 0)
		v.run(newHTTP1, 1)
		v.runH2(1)
		while()
		v.end()
		slices.Sort(v.took)
		return v.took
	}
	calm := load(func() { <-time.After(d / 4) })
	before, cpu := p.memory("VmRSS"), p.cpu()
	var end func() string
	busy := load(func() {
		end = p.horde(n, kind) // while they come, too
		<-time.After(d)
	})
	grown, cpu := p.memory("VmHWM")-before, p.cpu()-cpu
	horde := end()
	t.Logf("%d hostile viewers (%s): RSS %d MiB, at most %d MiB more, %.1f s of CPU; a good viewer: %d requests, p50 %v, p99 %v, worst %v (before: %d, p50 %v, p99 %v, worst %v)",
		n, horde, before>>20, grown>>20, cpu.Seconds(), len(busy), quantile(busy, 0.5), quantile(busy, 0.99), quantile(busy, 1), len(calm), quantile(calm, 0.5), quantile(calm, 0.99), quantile(calm, 1))
	if grown > 200<<20 {
		t.Errorf("RSS grew by %d MiB", grown>>20)
	}
	// What the machine does to a viewer without any horde is not the node's.
	if p99 := quantile(busy, 0.99); p99 > 100*time.Millisecond+quantile(calm, 0.99) {
		t.Errorf("p99 of a good viewer: %v", p99)
	}
	if len(busy) < 100 {
		t.Errorf("a good viewer had %d answers", len(busy))
	}
	p.client.CloseIdleConnections()
	if a := p.do("GET", "h", "/c/0", ""); a.body != page {
		t.Errorf("afterwards: %d", a.StatusCode)
	}
}

// TestFloods has some hostile viewers of every kind at once; TestSoakFloods
// has two thousand.
func TestFloods(t *testing.T) { besiege(t, 260, "all", 3*time.Second) }
