// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"testing"

	"github.com/forelane/forelane/internal/integration"
	"github.com/forelane/forelane/internal/model"
)

// TestA20Types: each of the 21 types of gateway responses is reached by a
// Reason, or said here not to be. Its status is AWS's default, and an API's
// own response takes its place.
func TestA20Types(t *testing.T) {
	types := map[string]int{
		"ACCESS_DENIED": 403, "API_CONFIGURATION_ERROR": 500, "AUTHORIZER_CONFIGURATION_ERROR": 500, "AUTHORIZER_FAILURE": 500,
		"BAD_REQUEST_BODY": 400, "BAD_REQUEST_PARAMETERS": 400, "DEFAULT_4XX": 0, "DEFAULT_5XX": 0, "EXPIRED_TOKEN": 403,
		"INTEGRATION_FAILURE": 504, "INTEGRATION_TIMEOUT": 504, "INVALID_API_KEY": 403, "INVALID_SIGNATURE": 403,
		"MISSING_AUTHENTICATION_TOKEN": 403, "QUOTA_EXCEEDED": 429, "REQUEST_TOO_LARGE": 413, "RESOURCE_NOT_FOUND": 404,
		"THROTTLED": 429, "UNAUTHORIZED": 401, "UNSUPPORTED_MEDIA_TYPE": 415, "WAF_FILTERED": 403,
	}
	unreached := map[string]string{
		"DEFAULT_4XX":        "stands in for any type that has no response of its own",
		"RESOURCE_NOT_FOUND": "an unknown path is MISSING_AUTHENTICATION_TOKEN",
		"REQUEST_TOO_LARGE":  "the 413 cannot be worded on AWS either",
		"EXPIRED_TOKEN":      "authorizers",
		"INVALID_SIGNATURE":  "authorizers",
		"AUTHORIZER_FAILURE": "authorizers",
		"WAF_FILTERED":       "web ACLs",
	}
	reached := map[string]bool{}
	for r := ReasonNone + 1; r < reasonCount; r++ {
		w := restWire(r)
		if w.response == "" {
			continue
		}
		status, known := types[w.response]
		if !known || status != 0 && status != w.status {
			t.Errorf("%s: %s with %d, AWS says %d", r, w.response, w.status, status)
		}
		reached[w.response] = true
		for _, own := range []string{w.response, "DEFAULT_4XX", "DEFAULT_5XX"} {
			x := &exchange{req: &http.Request{}, api: &api{responses: map[string]*gatewayResponse{own: {status: 299}}}, refused: refusal{reason: r}}
			x.call.API, x.call.Stage, x.call.Route = &integration.API{Style: integration.RESTAPI}, &integration.Stage{}, &integration.Route{}
			a := x.explain()
			if want := own == w.response || own == "DEFAULT_4XX" && w.status < 500 || own == "DEFAULT_5XX" && w.status >= 500; (a.Status == 299) != want {
				t.Errorf("%s: %s gives %d", r, own, a.Status)
			}
		}
	}
	for typ := range types {
		if !reached[typ] && unreached[typ] == "" {
			t.Errorf("%s is neither reached nor said not to be", typ)
		}
	}
}

// TestA20ErrorWords: what a gateway response can say of a validation.
func TestA20ErrorWords(t *testing.T) {
	route := newRoute("POST /", lambda(""))
	route.Validate = model.Validation{Parameters: true, Body: true}
	route.RequestParameters = map[string]bool{`method.request.querystring.a"b`: true}
	route.RequestModels = map[string]string{"application/json": "M"}
	api := restAPI(route)
	api.Models = map[string]string{"M": `{"enum":["a\nb"]}`}
	api.GatewayResponses = []model.GatewayResponse{{Type: "DEFAULT_4XX", Templates: map[string]string{
		"application/json": `{"m":$context.error.messageString,"v":"$context.error.validationErrorString","t":"$context.error.responseType"}`,
	}}}
	r := newRig(t, api)
	for query, want := range map[string]string{
		"":           `{"m":"Missing required request parameters: [a\"b]","v":"","t":"BAD_REQUEST_PARAMETERS"}`,
		"?a%22b=yes": `{"m":"Invalid request body","v":"[instance value (\"c\") not found in enum (possible values: [\"a\\nb\"])]","t":"BAD_REQUEST_BODY"}`,
	} {
		if resp, body := r.do("POST", restHost+"/prod"+query, `"c"`); resp.StatusCode != 400 || body != want {
			t.Errorf("%d %s\nwant %s", resp.StatusCode, body, want)
		}
	}
}
