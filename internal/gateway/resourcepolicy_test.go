// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestA14ResourcePolicy(t *testing.T) {
	const allowAll = `{"Statement":{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*"}}`
	deny := func(condition string) string {
		return `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":["execute-api:/*"]},
			{"Effect":"Deny","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*","Condition":` + condition + `}]}`
	}
	tests := []struct {
		name, policy string
		status       int
	}{
		{"allow all", allowAll, 200},
		{"this stage and route", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/prod/GET/*"}}`, 200},
		{"full ARN", `{"Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"execute-api:*","Resource":"arn:aws:execute-api:*:*:*/prod/GET/*"}}`, 200},
		{"another stage", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/dev/*"}}`, 403},
		{"no statement for it", `{"Statement":[]}`, 403},
		{"unreadable", `{}`, 403},
		{"an account's principal", `{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:root"},"Action":"execute-api:Invoke","Resource":"*"}}`, 403},
		{"denied address", deny(`{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`), 403},
		{"another address denied", deny(`{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`), 200},
		{"not from these addresses", deny(`{"NotIpAddress":{"aws:SourceIp":["203.0.113.0/24"]}}`), 403},
		{"an endpoint that nobody has", deny(`{"StringNotEquals":{"aws:SourceVpce":"vpce-1"}}`), 403},
		{"referer demanded", deny(`{"StringNotLike":{"aws:Referer":"https://shop.example/*"}}`), 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			api := restAPI(newRoute("GET /", lambda("")))
			api.ResourcePolicyJSON = tt.policy
			r := newRig(t, httpAPI(newRoute("$default", lambda("2.0"))), api)
			req, err := http.NewRequestWithContext(WithCaller(t.Context(), Caller{SourceIP: netip.MustParseAddr("192.0.2.7")}), "GET", restHost+"/prod", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Referer", "https://shop.example/a")
			resp, err := r.g.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			const says = `{"Message":"User: anonymous is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:us-east-1:********9012:restrestre/prod/GET/`
			if tt.status == 403 && !strings.HasPrefix(string(body), says) {
				t.Errorf("%s", body)
			}
			if resp.StatusCode != tt.status || (r.fn.last != nil) != (tt.status == 200) {
				t.Errorf("%d, invoked %v: %v", resp.StatusCode, r.fn.last != nil, r.records[0].Detail)
			}
		})
	}
}

// TestA14DenyComesBeforeTheAuthorizer: of a Lambda authorizer; an Allow opens
// no route by itself.
func TestA14DenyComesBeforeTheAuthorizer(t *testing.T) {
	for policy, reason := range map[string]Reason{
		`{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`:  ReasonPolicy,
		`{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`: ReasonAuthorizer,
	} {
		api := restAPI(newRoute("GET /", lambda("")))
		api.ResourcePolicyJSON, api.Routes[0].Authorization = policy, "CUSTOM"
		r := newRig(t, httpAPI(newRoute("$default", lambda("2.0"))), api)
		r.do("GET", restHost+"/prod", "")
		if r.records[0].Reason != reason {
			t.Errorf("%s: %v", policy, r.records[0].Reason)
		}
	}
}
