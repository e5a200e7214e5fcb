// SPDX-License-Identifier: Apache-2.0

// Package control is the admin side of a node: what runs, calling a function,
// its logs, invalidations.
//
// The flow: (1) New makes the handler of the admin listener; (2) guard refuses
// what a web page could have sent; (3) the route answers in JSON. Function
// calls also answer at the Lambda API's own path, so that
// `aws lambda invoke --endpoint-url` works; so does `aws apigateway
// flush-stage-cache`.
//
//	GET  /healthz                                     200 as long as the process answers
//	GET  /readyz                                      200 when the node should get requests, else 503, and why
//	GET  /v1/build                                    version, Go, platform
//	GET  /debug/pprof/                                profiles, for go tool pprof
//	GET  /v1/status                                   what runs (the ready event's form)
//	GET  /v1/health-checks                            states of Route 53 health checks
//	GET  /v1/latency                                  measured times to viewers' networks: PREFIX REGION MS
//	GET  /metrics                                     counters, in Prometheus's text format
//	POST /v1/explain {"url": "http://…"}              why a request is answered as it is (package explain)
//	GET  /v1/explain?url=…&header=…&fetch=1           the same
//	GET  /v1/explain?id=…                             what happened to a request of a while ago, and what would now
//	POST /v1/flushes {"api": "Api", "stage": "prod"}  drop what a stage's cache keeps
//	POST /v1/invalidations {"paths": ["/a*"]}         drop cached objects; "dryRun": only tell which
//	POST /v1/promote {"distribution": "…"}            give a distribution its staging configuration
//	*    /2020-05-31/…                                a part of CloudFront's API (room cloudfront)
//	POST /v1/edge-functions/{name}/test               run a CloudFront function on an event, as TestFunction does
//	GET  /v1/logs?function=NAME&follow=1              log lines, one JSON object a line
//	POST /2015-03-31/functions/{name}/invocations     the Lambda API's Invoke
//	DELETE /restapis/{api}/stages/{stage}/cache/data  the API Gateway API's FlushStageCache
//
// The calls about agents are listed at Tunnel.
//
// What it does not do: it has no accounts. It listens on loopback unless told
// otherwise, and whoever reaches it may do everything.
//
// Concurrency: the handler may be called by many at once.
package control

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/control/cloudfront"
	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/invalidation"
	"github.com/forelane/forelane/internal/model"
)

// Node is what the admin side controls.
type Node interface {
	// Status is a value that encodes to JSON.
	Status() any
	// Health tells whether the node should get requests, and a value that
	// encodes to JSON.
	Health() (ready bool, report any)
	// Build is a value that encodes to JSON.
	Build() any
	// AppendMetrics appends series in Prometheus's text format.
	AppendMetrics(b []byte) []byte
	Invoke(ctx context.Context, in *model.Invocation) (*model.InvocationResult, error)
	// Explain says why a request would be answered as it would be.
	Explain(ctx context.Context, in *explain.Request) (*explain.Explanation, error)
	// FlushCache drops what the cache of a stage keeps; the API is named by its
	// id or logical id. False: there is no such cache.
	FlushCache(api, stage string) bool
	// Invalidate drops cached objects; the distribution is an id, a logical id,
	// or empty for all, each of which then has an invalidation of its own.
	Invalidate(ctx context.Context, rq invalidation.Request) ([]invalidation.Invalidation, error)
	// Reach tells what that would drop.
	Reach(ctx context.Context, distribution string, paths []string) ([]Reach, error)
	cloudfront.Node
	// Demote ends the promotion of a distribution (an id).
	Demote(ctx context.Context, primary string) error
	// Logs gives the kept lines of a function (empty: of all) and then, until
	// ctx ends, the new ones.
	Logs(ctx context.Context, function string, follow bool, emit func(line any) error) error
}

// Reach is what an invalidation would drop of a distribution. Most of what is in
// memory is on disk too.
type Reach struct {
	Distribution string `json:"distribution"`
	Memory       Extent `json:"memory"`
	Disk         Extent `json:"disk"`
}

// Extent is how much that is of a tier: targets, their variants, and bytes.
type Extent struct {
	Entries  int   `json:"entries"`
	Variants int   `json:"variants"`
	Bytes    int64 `json:"bytes"`
}

// Names is an optional second face of a Node that answers for DNS zones.
type Names interface {
	// Latencies are the measured times to viewers' networks, as text.
	Latencies() []byte
	// HealthChecks is a value that encodes to JSON.
	HealthChecks() any
}

// maxBody bounds what is read of a request: Lambda's own 6 MB and a little.
const maxBody = 6<<20 + 4096

// Options of the admin side. The zero value is one for loopback.
type Options struct {
	// Token is what callers must send as Authorization: Bearer. Empty: none, and
	// then only localhost and addresses are answered to.
	Token string
	// Routes are more handlers, by the pattern of http.ServeMux. They bound what
	// they read of a body themselves.
	Routes map[string]http.Handler
}

