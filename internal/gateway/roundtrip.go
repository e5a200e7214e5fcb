// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"net/http"
	"net/textproto"
	"runtime/debug"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/authorizer"
	"github.com/forelane/forelane/internal/integration"
	"github.com/forelane/forelane/internal/pattern"
	"github.com/forelane/forelane/internal/principal"
	"github.com/forelane/forelane/internal/trace"
)

// exchange is one request and its answer, owned by one goroutine.
type exchange struct {
	req     *http.Request
	call    integration.Call
	api     *api
	stage   *stage
	route   *route
	cors    *cors
	run     integration.Runner
	chance  func() float64 // for canaries
	door    *door          // by which the request came; nil: from anywhere, or by one that is not known
	url     *functionURL   // that was asked; nil: an API was
	mapping *mapping       // of a custom domain; nil: the default endpoint was asked

	signers Signers           // nil: nobody is known
	signer  *principal.Signer // who signed the request; nil: nobody who was asked for it

	subscriber *subscriber       // nil: the route requires no API key
	grant      *authorizer.Grant // of the route's authorizer; nil: it has none
	// usageKey is the API key that an authorizer returned (usageIdentifierKey).
	usageKey string

	params  [4]pattern.Param // room for the call's Params
	answer  *integration.Answer
	refused refusal
	own     *integration.Answer // of a refusal: what a rule of the web ACL answers
	invalid string              // what is wrong with the request, when it was validated
	final   bool                // the answer is a preflight's: no fields are added to it

	cached  CacheUse // of the stage's cache
	ignored bool     // Cache-Control of the request, which the answer says

	phases          phases
	integrationTime time.Duration
	asked           bool // the integration
	backendStatus   int  // what the integration answered

	span *trace.Span // nil: the request is not sampled
}

// step goes on (true) or ends the exchange (false), having set answer or refused.
type step func(*exchange) bool

// apiSteps is everything that happens to a request of an API, in order. Rows
// that are not built stand where they will be.
func apiSteps() [14]step {
	return [...]step{
		(*exchange).limits,
		(*exchange).enclosed,
		(*exchange).findStage,
		(*exchange).proven,
		(*exchange).screen,
		(*exchange).findRoute,
		(*exchange).answerPreflight,
		(*exchange).authorize,
		(*exchange).identifyKey,
		(*exchange).throttle,
		(*exchange).inflate,
		(*exchange).validate,
		(*exchange).recall,
		(*exchange).integrate,
	}
}

// RoundTrip answers a request. The API is chosen by the request's host. The
// error is nil unless the viewer left.
func (g *Gateway) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Now()
	x := open(r, start)
	x.signers = g.signers
	x.chance, x.door = g.chance, g.doors[x.call.Caller.Endpoint]
	if g.choose(x); x.api == nil {
		x.call.API = &integration.API{}
	} else {
		x.call.API = &x.api.facts
		x.cors = x.api.cors
		steps := apiSteps()
		x.walk(steps[:])
	}
	return x.finish(start, g.log)
}

func noHost(what, host string) error {
	return fmt.Errorf("no %s has the host %q; a distribution in front must not forward the viewer's Host header "+
		"(the managed policy AllViewerExceptHostHeader does not)", what, host)
}

