// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"context"
	"strings"
	"testing"
)

// TestE1TypicalFunctions runs what CloudFront functions are mostly written for.
// Each case is a function, an event, and a part of what it makes of it.
func TestE1TypicalFunctions(t *testing.T) {
	request := func(uri, members string) string {
		return `{"context": {"eventType": "viewer-request"}, "viewer": {"ip": "203.0.113.9"}, "request": {"method": "GET", "uri": "` + uri + `", ` + members + `}}`
	}
	const response = `{"context": {"eventType": "viewer-response"}, "viewer": {"ip": "203.0.113.9"},
		"request": {"method": "GET", "uri": "/", "headers": {"origin": {"value": "https://a.example"}}},
		"response": {"statusCode": 200, "headers": {"server": {"value": "x"}}, "cookies": {}}}`
	for _, tt := range []struct{ name, kind, code, event, want string }{
		{"security headers", v1, `function handler(event) {
			var response = event.response, headers = response.headers;
			headers['strict-transport-security'] = { value: 'max-age=63072000; includeSubdomains; preload' };
			headers['content-security-policy'] = { value: "default-src 'none'; img-src 'self'" };
			delete headers.server;
			return response; }`, response, `{"response":{"headers":{"strict-transport-security":{"value":"max-age=63072000; includeSubdomains; preload"},"content-security-policy":{"value":"default-src 'none'; img-src 'self'"}}`},
		{"CORS by the request", v1, `function handler(event) {
			var rq = event.request, rs = event.response;
			if (!rs.headers['access-control-allow-origin'] && rq.headers['origin']) rs.headers['access-control-allow-origin'] = { value: rq.headers['origin'].value };
			return rs; }`, response, `"access-control-allow-origin":{"value":"https://a.example"}`},
		{"single page application", v1, `function handler(event) {
			var request = event.request, uri = request.uri;
			if (uri.endsWith('/')) request.uri += 'index.html'; else if (!uri.includes('.')) request.uri += '/index.html';
			return request; }`, request("/blog", `"headers": {}`), `"uri":"/blog/index.html"`},
		{
			"redirect to the bare domain", v2, `function handler(event) {
			const rq = event.request, host = rq.headers.host.value;
			if (!host.startsWith('www.')) return rq;
			const qs = Object.entries(rq.querystring).map(([k, v]) => (v.multiValue || [v]).map((x) => x.value === '' ? k : k + '=' + x.value).join('&')).join('&');
			return { statusCode: 301, statusDescription: 'Moved Permanently', headers: { location: { value: 'https://' + host.slice(4) + rq.uri + (qs ? '?' + qs : '') } } }; }`,
			request("/a", `"headers": {"host": {"value": "www.shop.example"}}, "querystring": {"b": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]}, "flag": {"value": ""}}`),
			`"location":{"value":"https://shop.example/a?b=1&b=2&flag"}`,
		},
		{"country", v1, `function handler(event) {
			var rq = event.request, c = rq.headers['cloudfront-viewer-country'];
			if (c && c.value === 'DE') return { statusCode: 302, statusDescription: 'Found', headers: { location: { value: 'https://' + rq.headers.host.value + '/de' + rq.uri } } };
			return rq; }`, request("/x", `"headers": {"host": {"value": "h"}, "cloudfront-viewer-country": {"value": "DE"}}`), `"location":{"value":"https://h/de/x"}`},
		{"basic authentication", v1, `function handler(event) {
			var a = event.request.headers.authorization, want = 'Basic ' + String.bytesFrom('user:pass'.split('').map(function (c) { return c.charCodeAt(0); })).toString();
			if (!a || String.bytesFrom(a.value.slice(6), 'base64') !== 'user:pass') return { statusCode: 401, statusDescription: 'Unauthorized', headers: { 'www-authenticate': { value: 'Basic' } } };
			return event.request; }`, request("/", `"headers": {"authorization": {"value": "Basic dXNlcjpwYXNz"}}`), `"uri":"/"`},
		{"sorted query string", v2, `function handler(event) {
			var qs = [];
			for (var key in event.request.querystring) {
				if (event.request.querystring[key].multiValue) event.request.querystring[key].multiValue.forEach((mv) => { qs.push(key + '=' + mv.value); });
				else qs.push(key + '=' + event.request.querystring[key].value);
			}
			event.request.querystring = qs.sort().join('&');
			return event.request; }`, request("/", `"querystring": {"b": {"value": "2"}, "a": {"value": "2", "multiValue": [{"value": "2"}, {"value": "1"}]}}`), `"querystring":{"a":{"value":"1","multiValue":[{"value":"1"},{"value":"2"}]},"b":{"value":"2"}}`},
		{"signed link", v1, `var crypto = require('crypto');
			function handler(event) {
				var q = event.request.querystring, want = crypto.createHmac('sha256', 'k').update(event.request.uri + q.exp.value).digest('base64url');
				if (want !== q.sig.value) return { statusCode: 403, headers: { 'x-want': { value: want } } };
				delete event.request.querystring.sig;
				return event.request; }`, request("/v", `"querystring": {"exp": {"value": "9"}, "sig": {"value": "x"}}`), `"x-want":{"value":"ranUUMhNXucBDe48G55lwRR5GsTTEtUR9YWiI8svR8Q"}`},
		{
			"token of JSON", v2, `import crypto from 'crypto';
			function handler(event) {
				const [h, p, s] = event.request.querystring.jwt.value.split('.');
				const good = crypto.createHmac('sha256', 'secret').update(h + '.' + p).digest('base64url') === s;
				event.request.headers['x-sub'] = { value: good + ' ' + JSON.parse(Buffer.from(p, 'base64url').toString()).sub };
				return event.request; }`,
			request("/", `"querystring": {"jwt": {"value": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.PSNT1r4v9V2Qchmr_7cQP8P7LXFivEoTalmsuwIlakM"}}`), `"x-sub":{"value":"true me"}`,
		},
		{"A/B by cookie", v1, `function handler(event) {
			var rq = event.request, c = rq.cookies.group;
			var group = c ? c.value : Math.random() < 2 ? 'a' : 'b';
			rq.uri = '/' + group + rq.uri; rq.cookies.group = { value: group };
			return rq; }`, request("/p", `"cookies": {"x": {"value": "1"}}`), `"uri":"/a/p","cookies":{"x":{"value":"1"},"group":{"value":"a"}}`},
		{"redirects in a store", v2, `import cf from 'cloudfront';
			const kvs = cf.kvs('a1b2');
			async function handler(event) {
				try { return { statusCode: 308, headers: { location: { value: await kvs.get(event.request.uri.split('/')[1]) } } }; }
				catch (err) { console.log(` + "`lookup failed: ${err}`" + `); return event.request; }
			}`, request("/none", `"headers": {}`), `"uri":"/none"`},
		{
			"viewer's address", v1, `function handler(event) { event.request.headers['true-client-ip'] = { value: event.viewer.ip }; return event.request; }`,
			request("/", `"headers": {}`), `"true-client-ip":{"value":"203.0.113.9"}`,
		},
	} {
		var f *Function
		if strings.Contains(tt.code, "kvs") {
			f = compileOne(t, tt.kind, tt.code, Options{}, testStore())
		} else {
			f = compileOne(t, tt.kind, tt.code, Options{})
		}
		got, err := f.Test(context.Background(), []byte(tt.event))
		if err != nil || got.Error != "" || !strings.Contains(string(got.Output), tt.want) {
			t.Errorf("%s: %v %+v\n got %s\nwant %s", tt.name, err, got, got.Output, tt.want)
		}
	}
}