// New makes the admin handler.
func New(n Node, o Options) http.Handler {
	c := &control{n}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, map[string]string{"status": "ok"}) })
	mux.HandleFunc("GET /readyz", c.readyz)
	mux.HandleFunc("GET /v1/build", func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, n.Build()) })
	profiles(mux)
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, n.Status()) })
	mux.HandleFunc("GET /metrics", c.metrics)
	if names, ok := n.(Names); ok {
		mux.HandleFunc("GET /v1/health-checks", func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, names.HealthChecks()) })
		mux.HandleFunc("GET /v1/latency", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = w.Write(names.Latencies()) // the caller is gone if this fails
		})
	}
	mux.HandleFunc("POST /v1/invalidations", c.invalidate)
	mux.HandleFunc("POST /v1/explain", c.explain)
	mux.HandleFunc("GET /v1/explain", c.explain)
	mux.HandleFunc("POST /v1/flushes", c.flush)
	mux.HandleFunc("DELETE /restapis/{api}/stages/{stage}/cache/data", c.flushStage)
	mux.HandleFunc("POST /v1/promote", c.promote)
	mux.Handle(cloudfront.Prefix, cloudfront.New(n))
	mux.HandleFunc("POST /v1/edge-functions/{name}/test", c.testFunction)
	mux.HandleFunc("GET /v1/logs", c.logs)
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", c.invoke)
	if t, ok := n.(Tunnel); ok {
		c.tunnel(mux, t)
	}
	all := http.NewServeMux()
	all.Handle("/", bounded(mux))
	for pattern, h := range o.Routes {
		all.Handle(pattern, h)
	}
	if o.Token != "" {
		return authorized(o.Token, all)
	}
	return guard(all)
}

type control struct{ node Node }

// guard refuses requests that a page in a browser may have made: a Host that
// is a name (DNS rebinding), and anything with an Origin (cross-site posts).
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		_, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err != nil && host != "localhost" || r.Header.Get("Origin") != "" {
			fail(w, http.StatusForbidden, "the admin side answers to localhost and to addresses only, and to no web page")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bounded bounds what is read of a request.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller is gone if this fails
}

func fail(w http.ResponseWriter, status int, msg string) {
	reply(w, status, map[string]string{"message": msg})
}

const noCache = "there is no stage of this name with a cache"

func (c *control) flush(w http.ResponseWriter, r *http.Request) {
	var in struct{ API, Stage string }
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || in.API == "" || in.Stage == "" {
		fail(w, http.StatusBadRequest, `send {"api": "id or logical id", "stage": "prod"}`)
		return
	}
	if !c.node.FlushCache(in.API, in.Stage) {
		fail(w, http.StatusNotFound, noCache)
		return
	}
	reply(w, http.StatusOK, map[string]string{"status": "Completed", "api": in.API, "stage": in.Stage})
}

// flushStage is API Gateway's FlushStageCache.
func (c *control) flushStage(w http.ResponseWriter, r *http.Request) {
	if !c.node.FlushCache(r.PathValue("api"), r.PathValue("stage")) {
		w.Header().Set("X-Amzn-Errortype", "NotFoundException")
		fail(w, http.StatusNotFound, noCache)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (c *control) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(c.node.AppendMetrics(nil)) // the caller is gone if this fails
}

func (c *control) logs(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	rc := http.NewResponseController(w)
	enc := json.NewEncoder(w)
	follow := r.URL.Query().Get("follow") == "1"
	err := c.node.Logs(r.Context(), r.URL.Query().Get("function"), follow, func(line any) error {
		if err := enc.Encode(line); err != nil {
			return err
		}
		if follow {
			return rc.Flush()
		}
		return nil
	})
	if err != nil && r.Context().Err() == nil {
		fail(w, http.StatusNotFound, err.Error())
	}
}

// invoke is Lambda's Invoke (AWS Lambda API Reference, "Invoke").
func (c *control) invoke(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(r.Body)
	if err != nil {
		lambdaFault(w, &model.InvokeError{Fault: model.FaultTooLarge, Msg: "the payload is larger than 6 MB"})
		return
	}
	name := r.PathValue("name")
	if q := r.URL.Query().Get("Qualifier"); q != "" {
		name += ":" + q
	}
	in := &model.Invocation{
		Function: name, Payload: payload, LogTail: r.Header.Get("X-Amz-Log-Type") == "Tail",
		Async: r.Header.Get("X-Amz-Invocation-Type") == "Event", TraceID: r.Header.Get("X-Amzn-Trace-Id"),
	}
	if r.Header.Get("X-Amz-Invocation-Type") == "DryRun" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	out, err := c.node.Invoke(r.Context(), in)
	if err != nil {
		lambdaFault(w, err)
		return
	}
	h := w.Header()
	h.Set("X-Amzn-Requestid", out.RequestID)
	if out.Version != "" {
		h.Set("X-Amz-Executed-Version", out.Version)
	}
	if out.Error != "" {
		h.Set("X-Amz-Function-Error", out.Error)
	}
	if in.LogTail {
		h.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(out.LogTail))
	}
	if in.Async {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(out.Payload)))
	_, _ = w.Write(out.Payload)
}

func lambdaFault(w http.ResponseWriter, err error) {
	status, kind := http.StatusInternalServerError, "ServiceException"
	var fault *model.InvokeError
	if errors.As(err, &fault) {
		kind = fault.Fault.String()
		switch fault.Fault {
		case model.FaultNotFound:
			status = http.StatusNotFound
		case model.FaultThrottled:
			status = http.StatusTooManyRequests
		case model.FaultTooLarge:
			status = http.StatusRequestEntityTooLarge
		case model.FaultBroken:
			status = http.StatusBadGateway
		}
	}
	w.Header().Set("X-Amzn-Errortype", kind)
	reply(w, status, map[string]string{"Type": "User", "Message": err.Error()})
}
