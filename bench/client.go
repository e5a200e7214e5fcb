// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	coldViewers = 1000
	handshakers = 4
)

// cold opens a thousand connections, and when all are open asks for one URL on
// all of them at once.
func (b *bench) cold(ctx context.Context, p *peer, round int) (load, error) {
	conns := make([]net.Conn, 0, coldViewers)
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	var d net.Dialer
	for range coldViewers {
		c, err := d.DialContext(ctx, "tcp", p.plain)
		if err != nil {
			return load{}, err
		}
		_ = c.SetDeadline(time.Now().Add(20 * time.Second)) // a TCP connection has deadlines
		conns = append(conns, c)
	}
	ask := fmt.Appendf(nil, "GET %s/%d HTTP/1.1\r\nHost: %s\r\n\r\n", pathCold, round, viewerHost)
	took, errs := make([]time.Duration, coldViewers), make([]error, coldViewers)
	begin := time.Now()
	var wg sync.WaitGroup
	for i, c := range conns {
		wg.Go(func() {
			errs[i] = exchange(c, bufio.NewReaderSize(c, 2048), ask)
			took[i] = time.Since(begin)
		})
	}
	wg.Wait()
	l := load{requests: coldViewers, took: time.Since(begin)}
	failed := 0
	var last error
	for _, err := range errs {
		if err != nil {
			failed, last = failed+1, err
		}
	}
	if failed > 0 {
		return l, fmt.Errorf("%d of %d requests failed: %w", failed, coldViewers, last)
	}
	l.p50, l.p99 = percentiles(took)
	return l, nil
}

// exchange asks and reads the whole answer.
func exchange(c net.Conn, r *bufio.Reader, ask []byte) error {
	if _, err := c.Write(ask); err != nil {
		return err
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", resp.Status)
	}
	return nil
}

// handshakes opens connection after connection, a few at once, each for one
// hit. The first connection of a resumed run, which brings the ticket, is made
// before.
func (b *bench) handshakes(resumed bool) func(context.Context, *peer, int) (load, error) {
	return func(ctx context.Context, p *peer, _ int) (load, error) {
		addr, err := address(p, true)
		if err != nil {
			return load{}, err
		}
		return b.many(ctx, handshakers, func() (func() error, func(), error) {
			cfg := clientTLS()
			if resumed {
				cfg.ClientSessionCache = tls.NewLRUClientSessionCache(4)
				if err := newConnection(ctx, addr, cfg, false); err != nil {
					return nil, nil, err
				}
			}
			return func() error { return newConnection(ctx, addr, cfg, resumed) }, func() {}, nil
		})
	}
}

// newConnection makes one handshake and gets one hit; the answer's end also
// brings the ticket for the next.
func newConnection(ctx context.Context, addr string, cfg *tls.Config, mustResume bool) error {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	c := tls.Client(raw, cfg)
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second)) // a TCP connection has deadlines
	if err := c.HandshakeContext(ctx); err != nil {
		return err
	}
	if mustResume && !c.ConnectionState().DidResume {
		return errCannot
	}
	return exchange(c, bufio.NewReaderSize(c, 2048), []byte("GET "+pathSmall+" HTTP/1.1\r\nHost: "+viewerHost+"\r\nConnection: close\r\n\r\n"))
}

// unmodified asks with the validator on 16 connections, one request after the
// other on each. It is no case for wrk, which waits for a body where a 304
// tells the length of the object, as HAProxy's does and may (RFC 9110 8.6).
func (b *bench) unmodified(ctx context.Context, p *peer, _ int) (load, error) {
	ask := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nIf-None-Match: %s\r\n\r\n", pathSmall, viewerHost, entityTag)
	return b.many(ctx, 16, func() (func() error, func(), error) {
		c, err := net.DialTimeout("tcp", p.plain, 5*time.Second)
		if err != nil {
			return nil, nil, err
		}
		_ = c.SetDeadline(time.Now().Add(time.Duration(b.seconds)*time.Second + 10*time.Second))
		answer := make([]byte, 0, 4096)
		return func() error {
			if _, err := c.Write(ask); err != nil {
				return err
			}
			answer = answer[:0]
			for !bytes.HasSuffix(answer, []byte("\r\n\r\n")) {
				n, err := c.Read(answer[len(answer):cap(answer)])
				if err != nil {
					return err
				}
				answer = answer[:len(answer)+n]
			}
			if !bytes.HasPrefix(answer, []byte("HTTP/1.1 304 ")) {
				return fmt.Errorf("not a 304: %.40q", answer)
			}
			return nil
		}, func() { _ = c.Close() }, nil
	})
}

// many runs n goroutines for b.seconds, each with a step of its own that it
// takes again and again.
func (b *bench) many(ctx context.Context, n int, open func() (step func() error, end func(), err error)) (load, error) {
	var wg sync.WaitGroup
	took, errs := make([][]time.Duration, n), make([]error, n)
	begin := time.Now()
	limit := time.Duration(b.seconds) * time.Second
	for i := range n {
		wg.Go(func() {
			step, end, err := open()
			if err != nil {
				errs[i] = err
				return
			}
			defer end()
			for now := time.Now(); now.Sub(begin) < limit && ctx.Err() == nil; {
				if errs[i] = step(); errs[i] != nil {
					return
				}
				after := time.Now()
				took[i] = append(took[i], after.Sub(now))
				now = after
			}
		})
	}
	wg.Wait()
	l := load{took: time.Since(begin)}
	for _, err := range errs {
		if err != nil {
			return l, err
		}
	}
	all := slices.Concat(took...)
	if l.requests = int64(len(all)); l.requests > 0 {
		l.p50, l.p99 = percentiles(all)
	}
	return l, ctx.Err()
}
