// SPDX-License-Identifier: Apache-2.0

// Package origin reaches origins over the network: it turns a model.Origin
// into a transport.
//
// The flow: (1) New resolves scheme, port and TLS of the origin; (2) RoundTrip
// gives the request its address (`match-viewer` follows the scheme that the
// request carries); (3) a connection is dialled within Connect, up to Attempts
// times; (4) the answer's head and every read of its body must come within
// ReadTimeout, the whole within Completion.
//
// What it does not do: it adds and drops no header (package edge did), follows
// no redirect, decodes nothing and caches nothing. Names of this stack never
// get here: package server hands those to the gateway or the bucket.
//
// Concurrency: a Transport may be used by many at once.
package origin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// Options are what all origins share. The zero value is usable.
type Options struct {
	Roots *x509.CertPool // nil: the system's
	// Dial replaces the network, for tests. Nil: TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// IdlePerHost is how many idle connections an origin keeps. 0: 64.
	IdlePerHost int
}

// Transport speaks to one origin.
type Transport struct {
	o    *model.Origin
	base *http.Transport
}

// New makes the transport of an origin. Defaults of AWS apply where o holds
// zero: connect 10 s, 3 attempts, read 30 s, keep-alive 5 s, ports 80 and 443
// (AWS: API_CustomOriginConfig, API_Origin).
func New(o *model.Origin, opt Options) *Transport {
	dial := opt.Dial
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	}
	d := &dialer{
		dial: dial, connect: or(o.Connect, 10*time.Second), attempts: or(o.Attempts, 3), read: or(o.ReadTimeout, 30*time.Second),
	}
	return &Transport{o: o, base: &http.Transport{
		DialContext:         d.DialContext,
		TLSClientConfig:     tlsConfig(o, opt.Roots),
		TLSHandshakeTimeout: or(o.Connect, 10*time.Second),
		DisableCompression:  true, // the edge decides what is accepted
		ForceAttemptHTTP2:   false,
		MaxIdleConnsPerHost: or(opt.IdlePerHost, 64),
		IdleConnTimeout:     or(o.KeepAlive, 5*time.Second),
		// The answer's head is bounded as the viewer's is (AWS: 20,480 B).
		MaxResponseHeaderBytes: 20480 + 4096,
		ResponseHeaderTimeout:  or(o.ReadTimeout, 30*time.Second),
		ExpectContinueTimeout:  time.Second,
	}}
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// tlsConfig checks the certificate against the origin's own name; the oldest
// version that the template allows is the least that is spoken.
func tlsConfig(o *model.Origin, roots *x509.CertPool) *tls.Config {
	c := &tls.Config{RootCAs: roots, ServerName: o.DomainName, MinVersion: tls.VersionTLS12}
	for _, v := range o.TLSVersions {
		switch v {
		case "SSLv3", "TLSv1": // Go speaks no SSLv3
			c.MinVersion = tls.VersionTLS10
		case "TLSv1.1":
			c.MinVersion = min(c.MinVersion, tls.VersionTLS11)
		}
	}
	return c
}

// RoundTrip sends rq to the origin. Only scheme and authority of rq.URL are
// changed; rq.Host stays what the edge decided.
func (t *Transport) RoundTrip(rq *http.Request) (*http.Response, error) {
	out := *rq
	u := *rq.URL
	out.URL = &u
	u.Scheme = t.scheme(u.Scheme)
	port := or(t.o.HTTPPort, 80)
	if u.Scheme == "https" {
		port = or(t.o.HTTPSPort, 443)
	}
	u.Host = net.JoinHostPort(t.o.DomainName, strconv.Itoa(port))
	if t.o.Completion <= 0 {
		return t.base.RoundTrip(&out)
	}
	ctx, cancel := context.WithTimeoutCause(rq.Context(), t.o.Completion, ErrCompletion)
	rs, err := t.base.RoundTrip(out.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	rs.Body = &cancelBody{rs.Body, cancel}
	return rs, nil
}

func (t *Transport) scheme(viewer string) string {
	switch t.o.Protocol {
	case model.OriginHTTPSOnly:
		return "https"
	case model.OriginMatchViewer:
		if viewer == "https" {
			return "https"
		}
	}
	return "http"
}

// CloseIdleConnections ends what is kept alive; a replaced snapshot calls it.
func (t *Transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

// ErrCompletion is the cause when the whole answer took longer than the
// origin's response completion timeout.
var ErrCompletion = errors.New("origin: response completion timeout")

// dialer connects with CloudFront's attempts and watches every read.
type dialer struct {
	dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	connect  time.Duration
	attempts int
	read     time.Duration
}

// DialContext tries attempts times, each within connect. A name that does not
// exist is not asked for again.
func (d *dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	var last error
	for try := 1; try <= d.attempts; try++ {
		c, err := d.once(ctx, network, addr)
		if err == nil {
			return &watched{Conn: c, read: d.read}, nil
		}
		last = err
		var dns *net.DNSError
		if ctx.Err() != nil || errors.As(err, &dns) && dns.IsNotFound {
			break
		}
	}
	return nil, fmt.Errorf("origin: connect %s: %w", addr, last)
}

func (d *dialer) once(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.connect)
	defer cancel()
	return d.dial(ctx, network, addr)
}

// watched ends a connection on which nothing came for the read timeout. What
// is written counts as progress too, so that a long upload is not cut.
type watched struct {
	net.Conn
	read time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	if err := w.Conn.SetReadDeadline(time.Now().Add(w.read)); err != nil {
		return 0, err
	}
	return w.Conn.Read(p)
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	if err == nil {
		err = w.Conn.SetReadDeadline(time.Now().Add(w.read))
	}
	return n, err
}

// Client is a transport for integrations that name their target by URL: one
// attempt, no read limit but the caller's own deadline.
func Client(opt Options) *http.Transport {
	dial := opt.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	return &http.Transport{
		DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: opt.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 10 * time.Second, DisableCompression: true,
		MaxIdleConnsPerHost: or(opt.IdlePerHost, 64), IdleConnTimeout: 60 * time.Second,
		MaxResponseHeaderBytes: 20480 + 4096,
	}
}
