// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// viewers are a load that forgives nothing: no client library retries behind
// its back. Each request must be answered with 200 and the body that belongs
// to its path.
type viewers struct {
	t           *testing.T
	http, https string
	roots       *x509.CertPool
	path        func(worker, n int) string
	body        func(path string) string

	stop   chan struct{}
	wg     sync.WaitGroup
	failed atomic.Int64
	counts [4]atomic.Int64

	mu   sync.Mutex
	took []time.Duration // of every request, when timed
	time bool
}

// The kinds of load.
const (
	keptHTTP1 = iota // one connection, until it is told to close
	newHTTP1         // a connection a request
	keptTLS          // HTTP/1.1 over TLS
	http2TLS         // several streams on one connection
)

func (v *viewers) String() string {
	return fmt.Sprintf("%d HTTP/1.1 kept, %d new connections, %d HTTP/1.1 over TLS, %d HTTP/2", v.counts[keptHTTP1].Load(), v.counts[newHTTP1].Load(), v.counts[keptTLS].Load(), v.counts[http2TLS].Load())
}

func (v *viewers) total() (n int64) {
	for i := range v.counts {
		n += v.counts[i].Load()
	}
	return n
}

// fail notes a failed request; the first ones are printed.
func (v *viewers) fail(kind int, path string, err error) {
	if n := v.failed.Add(1); n <= 20 {
		v.t.Errorf("load %d: %s: %v", kind, path, err)
	}
}

func (v *viewers) done() bool {
	select {
	case <-v.stop:
		return true
	default:
		return false
	}
}

// end stops the load and returns when all requests are answered.
func (v *viewers) end() {
	close(v.stop)
	v.wg.Wait()
}

// run starts a worker of a kind.
func (v *viewers) run(kind, worker int) {
	v.wg.Go(func() {
		var c *kept
		defer func() { c.close() }()
		for n := 0; !v.done(); n++ {
			path := v.path(worker, n)
			begin := time.Now()
			if c == nil {
				var err error
				if c, err = v.dial(kind); err != nil {
					v.fail(kind, path, err)
					continue
				}
			}
			last, err := c.get(path, kind == newHTTP1, v.body(path))
			v.counts[kind].Add(1)
			if err != nil {
				v.fail(kind, path, err)
			} else if v.time {
				v.note(time.Since(begin))
			}
			if last || err != nil {
				c.close()
				c = nil
			}
		}
	})
}

func (v *viewers) note(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.took = append(v.took, d)
}

// kept is an HTTP/1.1 connection.
type kept struct {
	net.Conn
	r *bufio.Reader
}

func (v *viewers) dial(kind int) (*kept, error) {
	addr := v.http
	if kind == keptTLS {
		addr = v.https
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if kind == keptTLS {
		c = tls.Client(c, &tls.Config{RootCAs: v.roots, ServerName: "stack.localhost", NextProtos: []string{"http/1.1"}})
	}
	return &kept{c, bufio.NewReader(c)}, nil
}

func (k *kept) close() {
	if k != nil {
		_ = k.Close()
	}
}

// get sends one request; last tells that the connection ends with its answer.
func (k *kept) get(path string, last bool, want string) (bool, error) {
	_ = k.SetDeadline(time.Now().Add(time.Minute))
	end := ""
	if last {
		end = "Connection: close\r\n"
	}
	if _, err := fmt.Fprintf(k, "GET %s HTTP/1.1\r\nHost: stack.localhost\r\n%s\r\n", path, end); err != nil {
		return true, err
	}
	rs, err := http.ReadResponse(k.r, nil)
	if err != nil {
		return true, err
	}
	return last || rs.Close, judge(rs, want)
}

// judge reads an answer and compares it.
func judge(rs *http.Response, want string) error {
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	switch {
	case err != nil:
		return err
	case rs.StatusCode != 200:
		return fmt.Errorf("status %d: %.200s", rs.StatusCode, b)
	case string(b) != want:
		return fmt.Errorf("a wrong body of %d bytes: %.200s", len(b), b)
	}
	return nil
}

// runH2 starts workers that share one HTTP/2 connection after the other: when
// it is told to go away the next request goes to a new one, and those under
// way must still be answered on the old one.
func (v *viewers) runH2(workers int) {
	var mu sync.Mutex
	var all []*http.ClientConn
	reserve := func() (*http.ClientConn, error) {
		mu.Lock()
		defer mu.Unlock()
		if n := len(all); n > 0 && all[n-1].Reserve() == nil {
			return all[n-1], nil
		}
		next, err := v.dialH2()
		if err != nil {
			return nil, err
		}
		all = append(all, next)
		return next, next.Reserve()
	}
	for w := range workers {
		v.wg.Go(func() {
			for n := 0; !v.done(); n++ {
				path := v.path(1000+w, n)
				begin := time.Now()
				err := v.once(reserve, path)
				v.counts[http2TLS].Add(1)
				if err != nil {
					v.fail(http2TLS, path, err)
				} else if v.time {
					v.note(time.Since(begin))
				}
			}
		})
	}
	go func() {
		v.wg.Wait()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range all {
			_ = c.Close()
		}
	}()
}

// once is one request on a connection that reserve gives. A connection that
// closed between the two has not seen it.
func (v *viewers) once(reserve func() (*http.ClientConn, error), path string) error {
	for {
		c, err := reserve()
		if err != nil {
			return err
		}
		rq, err := http.NewRequest("GET", "https://stack.localhost"+path, nil)
		if err != nil {
			return err
		}
		rs, err := c.RoundTrip(rq)
		if err != nil && strings.Contains(err.Error(), "client conn not usable") {
			continue
		}
		if err != nil {
			return err
		}
		if rs.ProtoMajor != 2 {
			return errors.New("spoken was " + rs.Proto)
		}
		return judge(rs, v.body(path))
	}
}

func (v *viewers) dialH2() (*http.ClientConn, error) {
	tr := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: v.roots, ServerName: "stack.localhost"}}
	return tr.NewClientConn(context.Background(), "https", v.https)
}

// load starts a load on the listeners of p.
func (p *proc) load(path func(worker, n int) string, body func(string) string) *viewers {
	p.t.Helper()
	file, err := p.shell("forelane trust --print")
	if err != nil {
		p.t.Fatal(err, file)
	}
	pem, err := os.ReadFile(strings.TrimSpace(file))
	if err != nil {
		p.t.Fatal(err)
	}
	v := &viewers{t: p.t, http: p.ready.HTTP, https: p.ready.HTTPS, roots: x509.NewCertPool(), path: path, body: body, stop: make(chan struct{})}
	if !v.roots.AppendCertsFromPEM(pem) {
		p.t.Fatal("no authority")
	}
	return v
}
