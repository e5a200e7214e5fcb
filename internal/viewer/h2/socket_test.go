// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// A client that others wrote, over TLS on the loopback, many requests at
// once: hits, large answers by Whole and by Write, echoed uploads, and
// requests that are given up.
func TestClientOverTLS(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	h := func(ctx context.Context, rq *httpmsg.Request, w engine.Writer, _ bool) func() {
		switch rq.Path {
		case "/hit":
			_ = w.Whole(response(200, -1, "X-Path", rq.Path+"?"+rq.Query), [][]byte{[]byte("hit " + rq.Query)}, nil)
		case "/big":
			_ = w.Whole(response(200, -1), [][]byte{big[:1000], big[1000:]}, nil)
		case "/stream":
			return func() {
				_ = w.Head(response(200, -1))
				for p := big; len(p) > 0; p = p[min(len(p), 33333):] {
					if _, err := w.Write(p[:min(len(p), 33333)]); err != nil {
						return
					}
				}
			}
		case "/echo":
			return func() {
				_ = w.Head(response(200, -1))
				b := make([]byte, 10000)
				for {
					n, err := rq.Body.Read(b)
					if _, e := w.Write(b[:n]); e != nil {
						return
					}
					if err == io.EOF {
						return
					} else if err != nil {
						w.Abort()
						return
					}
				}
			}
		default:
			return func() { <-ctx.Done(); w.Abort() }
		}
		return nil
	}
	conf := &tls.Config{Certificates: []tls.Certificate{certificate(t)}, NextProtos: []string{"h2"}}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", conf)
	if err != nil {
		t.Fatal(err)
	}
	s := New(h, Options{Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	ctx, cut := context.WithCancel(t.Context())
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			served.Go(func() { s.Serve(ctx, c, httpmsg.Viewer{TLS: &httpmsg.TLS{}}) })
		}
	})
	tr := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // loopback
	client := &http.Client{Transport: tr}
	base := "https://" + ln.Addr().String()
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			for j := range 6 {
				if err := exchange(t.Context(), client, base, big, i+j); err != nil {
					t.Errorf("request %d.%d: %v", i, j, err)
				}
			}
		})
	}
	all.Wait()
	tr.CloseIdleConnections()
	ln.Close()
	cut()
	served.Wait()
}

func exchange(ctx context.Context, client *http.Client, base string, big []byte, n int) error {
	do := func(ctx context.Context, method, path string, body io.Reader) (string, error) {
		rq, err := http.NewRequestWithContext(ctx, method, base+path, body)
		if err != nil {
			return "", err
		}
		rs, err := client.Do(rq)
		if err != nil {
			return "", err
		}
		defer rs.Body.Close()
		b, err := io.ReadAll(rs.Body)
		if err == nil && rs.ProtoMajor != 2 {
			return "", fmt.Errorf("answered in %s", rs.Proto)
		}
		return string(b), err
	}
	path, method, want := "", "GET", ""
	var body io.Reader
	switch n % 5 {
	case 0:
		path, want = fmt.Sprintf("/hit?%d", n), fmt.Sprintf("hit %d", n)
	case 1:
		path, want = "/big", string(big)
	case 2:
		path, want = "/stream", string(big)
	case 3:
		path, method, want = "/echo", "POST", strings.Repeat(string(big[:5000]), 40)
		body = io.MultiReader(strings.NewReader(want[:7777]), strings.NewReader(want[7777:]))
	default:
		ctx, cancel := context.WithCancel(ctx)
		go cancel()
		if _, err := do(ctx, "GET", "/wait", nil); err == nil {
			return fmt.Errorf("an answer to a request that was given up")
		}
		return nil
	}
	got, err := do(ctx, method, path, body)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if sha256.Sum256([]byte(got)) != sha256.Sum256([]byte(want)) {
		return fmt.Errorf("%s: %d bytes, want %d", path, len(got), len(want))
	}
	return nil
}
