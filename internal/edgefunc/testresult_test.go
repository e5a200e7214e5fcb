// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// The event of a request that has everything: duplicates, no value, cookies,
// Set-Cookie with and without attributes.
const fullEvent = `{
	"version": "1.0",
	"context": {"distributionDomainName": "d111111abcdef8.cloudfront.net", "distributionId": "EDFDVBD6EXAMPLE", "eventType": "viewer-response", "requestId": "id=="},
	"viewer": {"ip": "198.51.100.11"},
	"request": {
		"method": "GET", "uri": "/media/index.mpd",
		"querystring": {"ID": {"value": "42"}, "NoValue": {"value": ""}, "mv": {"value": "a", "multiValue": [{"value": "a"}, {"value": "b,c"}]}},
		"headers": {"host": {"value": "video.example.com"}, "accept": {"value": "x", "multiValue": [{"value": "x"}, {"value": "y"}]}},
		"cookies": {"c1": {"value": "v1"}, "cmv": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]}}
	},
	"response": {
		"statusCode": 200, "statusDescription": "OK",
		"headers": {"server": {"value": "g/1"}, "content-length": {"value": "701"}},
		"cookies": {"ID": {"value": "1", "attributes": "Path=/"}, "C": {"value": "1", "attributes": "Secure", "multiValue": [{"value": "1", "attributes": "Secure"}, {"value": "2"}]}}
	}
}`

func try(t *testing.T, kind, code, event string) *TestResult {
	t.Helper()
	got, err := compileOne(t, kind, code, Options{}).Test(context.Background(), []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	if got.Utilization < 0 || got.Utilization > 100 {
		t.Errorf("utilization %d", got.Utilization)
	}
	return got
}

// TestE1ATestShowsTheEvent: what a function is shown of a written event is that
// event, to the byte.
func TestE1ATestShowsTheEvent(t *testing.T) {
	got := try(t, v1, "function handler(event) { console.log(event); return event.response; }", fullEvent)
	var want strings.Builder
	for line := range strings.Lines(fullEvent) { // no text of it has white space but ", " and ": "
		want.WriteString(strings.TrimSpace(line))
	}
	compact := strings.NewReplacer(`": `, `":`, `, "`, `,"`, `, {`, `,{`).Replace(want.String())
	if len(got.Log) != 1 || got.Log[0] != compact {
		t.Errorf("\n got %s\nwant %s", got.Log, compact)
	}
}

func TestE1TestOutput(t *testing.T) {
	request := strings.Replace(fullEvent, "viewer-response", "viewer-request", 1)
	for _, tt := range []struct{ name, event, code, want string }{
		{
			"request", request, "event.request.uri = '/index.html'; return event.request",
			`{"request":{"headers":{"host":{"value":"video.example.com"},"accept":{"value":"x","multiValue":[{"value":"x"},{"value":"y"}]}},"method":"GET",` +
				`"querystring":{"ID":{"value":"42"},"NoValue":{"value":""},"mv":{"value":"a","multiValue":[{"value":"a"},{"value":"b,c"}]}},"uri":"/index.html",` +
				`"cookies":{"c1":{"value":"v1"},"cmv":{"value":"1","multiValue":[{"value":"1"},{"value":"2"}]}}}}`,
		},
		{
			"answer", request, "return { statusCode: 302, statusDescription: 'Found', headers: { location: { value: 'https://a.example/?a&b' } } }",
			`{"response":{"headers":{"location":{"value":"https://a.example/?a&b"}},"statusDescription":"Found","cookies":{},"statusCode":302}}`,
		},
		{
			"answer with a body", request, "return { statusCode: 200, body: '<p>' }",
			`{"response":{"headers":{},"cookies":{},"statusCode":200,"body":{"encoding":"text","data":"<p>"}}}`,
		},
		{
			"answer with bytes", request, "return { statusCode: 200, body: { encoding: 'base64', data: '/w==' } }",
			`{"response":{"headers":{},"cookies":{},"statusCode":200,"body":{"encoding":"base64","data":"/w=="}}}`,
		},
		{
			"response", fullEvent, "event.response.headers.a = { value: 'b' }; delete event.response.cookies.C; return event.response",
			`{"response":{"headers":{"server":{"value":"g/1"},"content-length":{"value":"701"},"a":{"value":"b"}},"statusDescription":"OK",` +
				`"cookies":{"ID":{"attributes":"Path=/","value":"1"}},"statusCode":200}}`,
		},
	} {
		got := try(t, v1, "function handler(event) { "+tt.code+"; }", tt.event)
		if string(got.Output) != tt.want || got.Error != "" || !json.Valid(got.Output) {
			t.Errorf("%s: %s\n got %s\nwant %s", tt.name, got.Error, got.Output, tt.want)
		}
	}
}

func TestE2TestErrors(t *testing.T) {
	event := `{"request": {"method": "GET", "uri": "/"}}`
	for code, word := range map[string]string{
		"throw new Error('boom')": "Error: boom",
		"return 5":                "instead of a request",
		"event.request.headers.via = { value: 'x' }; return event.request": "read-only",
		"for (;;) {}": "ran longer",
	} {
		f := compileOne(t, v2, "function handler(event) { console.log('here'); "+code+"; }", Options{Timeout: 20e6})
		got, err := f.Test(context.Background(), []byte(event))
		if err != nil || got.Output != nil || !strings.Contains(got.Error, word) || len(got.Log) != 1 {
			t.Errorf("%s: %+v %v", code, got, err)
		}
	}
	got := try(t, v2, "import cf from 'cloudfront';\nfunction handler(event) { cf.updateRequestOrigin({ domainName: 'a.example' }); return event.request; }", event)
	if got.Origin != "update" {
		t.Errorf("%+v", got)
	}
}

func TestE1EventsAreChecked(t *testing.T) {
	f := compileOne(t, v1, "function handler(event) { return event.request; }", Options{})
	for event, word := range map[string]string{
		"":                          "JSON",
		"[]":                        "array",
		"{}":                        "no request",
		`{"request": {"uri": "/"}}`: "method",
		`{"request": {"method": "GET", "uri": "a"}}`:                                              "begin with /",
		`{"request": {"method": "GET", "uri": "/", "headers": []}}`:                               "not an object",
		`{"request": {"method": "GET", "uri": "/", "headers": {"Host": {"value": ""}}}}`:          "lower case",
		`{"request": {"method": "GET", "uri": "/", "headers": {"host": {}}}}`:                     "no value",
		`{"request": {"method": "GET", "uri": "/", "cookies": {"a": 5}}}`:                         "cookies",
		`{"request": {"method": "GET", "uri": "/", "querystring": 5}}`:                            "querystring",
		`{"viewer": {"ip": "x"}, "request": {"method": "GET", "uri": "/"}}`:                       "viewer.ip",
		`{"context": {"eventType": "origin-request"}, "request": {"method": "GET", "uri": "/"}}`:  "origin-request",
		`{"context": {"eventType": "viewer-response"}, "request": {"method": "GET", "uri": "/"}}`: "no response",
		`{"request": {"method": "GET", "uri": "/"}, "response": {"headers": {}}}`:                 "statusCode",
		`{"request": {"method": "GET", "uri": "/` + strings.Repeat("a", MaxEvent) + `"}}`:         "40960",
	} {
		if got, err := f.Test(context.Background(), []byte(event)); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%.80s: %v %v", event, got, err)
		}
	}
}
