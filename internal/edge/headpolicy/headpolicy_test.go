// SPDX-License-Identifier: Apache-2.0

package headpolicy

import (
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

func TestK13Origins(t *testing.T) {
	for _, tt := range []struct {
		allowed, origin string
		want            string
	}{
		{"*", "https://a.test", "*"},
		{"https://a.test", "https://a.test", "https://a.test"},
		{"https://a.test", "http://a.test", ""},
		{"a.test", "http://a.test", "http://a.test"},
		{"https://*.a.test", "https://x.a.test", "https://x.a.test"},
		{"https://*.a.test", "https://a.test", ""},
		{"*.a.test", "https://x.y.a.test", "https://x.y.a.test"},
		{"https://a.test:8443", "https://a.test:8443", "https://a.test:8443"},
		{"https://a.test", "https://a.test.evil", ""},
		{"*.a.test", "https://evila.test", ""},
		{"https://A.test", "https://a.TEST", "https://a.TEST"},
		{"null", "null", "null"},
		{"a.test", "null", ""},
	} {
		if got := corsOrigin(&model.PolicyCORS{AllowOrigins: []string{tt.allowed}}, tt.origin); got != tt.want {
			t.Errorf("%s with %s: %q, want %q", tt.allowed, tt.origin, got, tt.want)
		}
	}
}

func TestK13Fields(t *testing.T) {
	always := 100.0
	for _, tt := range []struct {
		name   string
		p      model.ResponseHeadersPolicy
		method string
		ask    []string // of the request, name and value
		want   string
	}{
		{"nothing", model.ResponseHeadersPolicy{}, "GET", nil, "Server: nginx|X-A: origin"},
		{"removed", model.ResponseHeadersPolicy{Remove: []string{"server", "x-a"}}, "GET", nil, "Server: CloudFront"},
		{"added, the origin's stays", model.ResponseHeadersPolicy{Custom: []model.PolicyHeader{{Name: "X-A", Value: "policy"}, {Name: "X-B", Value: "b"}}}, "GET", nil, "Server: nginx|X-A: origin|X-B: b"},
		{"replaced", model.ResponseHeadersPolicy{Security: []model.PolicyHeader{{Name: "X-A", Value: "policy", Override: true}}}, "GET", nil, "Server: nginx|X-A: policy"},
		{"CORS without Origin", model.ResponseHeadersPolicy{CORS: &model.PolicyCORS{AllowOrigins: []string{"*"}}}, "GET", nil, "Server: nginx|X-A: origin"},
		{
			"CORS",
			model.ResponseHeadersPolicy{CORS: &model.PolicyCORS{AllowOrigins: []string{"a.test"}, ExposeHeaders: []string{"X", "Y"}}},
			"GET",
			[]string{"Origin", "https://a.test"},
			"Server: nginx|X-A: origin|Access-Control-Allow-Origin: https://a.test|Vary: Origin|Access-Control-Expose-Headers: X, Y",
		},
		{
			"a preflight",
			model.ResponseHeadersPolicy{CORS: &model.PolicyCORS{AllowOrigins: []string{"*"}, AllowMethods: []string{"ALL"}, MaxAge: 5}},
			"OPTIONS",
			[]string{"Origin", "https://a.test", "Access-Control-Request-Method", "PUT"},
			"Server: nginx|X-A: origin|Access-Control-Allow-Origin: *|Access-Control-Allow-Methods: GET, DELETE, HEAD, OPTIONS, PATCH, POST, PUT|Access-Control-Max-Age: 5",
		},
		{"Server-Timing", model.ResponseHeadersPolicy{ServerTiming: &always, Remove: []string{"Server", "X-A"}}, "GET", nil, "Server: CloudFront|Server-Timing: " + string(record.AppendServerTiming(nil, new(record.Record)))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rq := &httpmsg.Request{Method: tt.method}
			for i := 0; i < len(tt.ask); i += 2 {
				rq.Header.Add(tt.ask[i], tt.ask[i+1])
			}
			var h httpmsg.Header
			h.Add("Server", "nginx")
			h.Add("X-A", "origin")
			Apply(&tt.p, rq, &h, new(record.Record))
			var got []string
			for _, f := range h.Fields() {
				got = append(got, f.Name+": "+f.Value)
			}
			if strings.Join(got, "|") != tt.want {
				t.Errorf("%q", got)
			}
		})
	}
}
