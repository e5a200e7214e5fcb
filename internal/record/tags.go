// SPDX-License-Identifier: Apache-2.0

package record

import "time"

// Tag is one name of the JSON line.
type Tag struct {
	Name string
	Doc  string
	put  func(object, *Record) object
}

// Tags is the table of the JSON line, in its order. A tag whose value is
// empty, zero or false is left out, but status and the times.
func Tags() []Tag { return append([]Tag(nil), tags[:]...) }

var tags = [...]Tag{
	{"time", "when the request came, RFC 3339 in UTC", func(o object, r *Record) object { return o.time(r.Start) }},
	{"id", "request id, as in X-Amz-Cf-Id", func(o object, r *Record) object { return o.text(r.ID) }},
	{"status", "status sent; 0 when the viewer left before", func(o object, r *Record) object { return o.always(int64(r.Response.Status)) }},
	{"method", "request method", func(o object, r *Record) object { return o.text(r.Request.Method) }},
	{"host", "Host of the request", func(o object, r *Record) object { return o.text(r.Request.Host) }},
	{"path", "path of the request as sent", func(o object, r *Record) object { return o.text(r.Request.Path) }},
	{"query", "query string as sent", func(o object, r *Record) object { return o.text(r.Request.Query) }},
	{"scheme", "http, https, ws or wss", func(o object, r *Record) object { return o.text(r.Request.Scheme) }},
	{"proto", "HTTP version of the viewer", func(o object, r *Record) object { return o.text(r.Viewer.Proto.String()) }},
	{"viewer", "address of the viewer", func(o object, r *Record) object { return o.addr(r.Viewer.Addr) }},
	{"forwarded_for", "X-Forwarded-For as it came", func(o object, r *Record) object { return o.text(r.Viewer.ForwardedFor) }},
	{"tls", "TLS version; absent on a cleartext connection", func(o object, r *Record) object { return o.text(r.Viewer.TLSVersion) }},
	{"cipher", "TLS cipher suite, OpenSSL's name", func(o object, r *Record) object { return o.text(r.Viewer.TLSCipher) }},
	{"user_agent", "User-Agent of the request", func(o object, r *Record) object { return o.text(r.Request.UserAgent) }},
	{"referer", "Referer of the request", func(o object, r *Record) object { return o.text(r.Request.Referer) }},
	{"bytes_in", "bytes of the request, head and body", func(o object, r *Record) object { return o.number(r.Request.Bytes) }},
	{"bytes_out", "bytes of the answer, head and body", func(o object, r *Record) object { return o.number(r.Response.Bytes) }},
	{"content_type", "Content-Type sent", func(o object, r *Record) object { return o.text(r.Response.ContentType) }},
	{"pop", "edge location", func(o object, r *Record) object { return o.text(r.Edge.Location) }},
	{"stack", "stack of the distribution", func(o object, r *Record) object { return o.text(r.Edge.Stack) }},
	{"distribution", "id of the distribution", func(o object, r *Record) object { return o.text(r.Edge.Distribution) }},
	{"staging", "the staging distribution answered for its primary", func(o object, r *Record) object { return o.flag(r.Edge.Staging) }},
	{"behavior", "path pattern of the behavior", func(o object, r *Record) object { return o.text(r.Edge.Behavior) }},
	{"web_acl", "web ACL that was asked", func(o object, r *Record) object { return o.text(r.Shield.ACL) }},
	{"web_acl_action", "what it decided: ALLOW, BLOCK, CAPTCHA, CHALLENGE", func(o object, r *Record) object { return o.text(r.Shield.Action) }},
	{"web_acl_rule", "rule that decided, or Default_Action", func(o object, r *Record) object { return o.text(r.Shield.Rule) }},
	{"web_acl_group_rule", "rule of the group that decided", func(o object, r *Record) object { return o.text(r.Shield.Inner) }},
	{"web_acl_counted", "rules that matched and only counted", func(o object, r *Record) object { return o.texts(r.Shield.Counted) }},
	{"web_acl_labels", "labels that rules added", func(o object, r *Record) object { return o.texts(r.Shield.Labels) }},
	{"web_acl_findings", "rules of the Core Rule Set that matched behind managed groups", func(o object, r *Record) object { return o.numbers(r.Shield.Findings) }},
	{"result", "result type as in X-Cache", func(o object, r *Record) object { return o.enum(uint8(r.Result.Type), r.Result.Type.String()) }},
	{"detail", "detailed result type, where it says more", func(o object, r *Record) object { return o.enum(uint8(r.Result.Detail), r.Result.Detail.String()) }},
	{"why", "why a request was refused, where the viewer is not told", func(o object, r *Record) object { return o.text(r.Result.Why) }},
	{"end", "why the delivery ended, when not complete", func(o object, r *Record) object { return o.enum(uint8(r.Result.End), r.Result.End.String()) }},
	{"cache", "what the lookup found", func(o object, r *Record) object { return o.enum(uint8(r.Cache.Status), r.Cache.Status.String()) }},
	{"cache_reason", "why the cache did that", func(o object, r *Record) object { return o.text(r.Cache.Reason.String()) }},
	{"cache_key", "readable form of the cache key", func(o object, r *Record) object { return o.text(r.Cache.Key) }},
	{"cache_age", "age of the object served, seconds", func(o object, r *Record) object { return o.number(int64(r.Cache.Age / time.Second)) }},
	{"ttl", "lifetime given to the answer, seconds", func(o object, r *Record) object { return o.number(int64(r.Cache.TTL / time.Second)) }},
	{"ttl_reason", "rule that set the lifetime", func(o object, r *Record) object {
		return o.textIf(r.Cache.Store != StoreNone, r.Cache.TTLReason.String())
	}},
	{"store", "whether the answer was kept, or why not", func(o object, r *Record) object { return o.text(r.Cache.Store.String()) }},
	{"collapsed", "waited for the fetch of another request", func(o object, r *Record) object { return o.flag(r.Cache.Collapsed) }},
	{"encoding", "content coding sent", func(o object, r *Record) object { return o.text(r.Cache.Encoding) }},
	{"background", "a refresh without a viewer", func(o object, r *Record) object { return o.flag(r.Cache.Background) }},
	{"request_function", "viewer-request function that ran", func(o object, r *Record) object { return o.text(r.Function[0].Name) }},
	{"request_function_ms", "its time, milliseconds", func(o object, r *Record) object { return o.millis(r.Function[0].Time) }},
	{"request_function_error", "its error", func(o object, r *Record) object { return o.text(r.Function[0].Error) }},
	{"response_function", "viewer-response function that ran", func(o object, r *Record) object { return o.text(r.Function[1].Name) }},
	{"response_function_ms", "its time, milliseconds", func(o object, r *Record) object { return o.millis(r.Function[1].Time) }},
	{"response_function_error", "its error", func(o object, r *Record) object { return o.text(r.Function[1].Error) }},
	{"origin_request_function", "origin-request function that ran", func(o object, r *Record) object { return o.text(r.Function[2].Name) }},
	{"origin_request_function_ms", "its time, milliseconds", func(o object, r *Record) object { return o.millis(r.Function[2].Time) }},
	{"origin_request_function_error", "its error", func(o object, r *Record) object { return o.text(r.Function[2].Error) }},
	{"origin_response_function", "origin-response function that ran", func(o object, r *Record) object { return o.text(r.Function[3].Name) }},
	{"origin_response_function_ms", "its time, milliseconds", func(o object, r *Record) object { return o.millis(r.Function[3].Time) }},
	{"origin_response_function_error", "its error", func(o object, r *Record) object { return o.text(r.Function[3].Error) }},
	{"origin", "id of the origin asked", func(o object, r *Record) object { return o.text(r.Origin.ID) }},
	{"origin_host", "host of the origin", func(o object, r *Record) object { return o.text(r.Origin.Host) }},
	{"peer", "edge of the region that was asked in place of the origin", func(o object, r *Record) object { return o.text(r.Origin.Peer) }},
	{"origin_status", "status of the origin", func(o object, r *Record) object { return o.number(int64(r.Origin.Status)) }},
	{"origin_tries", "tries that were needed", func(o object, r *Record) object { return o.number(int64(r.Origin.Tries)) }},
	{"origin_member", "which of the places that the origin's name leads to was asked last", func(o object, r *Record) object { return o.text(r.Origin.Member) }},
	{"origin_failover", "the secondary of the group answered", func(o object, r *Record) object { return o.flag(r.Origin.Failover) }},
	{"origin_ms", "time to the head of its answer, milliseconds", func(o object, r *Record) object { return o.millis(r.Origin.FirstByte) }},
	{"origin_error", "error of the last try", func(o object, r *Record) object { return o.text(r.Origin.Error) }},
	{"api", "id of the API that answered", func(o object, r *Record) object { return o.text(r.API.ID) }},
	{"stage", "stage of the API", func(o object, r *Record) object { return o.text(r.API.Stage) }},
	{"route", "route that matched", func(o object, r *Record) object { return o.text(r.API.Route) }},
	{"identity", "identity that the authorizer found", func(o object, r *Record) object { return o.text(r.API.Identity) }},
	{"function", "Lambda function that was invoked", func(o object, r *Record) object { return o.text(r.API.Function) }},
	{"cold", "a new environment was started for it", func(o object, r *Record) object { return o.flag(r.API.Cold) }},
	{"integration_ms", "time of the integration, milliseconds", func(o object, r *Record) object { return o.millis(r.API.Time) }},
	{"ttfb_ms", "time to the first byte of the answer, milliseconds", func(o object, r *Record) object { return o.millisAlways(r.Time.FirstByte) }},
	{"total_ms", "time to the last byte, milliseconds", func(o object, r *Record) object { return o.millisAlways(r.Time.Total) }},
}
