// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

const wrkSays = `Running 1s test @ http://127.0.0.1:8080/1k
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   302.42us  199.97us   4.79ms   91.25%
    Req/Sec    50.87k     4.10k   58.10k    72.73%
  Latency Distribution
     50%  274.00us
     75%  320.00us
     90%  460.00us
     99%    0.98ms
  55665 requests in 1.10s, 72.46MB read
Requests/sec:  50605.10
`

func TestParseWrk(t *testing.T) {
	got, err := parseWrk(wrkSays)
	want := load{55665, 1100 * time.Millisecond, 274 * time.Microsecond, 980 * time.Microsecond}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	for _, more := range []string{"  Non-2xx or 3xx responses: 7\n", "  Socket errors: connect 0, read 3, write 0, timeout 0\n"} {
		if _, err := parseWrk(wrkSays + more); err == nil {
			t.Errorf("no error with %q", more)
		}
	}
	if _, err := parseWrk("unable to connect"); err == nil {
		t.Error("no error without a total")
	}
}

const h2loadSays = `Application protocol: h2

finished in 3.00s, 110123.33 req/s, 124.31MB/s
requests: 330370 total, 330434 started, 330370 done, 330370 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 330370 2xx, 0 3xx, 0 4xx, 0 5xx
`

func TestParseH2load(t *testing.T) {
	got, err := parseH2load(h2loadSays)
	if err != nil || got.requests != 330370 || got.took != 3*time.Second {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{
		strings.Replace(h2loadSays, "0 5xx", "9 5xx", 1),
		strings.Replace(h2loadSays, "0 failed", "9 failed", 1),
		"",
	} {
		if _, err := parseH2load(bad); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

func TestParseStat(t *testing.T) {
	got, err := parseStat("42 (a ) (b) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 9 9 20 0 1 0 100\n")
	want := stat{pid: 42, parent: 7, cpu: 2 * time.Second}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"", "42 a S", "42 (a) S 1 2", "x (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13"} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

func TestTree(t *testing.T) {
	own := tree([]int{os.Getpid()})
	if len(own) == 0 {
		t.Fatal("this process is not in its own tree")
	}
	if memory([]int{os.Getpid()}) == 0 {
		t.Error("this process has no memory")
	}
	up := tree([]int{os.Getppid()})
	found := false
	for _, s := range up {
		found = found || s.pid == os.Getpid()
	}
	if !found {
		t.Error("this process is not in its parent's tree")
	}
}

func TestMedianAndRatio(t *testing.T) {
	c := &benchCase{name: "c"}
	mine, a, none := &peer{name: self}, &peer{name: "a"}, &peer{name: "none"}
	tb := newTable([]*peer{mine, a, none}, []*benchCase{c})
	for _, cpu := range []float64{3, 90, 2} {
		tb.add(mine, c, sample{cpu: cpu}, nil)
		tb.add(a, c, sample{cpu: 2 * cpu}, nil)
		tb.add(none, c, sample{}, errCannot)
	}
	if least, name := tb.bestPeer(c); least != 6 || name != "a" {
		t.Errorf("best peer %s %v, want a 6", name, least)
	}
	var w strings.Builder
	tb.group(&w, c)
	tb.summary(&w)
	for _, want := range []string{"| forelane | 0 | 3.00 | 0.50 |", "| a | 0 | 6.00 | 1.00 |", "| none | - | - | - | - | - | - |", "| c | 0.50 | - |"} {
		if !strings.Contains(w.String(), want) {
			t.Errorf("no %q in:\n%s", want, w.String())
		}
	}
}

func TestSlug(t *testing.T) {
	if got := slug("Intel(R) Xeon(R) CPU @ 2.20GHz"); got != "Intel-R-Xeon-R-CPU-2-20GHz" {
		t.Error(got)
	}
}
