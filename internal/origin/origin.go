// SPDX-License-Identifier: Apache-2.0

// Package origin reaches origins over the network: it turns a model.Origin
// into a transport.
//
// The flow: (1) New resolves scheme, port and TLS of the origin; (2) Ask, or
// RoundTrip for those who speak net/http, chooses the scheme (`match-viewer`
// follows the one that the request carries), and signs for an access control;
// (3) room h1 takes a connection that rests or has one dialled within Connect,
// up to Attempts times; (4) the answer's head and every read of its body must
// come within ReadTimeout, the whole within Completion.
//
// A call that streams both ways goes by Stream, which speaks HTTP/2 (room h2).
//
// An origin that is reached by several ways, such as the agents of a tunnel, is
// asked by a Relay (relay.go).
//
// What it does not do: it adds and drops no header but a signature's (package
// edge did), follows no redirect, decodes nothing and caches nothing. Names of this stack never
// get here: package server hands those to the gateway or the bucket.
//
// Concurrency: a Transport may be used by many at once.
package origin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/origin/h1"
	"github.com/forelane/forelane/internal/origin/h2"
)

// Options are what all origins share. The zero value is usable.
type Options struct {
	Roots *x509.CertPool // nil: the system's
	// Dial replaces the network, for tests. Nil: TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// IdlePerHost is how many idle connections an origin keeps. 0: 64.
	IdlePerHost int
	// Sign signs for origins with an access control. Nil: nothing is signed.
	Sign *Signer
	// ClientCert gives the certificate of an ARN, to be shown to origins that
	// ask for one (origin mTLS, row O9); it is asked at each handshake. Nil, or
	// nil from it: none is shown.
	ClientCert func(arn string) (*tls.Certificate, error)
}

// Fault is an answer that is not HTTP as it is taken here.
type Fault = h1.Fault

// FaultHead is why an answer whose head is too large is one.
const FaultHead = h1.FaultHead

// ErrCompletion is the cause when the whole answer took longer than the
// origin's response completion timeout.
var ErrCompletion = h1.ErrCompletion

// Transport speaks to one origin.
type Transport struct {
	o      *model.Origin
	client *h1.Client
	calls  *h2.Client // of Stream
	sign   *signature // nil: unsigned
}

// New makes the transport of an origin. Defaults of AWS apply where o holds
// zero: connect 10 s, 3 attempts, read 30 s, keep-alive 5 s, ports 80 and 443
// (AWS: API_CustomOriginConfig, API_Origin).
func New(o *model.Origin, opt Options) *Transport {
	d := newDialer(o, opt)
	return &Transport{o: o, sign: signing(o, opt.Sign), calls: streams(o, d), client: &h1.Client{
		Dial: d.dialOrigin,
		Read: or(o.ReadTimeout, 30*time.Second), Completion: o.Completion,
		Idle: or(opt.IdlePerHost, 64), KeepAlive: or(o.KeepAlive, 5*time.Second),
	}}
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// Ask sends rq to the origin and reads the head of the answer into rs, on the
// caller's goroutine: see h1.Client.Do. rq.Scheme becomes the one by which the
// origin is asked; its Host stays what the edge decided.
func (t *Transport) Ask(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response, interim func(*httpmsg.Response)) error {
	rq.Scheme = t.scheme(rq.Scheme)
	if t.sign != nil {
		if err := t.sign.sign(rq); err != nil {
			if rq.Body != nil {
				_ = rq.Body.Close()
			}
			return err
		}
	}
	return t.client.Do(ctx, rq, rs, interim)
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
func (t *Transport) CloseIdleConnections() {
	t.client.CloseIdle()
	t.calls.CloseIdle()
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

func port(n, fallback int) string { return strconv.Itoa(or(n, fallback)) }
