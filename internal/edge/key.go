// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/edge/forward"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/record"
)

// The cache key is a text of lines:
//
//	E1EXAMPLE                     distribution id
//	/api/products?page=2          path and keyed query strings, as written
//	origin=api                    the behavior's origin: a function may have
//	                              rewritten two behaviors' paths to the same
//	generation=7                  where RFC 9111 counts and more than the target
//	                              is in the key: see appendGeneration
//	method=OPTIONS                for OPTIONS only (row C6)
//	accept-encoding=br,gzip       normalised (row K6)
//	x-country:DE                  keyed headers, sorted by name
//	cookie:session=1              keyed cookies, sorted by name
//
// Where Vary counts, the values that select a variant follow (vary.go).
//
// No part can hold a line end: the engines refuse control bytes.

// key applies the default root object, decides whether the cache may be used,
// and makes the key.
func (x *Exchange) key() stepID {
	if x.rq.Path == "/" && x.dist.m.DefaultRootObject != "" {
		if name := x.dist.m.DefaultRootObject; strings.HasPrefix(name, "/") {
			x.rec.Result.Detail = record.InvalidRequest
			return x.refuse(400, "InvalidDefaultRootObject: the default root object must not begin with a slash.")
		}
		x.rq.Path = "/" + x.dist.m.DefaultRootObject
	}
	x.keyed.encodings = 0
	if x.rq.Proto != httpmsg.HTTP10 { // CloudFront takes the field off such requests
		x.keyed.encodings = x.acceptedEncodings()
	}
	if !x.mayCache() {
		x.rec.Cache.Status = record.CacheBypass
		return stepRequest
	}
	x.keyed.cacheable = true
	x.keyed.key = x.appendKey(x.keyed.key[:0])
	x.keyed.cut, x.keyed.primary = len(x.keyed.key), len(x.keyed.key)
	return stepLookup
}

// acceptedEncodings are the codings that both viewer and policy accept.
func (x *Exchange) acceptedEncodings() httpspec.Encodings {
	if x.beh.encodings == 0 {
		return 0
	}
	return httpspec.AcceptedEncodings(x.rq.Header.Join("Accept-Encoding")) & x.beh.encodings
}

func (x *Exchange) mayCache() bool {
	b := x.beh
	if x.rpc.wanted || x.handshake() {
		x.rec.Cache.Reason = record.ReasonUpgrade
		return false
	}
	if !b.cacheable || x.dist.passes {
		x.rec.Cache.Reason = record.ReasonDisabled
		if !b.cacheable && !b.m.Cache.Disabled() {
			x.rec.Cache.Reason = record.ReasonAllHeaders
		}
		return false
	}
	switch m := x.rq.Method; m {
	case "GET", "HEAD":
		return true
	case "OPTIONS":
		if slices.Contains(b.m.Cached, m) {
			return true
		}
	}
	x.rec.Cache.Reason = record.ReasonMethod
	return false
}

// appendTarget begins a key: what the target and the behavior tell.
func (x *Exchange) appendTarget(k []byte) []byte {
	b, rq := x.beh, x.rq
	k = cache.AppendKey(k, x.dist.m.ID, rq.Path)
	switch {
	case b.inKey.Query.All():
		if rq.Query != "" {
			k = append(append(k, '?'), rq.Query...)
		}
	case !b.inKey.Query.None():
		k = forward.AppendQuery(k, rq.Query, b.inKey.Query.Has)
	}
	return append(append(append(k, cache.KeySep), "origin="...), x.keyed.origin...)
}

func (x *Exchange) appendKey(k []byte) []byte {
	b, rq := x.beh, x.rq
	k = x.appendTarget(k)
	if b.generations() {
		k = x.appendGeneration(k)
	}
	if rq.Method == "OPTIONS" {
		k = append(append(k, cache.KeySep), "method=OPTIONS"...)
	}
	if b.encodings != 0 && x.keyed.encodings != 0 {
		k = append(append(append(k, cache.KeySep), "accept-encoding="...), x.keyed.encodings.String()...)
	}
	for _, name := range b.inKey.Headers {
		if v, ok := x.headerValue(name); ok {
			k = append(append(append(k, cache.KeySep), name...), ':')
			k = append(k, v...)
		}
	}
	if !b.inKey.Cookies.None() {
		k = append(append(k, cache.KeySep), "cookie:"...)
		k = forward.AppendCookies(k, rq.Header.Join("Cookie"), b.inKey.Cookies.Has)
	}
	return k
}

// markHead turns the key into the one under which the head of an object lies
// that was asked for by HEAD alone.
func (x *Exchange) markHead() {
	x.keyed.head = true
	x.keyed.key = append(append(x.keyed.key[:x.keyed.cut], cache.KeySep), "method=HEAD"...)
	x.keyed.primary, x.keyed.marker = len(x.keyed.key), ""
}

// headerValue is the value of a header that a policy names: the viewer's, or
// the edge's own for the names that CloudFront makes.
func (x *Exchange) headerValue(name string) (string, bool) {
	if name == "host" {
		return x.rq.Host, true
	}
	if strings.HasPrefix(name, "cloudfront-") {
		return x.viewer().Value(name)
	}
	if !x.rq.Header.Has(name) {
		return "", false
	}
	return x.rq.Header.Join(name), true
}
