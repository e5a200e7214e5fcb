// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// TestA20MissingIdentityIs401: without its credentials a request is refused
// before the authorizer has a say; with them the door stays shut.
func TestA20MissingIdentityIs401(t *testing.T) {
	zero := time.Duration(0)
	for _, tt := range []struct {
		name   string
		z      model.Authorizer
		target string
		field  string
		want   int
	}{
		{"pool", model.Authorizer{Kind: "COGNITO_USER_POOLS"}, "", "", 401},
		{"pool with a token", model.Authorizer{Kind: "COGNITO_USER_POOLS"}, "", "Authorization: x", 500},
		{"token", model.Authorizer{Kind: "TOKEN", IdentitySource: []string{"method.request.header.auth"}}, "", "Authorization: x", 401},
		{"token given", model.Authorizer{Kind: "TOKEN", IdentitySource: []string{"method.request.header.auth"}}, "", "Auth: x", 500},
		{"jwt", model.Authorizer{Kind: "JWT", IdentitySource: []string{"$request.querystring.access_token"}}, "?x=1", "", 401},
		{"jwt given", model.Authorizer{Kind: "JWT", IdentitySource: []string{"$request.querystring.access_token"}}, "?access_token=1", "", 500},
		{"one of two", model.Authorizer{Kind: "REQUEST", IdentitySource: []string{"method.request.header.A", "method.request.querystring.b"}}, "?b=", "A: 1", 401},
		{"no source", model.Authorizer{Kind: "REQUEST"}, "", "", 500},
		{"elsewhere", model.Authorizer{Kind: "REQUEST", IdentitySource: []string{"stageVariables.x"}}, "", "", 500},
	} {
		tt.z.ID = "zid"
		h, rest := httpAPI(newRoute("$default", lambda("2.0"))), restAPI(newRoute("GET /", lambda("")))
		for _, m := range []*model.API{h, rest} {
			m.Authorizers = []*model.Authorizer{&tt.z}
			m.Routes[0].Authorization, m.Routes[0].AuthorizerID = "CUSTOM", "zid"
		}
		r := newRig(t, h, rest)
		for _, url := range []string{httpHost + "/", restHost + "/prod"} {
			var fields []string
			if tt.field != "" {
				fields = append(fields, tt.field)
			}
			resp, body := r.do("GET", url+tt.target, "", fields...)
			if resp.StatusCode != tt.want || tt.want == 401 && body != `{"message":"Unauthorized"}` || r.fn.last != nil {
				t.Errorf("%s: %s: %d %s", tt.name, url, resp.StatusCode, body)
			}
		}
	}
	uncached := restAPI(newRoute("GET /", lambda("")))
	uncached.Authorizers = []*model.Authorizer{{ID: "z", Kind: "REQUEST", TTL: &zero, IdentitySource: []string{"method.request.header.A"}}}
	uncached.Routes[0].Authorization, uncached.Routes[0].AuthorizerID = "CUSTOM", "z"
	r := newRig(t, uncached)
	if resp, _ := r.do("GET", restHost+"/prod", ""); resp.StatusCode != http.StatusInternalServerError {
		t.Errorf("without a cache the sources are optional: %d", resp.StatusCode)
	}
}
