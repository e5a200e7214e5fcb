// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
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
	ask := fmt.Appendf(nil, "GET %s/%d HTTP/1.1\r\nHost: %s\r\n\r\n", pathCold, round, p.plain)
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
// hit. The first connection of a resumed run is not counted.
func (b *bench) handshakes(resumed bool) func(context.Context, *peer, int) (load, error) {
	return func(ctx context.Context, p *peer, _ int) (load, error) {
		addr, err := address(p, true)
		if err != nil {
			return load{}, err
		}
		var wg sync.WaitGroup
		took, errs := make([][]time.Duration, handshakers), make([]error, handshakers)
		begin := time.Now()
		for i := range handshakers {
			wg.Go(func() {
				cfg := clientTLS()
				if resumed {
					cfg.ClientSessionCache = tls.NewLRUClientSessionCache(4)
				}
				for n := 0; time.Since(begin) < time.Duration(b.seconds)*time.Second && ctx.Err() == nil; n++ {
					t := time.Now()
					if errs[i] = newConnection(ctx, addr, cfg, resumed && n > 0); errs[i] != nil {
						return
					}
					if !resumed || n > 0 {
						took[i] = append(took[i], time.Since(t))
					}
				}
			})
		}
		wg.Wait()
		l := load{took: time.Since(begin)}
		var all []time.Duration
		for i := range handshakers {
			if errs[i] != nil {
				return l, errs[i]
			}
			all = append(all, took[i]...)
		}
		if l.requests = int64(len(all)); l.requests > 0 {
			l.p50, l.p99 = percentiles(all)
		}
		return l, ctx.Err()
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
	return exchange(c, bufio.NewReaderSize(c, 2048), []byte("GET "+pathSmall+" HTTP/1.1\r\nHost: "+addr+"\r\nConnection: close\r\n\r\n"))
}
