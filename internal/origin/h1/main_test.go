// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/forelane/forelane/internal/httpmsg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is an origin on loopback: serve gets each connection it accepts.
func peer(t testing.TB, serve func(n int, c net.Conn)) *Client {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			serve(n, c)
			_ = c.Close()
		}
	}()
	cl := &Client{Read: 10 * time.Second, Idle: 8, KeepAlive: time.Minute}
	cl.Dial = func(ctx context.Context, _ bool) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", ln.Addr().String())
	}
	t.Cleanup(func() {
		cl.CloseIdle()
		_ = ln.Close()
		<-done
	})
	return cl
}

// pipes is an origin for bubbles of synctest.
func pipes(t *testing.T, serve func(n int, c net.Conn)) *Client {
	var wg sync.WaitGroup
	cl := &Client{Read: 10 * time.Second, Idle: 8, KeepAlive: time.Minute}
	next := 0
	cl.Dial = func(context.Context, bool) (net.Conn, error) {
		c, s := net.Pipe()
		n := next
		wg.Go(func() {
			serve(n, s)
			_ = s.Close()
		})
		next++
		return c, nil
	}
	t.Cleanup(func() {
		cl.CloseIdle()
		wg.Wait()
	})
	return cl
}

// readHead takes a request's head off the wire, and returns it.
func readHead(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "\r\n" {
			return b.String(), err
		}
	}
}

// says answers every request of a connection with the same bytes.
func says(text string) func(int, net.Conn) {
	return func(_ int, c net.Conn) {
		for r := bufio.NewReader(c); ; {
			if _, err := readHead(r); err != nil {
				return
			}
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
}

func request(method string) *httpmsg.Request {
	rq := &httpmsg.Request{Method: method, Scheme: "http", Host: "o.example", Path: "/a", Query: "b=c"}
	rq.Header.Add("Accept", "*/*")
	return rq
}

// outcome is what comes of a request, as text.
func outcome(ctx context.Context, cl *Client, rq *httpmsg.Request) string {
	var rs httpmsg.Response
	if err := cl.Do(ctx, rq, &rs, nil); err != nil {
		return "error: " + err.Error()
	}
	s := fmt.Sprint(rs.Status)
	for _, f := range rs.Header.Fields() {
		s += " " + f.Name + "=" + f.Value
	}
	if rs.Body == nil {
		return s + " none"
	}
	b, err := io.ReadAll(rs.Body)
	_ = rs.Body.Close()
	if s += fmt.Sprintf(" %q", b); err != nil {
		s += " error: " + err.Error()
	}
	return s
}

// resting is how many connections rest.
func resting(cl *Client) int {
	n := 0
	for i := range cl.pool {
		cl.pool[i].mu.Lock()
		n += len(cl.pool[i].conns)
		cl.pool[i].mu.Unlock()
	}
	return n
}

// over makes a client's connections TLS.
func over(cl *Client, c *tls.Config) {
	dial := cl.Dial
	cl.Dial = func(ctx context.Context, secure bool) (net.Conn, error) {
		nc, err := dial(ctx, secure)
		if err != nil {
			return nil, err
		}
		tc := tls.Client(nc, c)
		return tc, tc.HandshakeContext(ctx)
	}
}
