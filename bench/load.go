// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const interrupt = syscall.SIGINT

// wrk makes a case that runs wrk for b.seconds.
func (b *bench) wrk(secure bool, path string, args ...string) func(context.Context, *peer, int) (load, error) {
	return func(ctx context.Context, p *peer, _ int) (load, error) {
		addr, err := address(p, secure)
		if err != nil {
			return load{}, err
		}
		url := "http://" + addr + path
		if secure {
			url = "https://" + addr + path
		}
		argv := append([]string{"wrk", "-t1", "-c16", "-d" + strconv.Itoa(b.seconds) + "s", "--latency", "-H", "Host: " + viewerHost}, args...)
		out, err := generator(ctx, append(argv, url)...)
		if err != nil {
			return load{}, err
		}
		return parseWrk(out)
	}
}

// missScript asks for each URL once, so that collapsing is not what is
// measured. ROUND keeps rounds apart.
const missScript = `local n = 0
local tail = " HTTP/1.1\r\nHost: HOST\r\n\r\n"
function request()
  n = n + 1
  return "GET /miss/ROUND-" .. n .. tail
end
`

func (b *bench) wrkMiss() func(context.Context, *peer, int) (load, error) {
	return func(ctx context.Context, p *peer, round int) (load, error) {
		file := filepath.Join(b.dir, "miss.lua")
		text := strings.NewReplacer("HOST", viewerHost, "ROUND", strconv.Itoa(round)).Replace(missScript)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return load{}, err
		}
		return b.wrk(false, pathMiss, "-s", file)(ctx, p, round)
	}
}

// zipfScript asks for one of a million objects: the share of rank n is that of
// 1/n, by the inverse of its integral.
const zipfScript = `local most = math.log(1000000)
local tail = " HTTP/1.1\r\nHost: HOST\r\n\r\n"
math.randomseed(ROUND)
function request()
  return "GET /zipf/" .. math.floor(math.exp(math.random() * most)) .. tail
end
`

// zipfWarm fills the cache for as long as the case takes three times.
func (b *bench) zipfWarm(ctx context.Context, p *peer) error {
	for i := range 3 {
		if _, err := b.zipf(ctx, p, 100+i); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) zipf(ctx context.Context, p *peer, round int) (load, error) {
	file := filepath.Join(b.dir, "zipf.lua")
	text := strings.NewReplacer("HOST", viewerHost, "ROUND", strconv.Itoa(round+1)).Replace(zipfScript)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return load{}, err
	}
	return b.wrk(false, pathZipf, "-s", file)(ctx, p, round)
}

// generator runs a load generator on its core and returns what it said.
func generator(ctx context.Context, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", loadCore}, argv...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", argv[0], err, out)
	}
	return string(out), nil
}

var (
	wrkTotal   = regexp.MustCompile(`(\d+) requests in ([0-9.a-z]+),`)
	wrkShare   = regexp.MustCompile(`(?m)^\s+(50|99)%\s+([0-9.a-z]+)$`)
	wrkBad     = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
	wrkSockets = regexp.MustCompile(`Socket errors: (.*)`)
)

// parseWrk reads what `wrk --latency` prints.
func parseWrk(out string) (l load, err error) {
	if m := wrkBad.FindStringSubmatch(out); m != nil {
		return l, fmt.Errorf("%s answers with an error status", m[1])
	}
	if m := wrkSockets.FindStringSubmatch(out); m != nil {
		return l, fmt.Errorf("socket errors: %s", m[1])
	}
	m := wrkTotal.FindStringSubmatch(out)
	if m == nil {
		return l, fmt.Errorf("wrk: no total in %q", out)
	}
	if l.requests, err = strconv.ParseInt(m[1], 10, 64); err != nil {
		return l, err
	}
	if l.took, err = time.ParseDuration(m[2]); err != nil {
		return l, err
	}
	for _, m := range wrkShare.FindAllStringSubmatch(out, -1) {
		d, err := time.ParseDuration(m[2])
		if err != nil {
			return l, err
		}
		if m[1] == "50" {
			l.p50 = d
		} else {
			l.p99 = d
		}
	}
	return l, nil
}

