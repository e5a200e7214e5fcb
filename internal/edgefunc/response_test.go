// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
)

func testResponse() *httpmsg.Response {
	rs := &httpmsg.Response{Status: 200, ContentLength: 3, Body: io.NopCloser(strings.NewReader("old"))}
	for _, f := range [][2]string{
		{"Date", "Mon, 04 Apr 2021 18:57:56 GMT"},
		{"Content-Type", "application/json"},
		{"X-Cache", "Hit from cloudfront"},
		{"Via", "1.1 x"},
		{"Set-Cookie", "ID=id1234; Expires=Wed, 05 Apr 2021 07:28:00 GMT"},
		{"Set-Cookie", "C=val1; Secure; Path=/"},
		{"Set-Cookie", "C=val2; Path=/cat"},
	} {
		rs.Header.Add(f[0], f[1])
	}
	return rs
}

func response(t *testing.T, kind, code string) (*httpmsg.Response, Outcome, error) {
	t.Helper()
	rs := testResponse()
	out, err := compileOne(t, kind, code, Options{}).ViewerResponse(context.Background(), testEvent(), testRequest(), rs)
	return rs, out, err
}

func TestE1EventOfViewerResponse(t *testing.T) {
	rs, out, err := response(t, v1, `function handler(event) { var e = event; e.response.body = JSON.stringify([e.context.eventType, e.request.uri, e.response]); return e.response; }`)
	if err != nil || !out.Body {
		t.Fatal(out, err)
	}
	same(t, text(t, rs), `["viewer-response", "/media/", {"statusCode": 200, "statusDescription": "OK",
		"headers": {"date": {"value": "Mon, 04 Apr 2021 18:57:56 GMT"}, "content-type": {"value": "application/json"}, "via": {"value": "1.1 x"}, "content-length": {"value": "3"}},
		"cookies": {"ID": {"value": "id1234", "attributes": "Expires=Wed, 05 Apr 2021 07:28:00 GMT"},
			"C": {"value": "val1", "attributes": "Secure; Path=/", "multiValue": [{"value": "val1", "attributes": "Secure; Path=/"}, {"value": "val2", "attributes": "Path=/cat"}]}}}]`)
}

func TestE1ReturningTheResponseChangesNothing(t *testing.T) {
	for _, body := range []string{"return event.response;", "JSON.stringify(event); return event.response;", "return JSON.parse(JSON.stringify(event.response));"} {
		rs, out, err := response(t, v1, "function handler(event) { "+body+" }")
		if err != nil || out.Changed || rs.Status != 200 || !slices.Equal(rs.Header.Fields(), testResponse().Header.Fields()) || text(t, rs) != "old" {
			t.Errorf("%s: %v %+v", body, err, rs)
		}
	}
}

func TestE1ChangesOfTheResponse(t *testing.T) {
	for _, tt := range []struct{ name, body, header, value, text string }{
		{"header added", "r.headers['x-frame-options'] = { value: 'DENY' }", "X-Frame-Options", "DENY", "old"},
		{"header changed", "r.headers['content-type'].value = 'text/plain'", "Content-Type", "text/plain", "old"},
		{"header deleted", "delete r.headers['content-type']", "Content-Type", "", "old"},
		{"cookie added", "r.cookies.n = { value: '1', attributes: 'HttpOnly' }", "Set-Cookie", "ID=id1234; Expires=Wed, 05 Apr 2021 07:28:00 GMT, C=val1; Secure; Path=/, C=val2; Path=/cat, n=1; HttpOnly", "old"},
		{"cookie attributes", "r.cookies.ID.attributes = 'Path=/x'", "Set-Cookie", "ID=id1234; Path=/x, C=val1; Secure; Path=/, C=val2; Path=/cat", "old"},
		{"cookie first value", "r.cookies.C.value = 'n'", "Set-Cookie", "ID=id1234; Expires=Wed, 05 Apr 2021 07:28:00 GMT, C=n; Secure; Path=/, C=val2; Path=/cat", "old"},
		{"cookies deleted", "r.cookies = {}", "Set-Cookie", "", "old"},
		{"body replaced", "r.body = 'new body'", "Content-Type", "application/json", "new body"},
		{"body removed", "r.body = ''", "Content-Type", "application/json", ""},
		{"content-length is the edge's", "r.headers['content-length'] = { value: '999' }; r.body = 'abc'", "Content-Length", "", "abc"},
		{"headers replaced", "r.headers = { via: r.headers.via, a: { value: 'b' } }", "Content-Type", "", "old"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rs, out, err := response(t, v1, "function handler(event) { var r = event.response; "+tt.body+"; return r; }")
			if err != nil || !out.Changed {
				t.Fatalf("changed %v: %v", out.Changed, err)
			}
			if got := rs.Header.Join(tt.header); got != tt.value {
				t.Errorf("%s: %q", tt.header, got)
			}
			if got := text(t, rs); got != tt.text || out.Body != (tt.text != "old") {
				t.Errorf("body %q, %+v", got, out)
			}
			if rs.Header.Get("X-Cache") == "" {
				t.Error("a header that the function does not see was lost")
			}
		})
	}
}

func TestE1StatusOfTheResponse(t *testing.T) {
	rs, _, err := response(t, v1, "function handler(event) { event.response.statusCode = 404; event.response.statusDescription = 'Gone'; return event.response; }")
	if err != nil || rs.Status != 404 || text(t, rs) != "old" {
		t.Errorf("%+v %v", rs, err)
	}
}

func TestE2RulesOfTheViewerResponse(t *testing.T) {
	for body, word := range map[string]string{
		"r.headers.via.value = 'x'":                 "read-only",
		"delete r.headers.via":                      "read-only",
		"r.headers.warning = { value: '199' }":      "read-only",
		"r.headers['x-cache'] = { value: 'x' }":     "not allowed",
		"r.headers.upgrade = { value: 'x' }":        "not allowed",
		"r.headers['set-cookie'] = { value: 'x' }":  "response.cookies",
		"r.statusCode = '200'":                      "not an integer",
		"r.cookies.x = { value: 'a\\nb' }":          "not allowed",
		"r = event.request":                         "statusCode is missing",
		"r = 'x'":                                   "instead of a response",
		"r.headers.x = { value: 'y'.repeat(21000)}": "20480",
	} {
		rs, out, err := response(t, v1, "function handler(event) { var r = event.response; "+body+"; return r; }")
		var e *Error
		if !errors.As(err, &e) || e.Kind != Validation || !strings.Contains(err.Error(), word) || out.Changed {
			t.Errorf("%s: %v", body, err)
		}
		if !slices.Equal(rs.Header.Fields(), testResponse().Header.Fields()) || rs.Status != 200 {
			t.Errorf("%s: a refused response was changed", body)
		}
	}
}

func TestE2HostMayBeSetInResponses(t *testing.T) {
	rs, _, err := response(t, v1, "function handler(event) { event.response.headers.host = { value: 'x' }; return event.response; }")
	if err != nil || rs.Header.Get("Host") != "x" {
		t.Error(err)
	}
}
