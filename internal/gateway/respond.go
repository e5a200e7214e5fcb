// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/integration"
)

// finish makes the response and the record, and leaves nothing open.
func (x *exchange) finish(start time.Time, log func(*Record)) (*http.Response, error) {
	if x.refused.reason != ReasonNone && x.call.Body != nil {
		_ = x.call.Body.Close() // the answer is already decided
	}
	gone := x.refused.reason == ReasonViewerGone
	if x.refused.reason != ReasonNone && !gone {
		x.answer = x.explain()
	}
	if x.refused.reason == ReasonNone && !x.final {
		x.compress(x.answer)
	}
	x.finishTrace()
	var r *Record
	if log != nil {
		r = x.record(start, gone)
	}
	if gone {
		if r != nil {
			x.logged(r, nil, start, log)
		}
		if err := context.Cause(x.req.Context()); err != nil {
			return nil, err
		}
		return nil, x.refused.detail
	}
	resp := x.response()
	if r != nil {
		x.logged(r, resp, start, log)
	}
	return resp, nil
}

func (x *exchange) record(start time.Time, gone bool) *Record {
	c := &x.call
	r := &Record{
		Time: start, APIID: c.API.ID, Kind: c.API.Style.String(), Stage: c.Stage.Name, Route: c.Route.Key,
		Method: c.Method, Path: c.Path, Reason: x.refused.reason, Detail: x.refused.detail,
		Latency: time.Since(start), IntegrationLatency: x.integrationTime, Cache: x.cached,
		APIKeyID: c.APIKeyID, RequestID: c.RequestID,
	}
	if x.api != nil {
		r.API = x.api.logicalID
	}
	if c.Caller.SourceIP.IsValid() {
		r.SourceIP = c.Caller.SourceIP.String()
	}
	if x.route != nil {
		r.Integration = x.route.kind
	}
	if c.ExtendedID != c.RequestID {
		r.ExtendedID = c.ExtendedID
	}
	r.Received = max(0, x.req.ContentLength)
	if !gone {
		r.Status, r.Sent = x.answer.Status, max(0, x.answer.Length)
	}
	return r
}

