// SPDX-License-Identifier: Apache-2.0

// Package otlp sends spans to a collector by OTLP over HTTP, in Protocol
// Buffers (OpenTelemetry Protocol Specification, "OTLP/HTTP").
//
// The flow: (1) Export encodes a batch (encode.go); (2) posts it; (3) tries
// again, with growing pauses, when the answer says that it may: 429, 502, 503,
// 504, or none at all.
//
// What it does not do: it queues nothing, compresses nothing, and does not read
// what part of a batch the collector refused.
//
// Concurrency: one Export at a time.
package otlp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/trace"
)

// Options of an Exporter.
type Options struct {
	// Endpoint is the collector's URL; /v1/traces is added to one without a
	// path, as OTEL_EXPORTER_OTLP_ENDPOINT has it. Required.
	Endpoint string
	// Headers go with each request, such as an API key.
	Headers map[string]string
	// Resource are the attributes of this node.
	Resource []trace.Attr
	// Scope and Version name what makes the spans.
	Scope, Version string
	// Client sends. Nil: one of its own, that waits ten seconds for an answer.
	Client *http.Client
}

// tries is how often a batch is sent.
const tries = 4

// firstPause is the pause after the first try; each next one is twice as long.
const firstPause = 500 * time.Millisecond

// Exporter sends batches.
type Exporter struct {
	o   Options
	url string
}

// New checks the endpoint.
func New(o Options) (*Exporter, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no http or https URL of a collector", o.Endpoint)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 5 * time.Second,
		}}
	}
	return &Exporter{o, u.String()}, nil
}

// Close closes idle connections.
func (e *Exporter) Close() { e.o.Client.CloseIdleConnections() }

// Export sends one batch, in several tries if need be.
func (e *Exporter) Export(ctx context.Context, batch []trace.Data) error {
	body := appendRequest(nil, &e.o, batch)
	pause := firstPause
	for try := 1; ; try++ {
		after, again, err := e.post(ctx, body)
		if err == nil || !again || try == tries {
			return err
		}
		wait := time.NewTimer(max(pause, after))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return err
		}
		pause *= 2
	}
}

// post sends a batch once; again says that another try may help, after that the
// collector asks for a pause.
func (e *Exporter) post(ctx context.Context, body []byte) (after time.Duration, again bool, err error) {
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return 0, false, err
	}
	rq.Header.Set("Content-Type", "application/x-protobuf")
	rq.Header.Set("User-Agent", strings.TrimSuffix(e.o.Scope+"/"+e.o.Version, "/"))
	for name, value := range e.o.Headers {
		rq.Header.Set(name, value)
	}
	rs, err := e.o.Client.Do(rq)
	if err != nil {
		return 0, ctx.Err() == nil, err
	}
	text, _ := io.ReadAll(io.LimitReader(rs.Body, 4096)) // an answer without words is one too
	_ = rs.Body.Close()
	if rs.StatusCode/100 == 2 {
		return 0, false, nil
	}
	if s, err := strconv.Atoi(rs.Header.Get("Retry-After")); err == nil && s > 0 {
		after = time.Duration(s) * time.Second
	}
	switch rs.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	return after, again, fmt.Errorf("%s: %s %.200q", e.url, rs.Status, text)
}
