// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/integration"
	"github.com/forelane/forelane/internal/webacl"
)

// Shield is the web ACL of a stage, as package webacl compiles it.
type Shield interface {
	// Screen decides about a request. The error is webacl.ErrEngine, or that of
	// reading its body.
	Screen(q webacl.Ask, v *webacl.Verdict) error
}

// screen lets the web ACL of the stage decide, before anything else of the API
// does: "AWS WAF is evaluated before other access control features" (Developer
// Guide, "Use AWS WAF to protect your REST APIs"). A block is the gateway
// response WAF_FILTERED, unless the rule has a response of its own.
func (x *exchange) screen() bool {
	if x.stage.shield == nil {
		return true
	}
	rq := x.message()
	var v webacl.Verdict
	start := time.Now()
	err := x.stage.shield.Screen(webacl.Ask{Request: rq, Time: x.call.Time, ID: x.call.RequestID, Source: x.stage.source}, &v)
	x.phases.waf = phase{status: http.StatusOK, took: time.Since(start)}
	if errors.Is(err, webacl.ErrEngine) { // fail closed
		x.phases.waf.status, x.phases.waf.err = http.StatusInternalServerError, err.Error()
		return x.refuse(ReasonInternal, err)
	}
	if err != nil {
		return x.refuse(ReasonViewerGone, err)
	}
	if rq.Body != nil {
		x.call.Body = rq.Body
	}
	if v.Passes() {
		x.insert(v.Insert)
		return true
	}
	detail := fmt.Errorf("web ACL %s: %s by rule %s %s", v.ACL, v.Action, v.Rule, v.Inner)
	x.refuse(ReasonShield, detail)
	x.phases.waf.status, x.phases.waf.err = http.StatusForbidden, http.StatusText(http.StatusForbidden)
	if v.Answer.Custom {
		x.own = customAnswer(&v.Answer)
	}
	return false
}

// message is the request as a web ACL reads it; header fields in the order of
// their names, for the order that they came in is not known here.
func (x *exchange) message() *httpmsg.Request {
	c := &x.call
	rq := &httpmsg.Request{
		Method: c.Method, Scheme: "https", Host: c.Host, Path: c.Path, Query: c.Query,
		Body: c.Body, ContentLength: c.Length, Viewer: httpmsg.Viewer{Addr: netip.AddrPortFrom(c.Caller.SourceIP, 0)},
	}
	if c.Caller.Protocol == "HTTP/2.0" {
		rq.Proto = httpmsg.HTTP2
	}
	names := make([]string, 0, len(c.Header))
	for n := range c.Header {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		for _, v := range c.Header[n] {
			rq.Header.Add(n, v)
		}
	}
	return rq
}

// insert puts the headers of a rule into the request. The header may be the
// caller's own map, so a copy is changed.
func (x *exchange) insert(fields []httpmsg.Field) {
	if len(fields) == 0 {
		return
	}
	x.call.Header = x.call.Header.Clone()
	for _, f := range fields {
		x.call.Header.Set(f.Name, f.Value)
	}
}

// customAnswer is the response that a rule has of its own.
func customAnswer(a *webacl.Answer) *integration.Answer {
	h := http.Header{}
	if a.Body != "" {
		h.Set("Content-Type", a.ContentType)
	}
	for _, f := range a.Headers {
		h.Set(f.Name, f.Value)
	}
	return &integration.Answer{Status: a.Status, Header: h, Body: io.NopCloser(strings.NewReader(a.Body)), Length: int64(len(a.Body))}
}