// response writes the gateway's own fields and makes the http.Response.
func (x *exchange) response() *http.Response {
	a := x.answer
	h := a.Header
	if x.refused.reason == ReasonNone && !x.final {
		if x.call.API.Style == integration.RESTAPI {
			remap(h)
		}
		if x.ignored {
			h["Warning"] = append(h["Warning"], ignoredWarning)
		}
		dropFraming(h)
	}
	switch x.call.API.Style {
	case integration.HTTPAPI:
		if x.cors != nil && !x.final {
			dropCORS(h)
			x.cors.simple(x.call.Header.Get("Origin"), h.Set)
		}
		if x.call.RequestID != "" {
			h["Apigw-Requestid"] = []string{x.call.RequestID}
		}
	case integration.RESTAPI:
		if h["Content-Type"] == nil { // "API Gateway includes a Content-Type header for all integration responses"
			h["Content-Type"] = []string{"application/json"}
		}
		h["X-Amzn-Requestid"] = []string{x.call.RequestID}
		h["X-Amz-Apigw-Id"] = []string{x.call.ExtendedID}
		h["X-Amzn-Trace-Id"] = []string{x.call.TraceID}
	case integration.FunctionURL:
		if x.cors != nil && !x.final {
			x.cors.simple(x.call.Header.Get("Origin"), h.Add)
		}
		h["X-Amzn-Requestid"] = []string{x.call.RequestID}
		h["X-Amzn-Trace-Id"] = []string{x.call.TraceID}
	}
	if x.route != nil && x.route.identity != "" {
		h[IdentityField] = append(h[IdentityField], x.route.identity) // beside that of an API behind this one
	}
	if h["Date"] == nil {
		h["Date"] = []string{x.call.Time.UTC().Format(http.TimeFormat)}
	}
	resp := &http.Response{
		StatusCode: a.Status, Status: http.StatusText(a.Status),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: a.Body, ContentLength: a.Length, Request: x.req,
	}
	if a.Body != nil && (x.req.Method == http.MethodHead || a.Status == http.StatusNoContent || a.Status == http.StatusNotModified) {
		_ = a.Body.Close() // such a response has no body
		resp.Body = http.NoBody
		if x.req.Method != http.MethodHead {
			resp.ContentLength = 0
		}
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	return resp
}

// remap renames the fields that a REST API does not let an integration set:
// "important notes", table of headers ("remapped" for the response).
func remap(h http.Header) {
	for name := range h {
		switch name {
		case "Connection", "Content-Length", "Date", "Host", "Max-Forwards", "Server", "User-Agent", "Via",
			"Www-Authenticate", "Authorization", "X-Amzn-Requestid", "X-Forwarded-For":
			h["X-Amzn-Remapped-"+name] = h[name]
			delete(h, name)
		}
	}
}

// dropFraming removes what belongs to the connection: the engine that delivers
// the response writes its own.
func dropFraming(h http.Header) {
	for _, name := range [...]string{"Connection", "Content-Length", "Expect", "Keep-Alive", "Proxy-Authenticate", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		delete(h, name)
	}
}

// explain is the answer of a refusal.
func (x *exchange) explain() *integration.Answer {
	if x.own != nil {
		return x.own
	}
	switch x.call.API.Style {
	case integration.FunctionURL:
		status, errorType, body := urlBody(x.refused.reason)
		if x.refused.message != "" && x.refused.reason != ReasonNotAllowed {
			body = `{"message":` + quote(x.refused.message) + `}`
		}
		a := jsonAnswer(status, []byte(body))
		a.Header["X-Amzn-Errortype"] = []string{errorType}
		return a
	case integration.RESTAPI:
		w := restWire(x.refused.reason)
		if x.refused.reason == ReasonParameters {
			w.message += x.invalid
		}
		return x.explainREST(w)
	case integration.HTTPAPI:
	}
	w := httpWire(x.refused.reason)
	a := jsonAnswer(w.status, w.body())
	if w.errorType != "" {
		a.Header["X-Amzn-Errortype"] = []string{w.errorType}
	}
	if x.refused.challenge != "" {
		a.Header["Www-Authenticate"] = []string{x.refused.challenge}
	}
	return a
}

// body is {"message":"…"}. Denials by a policy are written with a capital M,
// and an authorizer that failed has no message.
func (w wire) body() []byte {
	name, sep := "message", `":`
	if w.response == "ACCESS_DENIED" {
		name = "Message"
	}
	if w.spaced {
		sep = `": `
	}
	return []byte(`{"` + name + sep + quote(w.message) + `}`)
}

// quote is a text as a JSON string; the empty one is null.
func quote(s string) string {
	if s == "" {
		return "null"
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string and a buffer: it cannot fail
	return strings.TrimSuffix(b.String(), "\n")
}

func jsonAnswer(status int, body []byte) *integration.Answer {
	return &integration.Answer{
		Status: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(body)), Length: int64(len(body)),
	}
}

// explainREST applies the API's gateway response of this kind, if it has one.
func (x *exchange) explainREST(w wire) *integration.Answer {
	if x.refused.message != "" {
		w.message = x.refused.message
	}
	a := jsonAnswer(w.status, w.body())
	a.Header["X-Amzn-Errortype"] = []string{w.errorType}
	if x.api == nil || w.response == "" {
		return a
	}
	r := x.api.responses[w.response]
	if r == nil {
		class := "DEFAULT_5XX"
		if w.status < 500 {
			class = "DEFAULT_4XX"
		}
		r = x.api.responses[class]
	}
	if r != nil {
		r.apply(x, w, a)
	}
	return a
}

// errorVar is a $context.error variable.
func errorVar(name string, w wire) (string, bool) {
	switch name {
	case "error.message":
		return w.message, true
	case "error.messageString":
		return quote(w.message), true
	case "error.responseType":
		return w.response, true
	}
	return "", false
}

// expand writes $context and $stageVariables references into a template.
// A reference without a value becomes empty.
func (x *exchange) expand(template string, w wire) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(template, '$')
		if i < 0 {
			b.WriteString(template)
			return b.String()
		}
		b.WriteString(template[:i])
		name, rest, ok := cutReference(template[i+1:])
		if !ok {
			b.WriteByte('$')
			template = template[i+1:]
			continue
		}
		b.WriteString(x.variable(name, w))
		template = rest
	}
}

func (x *exchange) variable(name string, w wire) string {
	if v, ok := strings.CutPrefix(name, "stageVariables."); ok {
		return x.call.Stage.Variables[v]
	}
	v := strings.TrimPrefix(name, "context.")
	if v == "error.validationErrorString" && x.refused.reason == ReasonBody {
		s := quote(x.invalid) // templates put it between quotes
		return s[1 : len(s)-1]
	}
	if s, ok := errorVar(v, w); ok {
		return s
	}
	s, _ := x.call.ContextVar(v)
	return s
}

// cutReference reads context.a.b, stageVariables.a or one of them in braces.
func cutReference(s string) (name, rest string, ok bool) {
	inner, braced := strings.CutPrefix(s, "{")
	end := strings.IndexFunc(inner, func(r rune) bool {
		return r != '.' && r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	})
	if end < 0 {
		end = len(inner)
	}
	name, rest = inner[:end], inner[end:]
	for strings.HasSuffix(name, ".") { // the end of a sentence
		name, rest = name[:len(name)-1], "."+rest
	}
	if braced {
		if rest, ok = strings.CutPrefix(rest, "}"); !ok {
			return "", s, false
		}
	}
	ok = strings.HasPrefix(name, "context.") || strings.HasPrefix(name, "stageVariables.")
	return name, rest, ok
}
