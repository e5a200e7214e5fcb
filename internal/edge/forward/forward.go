// SPDX-License-Identifier: Apache-2.0

// Package forward is what of a viewer's request goes into the cache key, and on to
// the origin (rows K2, K3, K4, K8, K9, O4).
//
// The flow: New makes the Rules of a behavior from its key and its policies, when
// the edge is compiled; for a request they tell name by name, or append, what goes
// on. A Selector is a policy's choice of query strings or cookies.
//
// What it does not do: it writes nothing that the edge itself says (Via,
// Accept-Encoding, CloudFront-*), but it knows that such fields do not go on.
//
// Concurrency: Rules and Selectors are read only.
package forward

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/edge/known"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
)

// Key is what of a request is in the cache key.
type Key struct {
	Headers []string // sorted, lower case
	Query   Selector
	Cookies Selector
}

// Rules say what of a viewer's request goes on to the origin: what is in
// the cache key, what the origin request policy adds, and what CloudFront
// forwards without being asked.
type Rules struct {
	// Legacy says that the behavior has ForwardedValues in place of policies.
	Legacy bool
	// Added are CloudFront-* names, as an origin gets them.
	Added []string

	headers []string // sorted, lower case: of the key and a listed policy
	all     bool     // every viewer header but those of except
	except  []string // lower case
	query   [2]Selector
	cookie  [2]Selector
}

// New makes the rules of a behavior with a key.
func New(m *model.Behavior, k Key) Rules {
	f := Rules{Legacy: m.Cache.Legacy, query: [2]Selector{k.Query}, cookie: [2]Selector{k.Cookies}}
	names := slices.Clone(k.Headers)
	if m.Cache.Headers.Mode == model.SelectAll {
		f.all = true
	}
	if p := m.OriginRequest; p != nil {
		f.query[1], f.cookie[1] = NewSelector(p.Queries), NewSelector(p.Cookies)
		switch p.Headers.Mode {
		case model.SelectList:
			names = append(names, p.Headers.Names...)
		case model.SelectAll, model.SelectAllViewer:
			f.all = true
		case model.SelectAllViewerAndCloudFront:
			f.all = true
			names = append(names, p.Headers.Names...)
		case model.SelectAllExcept:
			f.all, f.except = true, Lowered(p.Headers.Names)
		}
	}
	f.headers = Lowered(names)
	f.Added = known.Wanted(f.headers)
	return f
}

// Cookies tells whether any cookie can reach the origin.
func (f *Rules) Cookies() bool { return !f.cookie[0].None() || !f.cookie[1].None() }

// KeepCookie tells whether a cookie goes on.
func (f *Rules) KeepCookie(name string) bool {
	return f.cookie[0].Has(name) || f.cookie[1].Has(name)
}

// KeepQuery tells whether a parameter of the query string goes on.
func (f *Rules) KeepQuery(name string) bool { return f.query[0].Has(name) || f.query[1].Has(name) }

// Wants tells whether a policy names a header, in lower case.
func (f *Rules) Wants(name string) bool {
	if _, ok := slices.BinarySearch(f.headers, name); ok {
		return true
	}
	return f.all && !slices.Contains(f.except, name)
}

// Fields that the edge itself writes, or that never go on (row O4).
var ownFields = []string{
	"accept-encoding", "authorization", "connection", "content-length", "cookie", "expect", "host", "keep-alive",
	"proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
	"user-agent", "via", "x-amz-cf-id", "x-forwarded-for", "x-forwarded-proto", "x-real-ip",
}

// Fields that go on without a policy, for they belong to the message.
var messageFields = []string{
	"cache-control", "content-disposition", "content-encoding", "content-language", "content-md5", "content-type", "date",
	"early-data", // RFC 8470 5.1: a request that may be a replay
	"from", "max-forwards", "pragma", "request-range", "warning", "x-amz-content-sha256",
}

// Fields that go on only when the edge does not judge them itself.
var conditionFields = []string{
	"if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range",
}

// Fields that legacy ForwardedValues drop when they are not listed; the rest
// of the viewer's go on.
var legacyDropped = []string{"accept", "accept-charset", "accept-language", "referer", "x-http-method-override"}

// Forwards tells whether a viewer's field goes on as it is. conditions tells
// that the viewer's preconditions and ranges are the origin's to judge.
func (f *Rules) Forwards(name, connection string, conditions bool) bool {
	n := strings.ToLower(name)
	switch {
	case slices.Contains(ownFields, n), httpspec.HopByHop(name, connection):
		return false
	case strings.HasPrefix(n, "x-edge-"), strings.HasPrefix(n, "cloudfront-"), strings.HasPrefix(n, "x-amz-cf-"):
		return false
	case slices.Contains(conditionFields, n):
		return conditions
	case slices.Contains(messageFields, n):
		return true
	}
	return f.Wants(n) || f.Legacy && !slices.Contains(legacyDropped, n)
}

// Authorization tells whether Authorization goes on (row K9): with GET and
// HEAD only when a policy says so; with OPTIONS not when it is cached.
func (f *Rules) Authorization(method string, cachesOptions bool) bool {
	if f.Wants("authorization") {
		return true
	}
	switch method {
	case "GET", "HEAD":
		return false
	case "OPTIONS":
		return !cachesOptions
	}
	return true
}

// AppendFields appends what of the viewer's fields goes on.
func (f *Rules) AppendFields(to *httpmsg.Header, rq *httpmsg.Request, conditions bool) {
	connection := rq.Header.Join("Connection")
	for _, h := range rq.Header.Fields() {
		if f.Forwards(h.Name, connection, conditions) {
			to.Add(h.Name, h.Value)
		}
	}
}

// Query is what of the query string goes on, with its question mark.
func (f *Rules) Query(query string) string {
	if f.query[0].All() || f.query[1].All() {
		if query == "" {
			return ""
		}
		return "?" + query
	}
	return string(AppendQuery(nil, query, f.KeepQuery))
}

// Condition tells whether a field is a precondition or a range, which the edge
// judges itself.
func Condition(name string) bool {
	return slices.ContainsFunc(conditionFields, func(n string) bool { return httpmsg.EqualFold(n, name) })
}

// OfMessage tells whether a field, in lower case, goes on without a policy.
func OfMessage(name string) bool { return slices.Contains(messageFields, name) }