// h2load makes a case that runs h2load for b.seconds. Its own percentiles are
// none; a log of requests would slow it, so latency is a run of its own.
func (b *bench) h2load(path string, args ...string) func(context.Context, *peer, int) (load, error) {
	return func(ctx context.Context, p *peer, _ int) (load, error) {
		return h2load(ctx, p, path, append([]string{"-D", strconv.Itoa(b.seconds)}, args...)...)
	}
}

func h2load(ctx context.Context, p *peer, path string, args ...string) (load, error) {
	addr, err := address(p, true)
	if err != nil {
		return load{}, err
	}
	argv := append([]string{"h2load", "-t1", "-c4", "-m16", "-H", ":authority: " + viewerHost}, args...)
	out, err := generator(ctx, append(argv, "https://"+addr+path)...)
	if err != nil {
		return load{}, err
	}
	if !strings.Contains(out, "Application protocol: h2\n") {
		return load{}, errCannot
	}
	return parseH2load(out)
}

// h2warm fills the caches that know an HTTP/2 request by another key than that
// of HTTP/1.1, and runs Traffic Server's store, which lags its answers.
func h2warm(path string) func(context.Context, *peer) error {
	return func(ctx context.Context, p *peer) error {
		_, err := h2load(ctx, p, path, "-n", "200")
		return err
	}
}

var (
	h2Total = regexp.MustCompile(`requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed`)
	h2Took  = regexp.MustCompile(`finished in ([0-9.a-z]+), ([0-9.]+) req/s`)
	h2Codes = regexp.MustCompile(`status codes: \d+ 2xx, \d+ 3xx, (\d+) 4xx, (\d+) 5xx`)
)

// parseH2load reads what h2load prints.
func parseH2load(out string) (l load, err error) {
	total, took, codes := h2Total.FindStringSubmatch(out), h2Took.FindStringSubmatch(out), h2Codes.FindStringSubmatch(out)
	if total == nil || took == nil || codes == nil {
		return l, fmt.Errorf("h2load: no totals in %q", out)
	}
	if total[2] != "0" || codes[1] != "0" || codes[2] != "0" {
		return l, fmt.Errorf("h2load: %s requests failed, %s and %s answers 4xx and 5xx", total[2], codes[1], codes[2])
	}
	if l.requests, err = strconv.ParseInt(total[1], 10, 64); err != nil {
		return l, err
	}
	l.took, err = time.ParseDuration(took[1])
	return l, err
}

// h2latency takes percentiles from a short run that logs each request.
func (b *bench) h2latency(path string) func(context.Context, *peer) (p50, p99 time.Duration, err error) {
	return func(ctx context.Context, p *peer) (p50, p99 time.Duration, err error) {
		file := filepath.Join(b.dir, "h2load.log")
		_ = os.Remove(file) // of the run before
		if _, err := h2load(ctx, p, path, "-n", "20000", "--log-file", file); err != nil {
			return 0, 0, err
		}
		f, err := os.Open(file)
		if err != nil {
			return 0, 0, err
		}
		defer f.Close()
		var all []time.Duration
		for sc := bufio.NewScanner(f); sc.Scan(); {
			if w := strings.Fields(sc.Text()); len(w) > 2 {
				us, err := strconv.ParseInt(w[2], 10, 64)
				if err != nil {
					return 0, 0, err
				}
				all = append(all, time.Duration(us)*time.Microsecond)
			}
		}
		if len(all) == 0 {
			return 0, 0, errors.New("h2load wrote no log")
		}
		p50, p99 = percentiles(all)
		return p50, p99, nil
	}
}

// percentiles sorts all, which is not empty.
func percentiles(all []time.Duration) (p50, p99 time.Duration) {
	slices.Sort(all)
	return all[len(all)/2], all[len(all)*99/100]
}
