// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/trace"
	"github.com/forelane/forelane/internal/trace/otlp"
)

// TraceOptions say which requests are traced, and where to.
type TraceOptions struct {
	// Endpoint is the URL of an OTLP/HTTP collector. Empty: nothing is traced.
	Endpoint string
	// Headers go with each request to it; they may hold secrets.
	Headers map[string]string
	// Ratio of requests without a decision of their viewer, 0 to 1.
	Ratio float64
	// Ignore what viewers say of traces.
	Ignore bool
}

// openTracer makes the tracer, where there is an endpoint.
func (s *Server) openTracer() error {
	o := s.o.Trace
	s.showTraces()
	if o.Endpoint == "" {
		return nil
	}
	host, _ := os.Hostname() // a node without a name is one too
	b := s.build()
	e, err := otlp.New(otlp.Options{
		Endpoint: o.Endpoint, Headers: o.Headers, Scope: "forelane", Version: b.Version,
		Resource: []trace.Attr{
			{Key: "service.name", Text: "forelane"},
			{Key: "service.version", Text: b.Version},
			{Key: "host.name", Text: host},
			{Key: "service.instance.id", Text: fmt.Sprintf("%s-%d", host, os.Getpid())},
			{Key: "process.runtime.version", Text: b.Go},
		},
	})
	if err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	warn := func(err error) {
		if err != nil {
			s.log.Warn("traces are lost: the collector does not take them", "error", err)
		} else {
			s.log.Info("the collector takes traces again")
		}
	}
	s.exporter = e
	s.tracer = trace.New(trace.Options{Ratio: o.Ratio, Ignore: o.Ignore, Export: e.Export, Warn: warn})
	return nil
}

// showTraces counts spans by what became of them.
func (s *Server) showTraces() {
	of := func(result string, read func(trace.Stats) int64) {
		s.meter.CounterFunc("forelane_trace_spans_total", "Spans by what became of them: exported, dropped for there was no room, failed for the collector did not take them.",
			func() float64 { return float64(read(s.tracer.Stats())) }, label("result", result))
	}
	of("exported", func(t trace.Stats) int64 { return t.Exported })
	of("dropped", func(t trace.Stats) int64 { return t.Dropped })
	of("failed", func(t trace.Stats) int64 { return t.Failed })
}

// traceDrain is how long the last spans may take to get away.
const traceDrain = 2 * time.Second

// closeTracer exports what waits. Spans that are lost fail nothing.
func (s *Server) closeTracer(ctx context.Context) error {
	if s.tracer == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, traceDrain)
	defer cancel()
	err := s.tracer.Close(ctx)
	s.exporter.Close()
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		s.log.Warn("the last traces did not get to the collector")
		return nil
	}
	return err
}

// rootSpan is that of a request which a plane answers without an edge.
func rootSpan(t *trace.Tracer, rq *httpmsg.Request) *trace.Span {
	h := &rq.Header
	s := t.Root(rq.Method, trace.Headers{
		Traceparent: h.Get("Traceparent"), Tracestate: h.Get("Tracestate"), XRay: h.Get("X-Amzn-Trace-Id"),
	}, time.Now())
	s.Text("http.request.method", rq.Method)
	s.Text("url.scheme", rq.Scheme)
	s.Text("url.path", rq.Path)
	s.Text("server.address", rq.Host)
	if a := rq.Viewer.Addr.Addr(); a.IsValid() {
		s.Text("client.address", a.Unmap().String())
	}
	return s
}