// walk takes the steps. A panic is a mistake of ours; the viewer gets a 500.
func (x *exchange) walk(steps []step) {
	x.identify()
	defer func() {
		if p := recover(); p != nil {
			x.answer = nil
			x.refuse(ReasonInternal, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	for _, s := range steps {
		if !s(x) {
			return
		}
	}
}

// open makes the exchange.
func open(r *http.Request, now time.Time) *exchange {
	x := &exchange{req: r}
	host := r.Host
	if host == "" && r.URL != nil {
		host = r.URL.Host
	}
	path := r.URL.EscapedPath()
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	x.call = integration.Call{
		Method: r.Method, Host: host, Domain: hostName(host),
		Path: path, RoutePath: path, Query: r.URL.RawQuery,
		Header: canonical(r.Header), Body: r.Body, Length: r.ContentLength,
		Caller: callerOf(r), Time: now,
		Stage: &integration.Stage{}, Route: &integration.Route{},
	}
	if x.call.Method == "" {
		x.call.Method = http.MethodGet
	}
	switch {
	case r.Body == nil || r.Body == http.NoBody:
		x.call.Body, x.call.Length = nil, 0
	case r.ContentLength == 0:
		x.call.Length = -1 // to a RoundTripper, 0 with a body says that it is not known
	}
	return x
}

// canonical is the header with canonical names: the request's own when it has
// them already.
func canonical(h http.Header) http.Header {
	for name := range h {
		if textproto.CanonicalMIMEHeaderKey(name) != name {
			c := make(http.Header, len(h))
			for n, values := range h {
				n = textproto.CanonicalMIMEHeaderKey(n)
				c[n] = append(c[n], values...)
			}
			return c
		}
	}
	return h
}

// identify gives the request its ids.
func (x *exchange) identify() {
	c := &x.call
	switch c.API.Style {
	case integration.HTTPAPI:
		c.RequestID = shortID()
		c.ExtendedID = c.RequestID
	case integration.RESTAPI:
		c.RequestID, c.ExtendedID = uuid(), shortID()
	case integration.FunctionURL:
		c.RequestID = uuid()
		c.ExtendedID = c.RequestID
	}
	if c.TraceID = c.Header.Get("X-Amzn-Trace-Id"); !strings.Contains(c.TraceID, "Root=") {
		c.TraceID = traceID(c.Time)
	}
	x.beginTrace()
}

// maxHeaders is the limit on header values; HTTP APIs count the request line too.
const maxHeaders = 10240

// limits refuses what is too large (row A27).
func (x *exchange) limits() bool {
	size := 0
	for _, values := range x.call.Header {
		for _, v := range values {
			size += len(v)
		}
	}
	limit := int64(integration.MaxPayload)
	switch x.call.API.Style {
	case integration.HTTPAPI:
		size += len(x.call.Method) + len(x.call.Path) + len(x.call.Query)
	case integration.FunctionURL:
		limit = integration.MaxURLPayload
	case integration.RESTAPI:
	}
	if size > maxHeaders {
		return x.refuse(ReasonHeadersTooLarge, fmt.Errorf("%d bytes of header values, the limit is %d", size, maxHeaders))
	}
	if x.call.Length > limit {
		return x.refuse(ReasonBodyTooLarge, fmt.Errorf("%d bytes, the limit is %d", x.call.Length, limit))
	}
	return true
}

// findStage takes the stage from the path's first segment; an HTTP API goes on
// with $default when there is no such stage (rows A1, A2). A mapping of a custom
// domain names the stage itself, mostly (row A22).
func (x *exchange) findStage() bool {
	path := x.call.Path
	if x.mapping != nil {
		path = x.mapping.mapped(path)
		x.call.RoutePath = path
		if x.mapping.stage != "" {
			return x.enter(x.mapping.stage, x.api.stages[x.mapping.stage])
		}
	} else if x.api.disabled {
		return x.refuse(ReasonDisabled, nil)
	}
	name, rest, _ := strings.Cut(path[1:], "/")
	st := x.api.stages[name]
	if st != nil && name != "$default" {
		x.call.RoutePath = "/" + rest
	} else if x.api.facts.Style == integration.HTTPAPI {
		st = x.api.stages["$default"]
	} else {
		st = nil
	}
	return x.enter(name, st)
}

// enter takes a stage, or its canary.
func (x *exchange) enter(name string, st *stage) bool {
	if st == nil {
		return x.refuse(ReasonNoStage, fmt.Errorf("no stage %q", name))
	}
	x.stage = st.release(x.chance)
	x.call.Stage = &x.stage.facts
	return true
}

// findRoute takes the route. That there is none is only said after the
// preflight's turn.
func (x *exchange) findRoute() bool {
	i, params := x.stage.table.Match(x.call.Method, x.call.RoutePath, x.params[:0])
	if i >= 0 {
		x.route = x.stage.routes[i]
		x.call.Route, x.call.Params = &x.route.facts, params
		x.run = x.route.run
		return true
	}
	if x.cors != nil && isPreflight(x.req) {
		return true
	}
	return x.refuse(ReasonNoRoute, nil)
}

// answerPreflight answers for an HTTP API with a CORS configuration, whether
// or not there is a route; but a route that wants an authorization has its say
// first ("Configuring CORS for an HTTP API with a $default route and JWT
// authorizer").
func (x *exchange) answerPreflight() bool {
	if x.cors == nil || !isPreflight(x.req) || x.route != nil && x.route.authorization != "NONE" {
		return true
	}
	x.answer = &integration.Answer{Status: http.StatusNoContent, Header: http.Header{}}
	x.cors.preflight(x.req.Header.Get("Origin"), x.answer.Header.Set)
	x.final = true
	return false
}

// integrate asks the integration.
func (x *exchange) integrate() bool {
	start := time.Now()
	x.asked = x.call.Kept == nil
	span, ctx := x.part("integration", trace.Client)
	x.propagate(span)
	a, err := x.run.Run(ctx, &x.call)
	if x.asked {
		x.integrationTime = time.Since(start)
	}
	span.Text("forelane.integration", x.route.kind)
	defer span.End()
	if err != nil {
		span.Fail(err.Error())
		return x.refuseFault(err)
	}
	x.answer, x.backendStatus = a, a.Status
	return true
}
