// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// h3 asks on 4 connections with 16 streams each, by a client of this process:
// Debian's h2load has no HTTP/3. Its own work is not that of the server, but it
// takes a core: rates are the client's, CPU a request is the server's.
func (b *bench) h3(path string) func(context.Context, *peer, int) (load, error) {
	return func(ctx context.Context, p *peer, _ int) (load, error) {
		if p.udp == "" {
			return load{}, errCannot
		}
		const connections, streams = 4, 16
		var conns [connections]*http3.ClientConn
		for i := range conns {
			secure := clientTLS()
			secure.NextProtos, secure.MinVersion = []string{http3.NextProtoH3}, tls.VersionTLS13
			qc, err := quic.DialAddr(ctx, p.udp, secure, nil)
			if err != nil {
				return load{}, err
			}
			defer func() { _ = qc.CloseWithError(0x100, "") }() // H3_NO_ERROR
			conns[i] = (&http3.Transport{DisableCompression: true}).NewClientConn(qc)
		}
		next := make(chan *http3.ClientConn, connections*streams)
		for i := range connections * streams {
			next <- conns[i%connections]
		}
		return b.many(ctx, connections*streams, func() (func() error, func(), error) {
			c := <-next
			return func() error { return get3(ctx, c, path) }, func() {}, nil
		})
	}
}

// get3 asks and reads the whole answer.
func get3(ctx context.Context, c *http3.ClientConn, path string) error {
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+viewerHost+path, nil)
	if err != nil {
		return err
	}
	rs, err := c.RoundTrip(rq)
	if err != nil {
		return err
	}
	defer rs.Body.Close()
	if _, err := io.Copy(io.Discard, rs.Body); err != nil {
		return err
	}
	if rs.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", rs.Status)
	}
	return nil
}
