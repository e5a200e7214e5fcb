// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// sample is one measurement of one case against one server.
type sample struct {
	rate     float64 // requests/s
	cpu      float64 // µs of the server a request
	p50, p99 time.Duration
	memory   int64 // KiB after the case
	calls    int64 // requests that reached the origin
}

// load is what a load generator tells.
type load struct {
	requests int64
	took     time.Duration
	p50, p99 time.Duration
}

// errCannot marks a case that a server cannot do.
var errCannot = errors.New("cannot")

// benchCase is one row group of the table.
type benchCase struct {
	name  string
	about string
	// hits says that nothing may reach the origin while the case runs.
	hits bool
	run  func(context.Context, *peer, int) (load, error)
	// warm comes before run and is not measured.
	warm func(context.Context, *peer) error
	// latency is a separate run for percentiles where run cannot tell them;
	// its time does not count. nil: run tells them.
	latency func(context.Context, *peer) (p50, p99 time.Duration, err error)
}

func (b *bench) allCases() []*benchCase {
	if b.shield {
		return b.shieldCases()
	}
	notModified := "If-None-Match: " + entityTag
	return []*benchCase{
		{name: "h1-1k", about: "Hit, 1 KB, HTTP/1.1 (16 connections)", hits: true, run: b.wrk(false, pathSmall)},
		{name: "h1-64k", about: "Hit, 64 KB, HTTP/1.1 (16 connections)", hits: true, run: b.wrk(false, pathLarge)},
		{name: "h1-304", about: "Hit with If-None-Match, 304, HTTP/1.1 (16 connections)", hits: true, run: b.unmodified},
		{name: "tls-1k", about: "Hit, 1 KB, HTTP/1.1 + TLS (16 connections)", hits: true, run: b.wrk(true, pathSmall)},
		{name: "tls-64k", about: "Hit, 64 KB, HTTP/1.1 + TLS (16 connections)", hits: true, run: b.wrk(true, pathLarge)},
		{name: "h2-1k", about: "Hit, 1 KB, HTTP/2 + TLS (4 connections, 16 streams each)", hits: true, warm: h2warm(pathSmall), run: b.h2load(pathSmall), latency: b.h2latency(pathSmall)},
		{name: "h2-64k", about: "Hit, 64 KB, HTTP/2 + TLS (4 connections, 16 streams each)", hits: true, warm: h2warm(pathLarge), run: b.h2load(pathLarge), latency: b.h2latency(pathLarge)},
		{name: "h2-304", about: "Hit with If-None-Match, 304, HTTP/2 + TLS (4 connections, 16 streams each)", hits: true, warm: h2warm(pathSmall), run: b.h2load(pathSmall, "-H", notModified), latency: b.h2latency(pathSmall)},
		{name: "h3-1k", about: "Hit, 1 KB, HTTP/3 (4 connections, 16 streams each, a client in Go)", hits: true, run: b.h3(pathSmall)},
		{name: "zipf", about: "A million 1 KB objects by Zipf's law (exponent 1), cache as configured: 256 MB, nginx 1 GB of files, Varnish 512 MB (16 connections)", warm: b.zipfWarm, run: b.zipf},
		{name: "miss", about: "Miss, 1 KB no-store, each URL once, HTTP/1.1 (16 connections)", run: b.wrkMiss()},
		{name: "cold", about: fmt.Sprintf("%d parallel requests for one URL that is not stored (the origin takes %v)", coldViewers, coldDelay), run: b.cold},
		{name: "handshake-full", about: "New TLS 1.3 connection (X25519), full handshake, one 1 KB hit (4 at once)", hits: true, run: b.handshakes(false)},
		{name: "handshake-resumed", about: "New TLS 1.3 connection (X25519), resumed, one 1 KB hit (4 at once)", hits: true, run: b.handshakes(true)},
	}
}

// measure runs one case against one server.
func (b *bench) measure(ctx context.Context, p *peer, c *benchCase, round int) (s sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(b.seconds)*time.Second+30*time.Second)
	defer cancel()
	if c.warm != nil {
		if err := c.warm(ctx, p); err != nil {
			return s, err
		}
	}
	endPerf, err := b.startPerf(ctx, p, c)
	if err != nil {
		return s, err
	}
	defer endPerf()
	calls, before := b.origin.calls.Load(), cpu(p.roots)
	l, err := c.run(ctx, p, round)
	if err != nil {
		return s, err
	}
	time.Sleep(100 * time.Millisecond) // logs and closed connections are work of these requests too
	used := cpu(p.roots) - before
	if l.requests == 0 {
		return s, errors.New("no request was answered")
	}
	s = sample{
		rate: float64(l.requests) / l.took.Seconds(), cpu: float64(used.Microseconds()) / float64(l.requests),
		p50: l.p50, p99: l.p99, memory: memory(p.roots), calls: b.origin.calls.Load() - calls,
	}
	if c.hits && s.calls > 0 {
		return s, fmt.Errorf("%d requests reached the origin", s.calls)
	}
	if c.latency != nil {
		s.p50, s.p99, err = c.latency(ctx, p)
	}
	return s, err
}

// address is where a case finds a server, or errCannot.
func address(p *peer, secure bool) (string, error) {
	switch {
	case !secure:
		return p.plain, nil
	case p.tls == "":
		return "", errCannot
	}
	return p.tls, nil
}

// startPerf records the server's first process while a case runs, with -perf.
func (b *bench) startPerf(ctx context.Context, p *peer, c *benchCase) (end func(), err error) {
	if b.perf == "" {
		return func() {}, nil
	}
	file := filepath.Join(b.perf, p.name+"-"+c.name+".perf")
	cmd := exec.CommandContext(ctx, "perf", "record", "-q", "-F", "2999", "-g", "-p", strconv.Itoa(p.roots[0]), "-o", file)
	cmd.Cancel = func() error { return cmd.Process.Signal(interrupt) }
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = cmd.Process.Signal(interrupt) // it may have ended
		_ = cmd.Wait()
	}, nil
}
