// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/edge/known"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
)

// forwarding says what of a viewer's request goes on to the origin: what is in
// the cache key, what the origin request policy adds, and what CloudFront
// forwards without being asked (rows K2, K8, K9, O4).
type forwarding struct {
	legacy  bool
	headers []string // sorted, lower case: of the key and a listed policy
	all     bool     // every viewer header but those of except
	except  []string // lower case
	query   [2]selector
	cookie  [2]selector
	added   []string // CloudFront-* names, as an origin gets them
}

func newForwarding(m *model.Behavior, b *behavior) forwarding {
	f := forwarding{legacy: m.Cache.Legacy, query: [2]selector{b.keyQuery}, cookie: [2]selector{b.keyCookies}}
	names := slices.Clone(b.keyHeaders)
	if m.Cache.Headers.Mode == model.SelectAll {
		f.all = true
	}
	if p := m.OriginRequest; p != nil {
		f.query[1], f.cookie[1] = newSelector(p.Queries), newSelector(p.Cookies)
		switch p.Headers.Mode {
		case model.SelectList:
			names = append(names, p.Headers.Names...)
		case model.SelectAll, model.SelectAllViewer:
			f.all = true
		case model.SelectAllViewerAndCloudFront:
			f.all = true
			names = append(names, p.Headers.Names...)
		case model.SelectAllExcept:
			f.all, f.except = true, lowered(p.Headers.Names)
		}
	}
	f.headers = lowered(names)
	f.added = known.Wanted(f.headers)
	return f
}

// cookies tells whether any cookie can reach the origin.
func (f *forwarding) cookies() bool { return !f.cookie[0].none() || !f.cookie[1].none() }

func (f *forwarding) keepCookie(name string) bool {
	return f.cookie[0].has(name) || f.cookie[1].has(name)
}

func (f *forwarding) keepQuery(name string) bool { return f.query[0].has(name) || f.query[1].has(name) }

// wants tells whether a policy names a header, in lower case.
func (f *forwarding) wants(name string) bool {
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

// forwards tells whether a viewer's field goes on as it is. conditions tells
// that the viewer's preconditions and ranges are the origin's to judge.
func (f *forwarding) forwards(name, connection string, conditions bool) bool {
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
	return f.wants(n) || f.legacy && !slices.Contains(legacyDropped, n)
}

// authorization tells whether Authorization goes on (row K9): with GET and
// HEAD only when a policy says so; with OPTIONS not when it is cached.
func (f *forwarding) authorization(method string, cachesOptions bool) bool {
	if f.wants("authorization") {
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

// appendFields appends what of the viewer's fields goes on.
func (f *forwarding) appendFields(to *httpmsg.Header, rq *httpmsg.Request, conditions bool) {
	connection := rq.Header.Join("Connection")
	for _, h := range rq.Header.Fields() {
		if f.forwards(h.Name, connection, conditions) {
			to.Add(h.Name, h.Value)
		}
	}
}
