// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

const v1, v2 = "cloudfront-js-1.0", "cloudfront-js-2.0"

// request runs code at viewer-request on the test request.
func request(t *testing.T, kind, code string, stores ...*model.KeyValueStore) (*httpmsg.Request, *httpmsg.Response, Outcome, error) {
	t.Helper()
	rq := testRequest()
	rs, out, err := compileOne(t, kind, code, Options{}, stores...).ViewerRequest(context.Background(), testEvent(), rq)
	return rq, rs, out, err
}

// eval runs an expression in a function and returns its JSON.
func eval(t *testing.T, kind, body string, stores ...*model.KeyValueStore) string {
	t.Helper()
	head := ""
	if kind == v2 {
		head = "import cf from 'cloudfront';\nimport crypto from 'crypto';\nimport querystring from 'querystring';\nasync "
	}
	code := head + "function handler(event) { var x = (" + body + "); return { statusCode: 200, body: JSON.stringify(x) === undefined ? 'undefined' : JSON.stringify(x) }; }"
	_, rs, _, err := request(t, kind, code, stores...)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return text(t, rs)
}

func text(t *testing.T, rs *httpmsg.Response) string {
	t.Helper()
	if rs == nil {
		t.Fatal("no response")
	}
	if rs.Body == nil {
		return ""
	}
	b, err := io.ReadAll(rs.Body)
	if err != nil || int64(len(b)) != rs.ContentLength {
		t.Fatalf("body of %d bytes, length %d: %v", len(b), rs.ContentLength, err)
	}
	return string(b)
}

// same compares two JSON texts.
func same(t *testing.T, got, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatalf("%v: %s", err, want)
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if string(x) != string(y) {
		t.Errorf("\n got %s\nwant %s", x, y)
	}
}

func TestE1EventOfViewerRequest(t *testing.T) {
	for _, kind := range []string{v1, v2} {
		same(t, eval(t, kind, "event"), `{
		"version": "1.0",
		"context": {"distributionDomainName": "d111111abcdef8.cloudfront.net", "distributionId": "EDFDVBD6EXAMPLE",
			"eventType": "viewer-request", "requestId": "EXAMPLEid=="},
		"viewer": {"ip": "198.51.100.11"},
		"request": {"method": "GET", "uri": "/media/",
			"querystring": {"ID": {"value": "42"}, "NoValue": {"value": ""},
				"mv": {"value": "val1", "multiValue": [{"value": "val1"}, {"value": "val2,val3"}]}},
			"headers": {"host": {"value": "video.example.com"}, "user-agent": {"value": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"},
				"accept": {"value": "application/json", "multiValue": [{"value": "application/json"}, {"value": "text/html"}]},
				"accept-language": {"value": "en-GB,en;q=0.5"}, "accept-encoding": {"value": "gzip, deflate, br"},
				"referer": {"value": "https://website.example.com/"}, "cloudfront-viewer-country": {"value": "GB"}},
			"cookies": {"c1": {"value": "v1"}, "mv": {"value": "a", "multiValue": [{"value": "a"}, {"value": "b"}]}}}}`)
	}
}

func TestE1MembersKeepTheOrderOfTheMessage(t *testing.T) {
	got := eval(t, v1, "(event.request.headers.referer, [Object.keys(event.request.headers), Object.keys(event.request.querystring), Object.keys(event.request.cookies)])")
	same(t, got, `[["host","user-agent","accept","accept-language","accept-encoding","referer","cloudfront-viewer-country"],["ID","NoValue","mv"],["c1","mv"]]`)
}

func TestE1EmptyRequestHasEmptyObjects(t *testing.T) {
	rq := &httpmsg.Request{Method: "GET", Path: "/"}
	f := compileOne(t, v1, "function handler(event) { return { statusCode: 200, body: JSON.stringify(event.request) }; }", Options{})
	rs, _, err := f.ViewerRequest(context.Background(), testEvent(), rq)
	if err != nil {
		t.Fatal(err)
	}
	same(t, text(t, rs), `{"method":"GET","uri":"/","querystring":{},"headers":{},"cookies":{}}`)
}

func TestE1QueryIsNotDecoded(t *testing.T) {
	rq := testRequest()
	rq.Path, rq.Query = "/a%20b", "q=x%20y&q=%C3%A9&%41=1"
	f := compileOne(t, v1, "function handler(event) { var r = event.request; return { statusCode: 200, body: JSON.stringify([r.uri, r.querystring]) }; }", Options{})
	rs, _, err := f.ViewerRequest(context.Background(), testEvent(), rq)
	if err != nil {
		t.Fatal(err)
	}
	same(t, text(t, rs), `["/a%20b", {"q": {"value":"x%20y","multiValue":[{"value":"x%20y"},{"value":"%C3%A9"}]}, "%41":{"value":"1"}}]`)
}

func TestE1LatinBytesBecomeUTF8(t *testing.T) {
	rq := testRequest()
	rq.Path, rq.Query = "/caf\xe9", "q=\xe9"
	f := compileOne(t, v1, "function handler(event) { var r = event.request; return r.uri === '/caf\u00e9' && r.querystring.q.value === '\u00e9' ? r : null; }", Options{})
	if _, _, err := f.ViewerRequest(context.Background(), testEvent(), rq); err != nil {
		t.Fatal(err)
	}
	if rq.Path != "/caf\xe9" || rq.Query != "q=\xe9" {
		t.Errorf("what was not changed must stay as sent: %q %q", rq.Path, rq.Query)
	}
}

func TestE1RawQueryString(t *testing.T) {
	if got := eval(t, v2, "event.request.rawQueryString()"); got != `"ID=42&NoValue&mv=val1&mv=val2,val3"` {
		t.Error(got)
	}
	if got := eval(t, v1, "typeof event.request.rawQueryString"); got != `"undefined"` {
		t.Error(got)
	}
}

func TestE1ReturningTheRequestChangesNothing(t *testing.T) {
	for _, body := range []string{
		"return event.request;",
		"event.request.headers.host.value; Object.keys(event.request.headers); return event.request;",
		"return Object.assign({}, event.request);",
		"return JSON.parse(JSON.stringify(event.request));",
	} {
		rq, rs, out, err := request(t, v1, "function handler(event) { "+body+" }")
		want := testRequest()
		if err != nil || rs != nil || out.Changed || rq.Target() != want.Target() || !slices.Equal(rq.Header.Fields(), want.Header.Fields()) {
			t.Errorf("%s: %v %+v %+v", body, err, out, rq)
		}
	}
}

func TestE1ChangesOfTheRequest(t *testing.T) {
	for _, tt := range []struct {
		name, body, target string
		header, value      string
	}{
		{"uri", "r.uri += 'index.html'", "/media/index.html?ID=42&NoValue&mv=val1&mv=val2,val3", "", ""},
		{"uri is encoded", "r.uri = '/a b?c#\\u00e9'", "/a%20b%3Fc%23%C3%A9?ID=42&NoValue&mv=val1&mv=val2,val3", "", ""},
		{"uri keeps its escapes", "r.uri = '/a%2Fb'", "/a%2Fb?ID=42&NoValue&mv=val1&mv=val2,val3", "", ""},
		{"query value", "r.querystring.ID.value = '43'", "/media/?ID=43&NoValue&mv=val1&mv=val2,val3", "", ""},
		{"query deleted", "delete r.querystring.ID", "/media/?NoValue&mv=val1&mv=val2,val3", "", ""},
		{"query added", "r.querystring.z = { value: '1' }", "/media/?ID=42&NoValue&mv=val1&mv=val2,val3&z=1", "", ""},
		{"query emptied", "r.querystring = {}", "/media/", "", ""},
		{"query as text", "r.querystring = 'b=1&a=%20&b'", "/media/?b=1&a=%20&b", "", ""},
		{"query emptied as text", "r.querystring = ''", "/media/", "", ""},
		{"query replaced takes the new order", "r.querystring = { b: { value: '2' }, ID: r.querystring.ID, NoValue: r.querystring.NoValue }", "/media/?b=2&ID=42&NoValue", "", ""},
		{"multiValue wins", "r.querystring.mv.multiValue = [{ value: 'n' }]; r.querystring.mv.value = 'ignored'", "/media/?ID=42&NoValue&mv=n", "", ""},
		{"value alone keeps the others", "r.querystring.mv.value = 'n'", "/media/?ID=42&NoValue&mv=n&mv=val2,val3", "", ""},
		{"multiValue pushed", "r.querystring.mv.multiValue.push({ value: 'x' })", "/media/?ID=42&NoValue&mv=val1&mv=val2,val3&mv=x", "", ""},
		{"new object drops the others", "r.querystring.mv = { value: 'n' }", "/media/?ID=42&NoValue&mv=n", "", ""},
		{"header added, capitalised", "r.headers['x-my-thing'] = { value: 'a' }", "", "X-My-Thing", "a"},
		{"header changed keeps its case", "r.headers.referer.value = 'b'", "", "Referer", "b"},
		{"header deleted", "delete r.headers.referer", "", "Referer", ""},
		{"header multiValue", "r.headers.accept.multiValue = [{ value: 'a' }, { value: 'b' }, { value: 'c' }]", "", "Accept", "a, b, c"},
		{"header first value", "r.headers.accept.value = 'x'", "", "Accept", "x, text/html"},
		{"cookie changed", "r.cookies.c1.value = 'n'", "", "Cookie", "c1=n; mv=a; mv=b"},
		{"cookie added", "r.cookies.z = { value: '1' }", "", "Cookie", "c1=v1; mv=a; mv=b; z=1"},
		{"cookies deleted", "delete r.cookies.c1; delete r.cookies.mv", "", "Cookie", ""},
		{"attributes of request cookies are nothing", "r.cookies.z = { value: '1', attributes: 'Path=/' }", "", "Cookie", "c1=v1; mv=a; mv=b; z=1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rq, _, out, err := request(t, v1, "function handler(event) { var r = event.request; "+tt.body+"; return r; }")
			if err != nil || !out.Changed {
				t.Fatalf("changed %v: %v", out.Changed, err)
			}
			if tt.target != "" && rq.Target() != tt.target {
				t.Errorf("target %s", rq.Target())
			}
			if tt.header != "" && rq.Header.Join(tt.header) != tt.value {
				t.Errorf("%s: %q", tt.header, rq.Header.Join(tt.header))
			}
			if tt.value != "" && !slices.ContainsFunc(rq.Header.Fields(), func(f httpmsg.Field) bool { return f.Name == tt.header }) {
				t.Errorf("no field is written %s", tt.header)
			}
		})
	}
}

func TestE2RulesOfTheRequest(t *testing.T) {
	for _, tt := range []struct{ name, body, word string }{
		{"method is read-only", "r.method = 'POST'", "method is read-only"},
		{"uri begins with a slash", "r.uri = 'index.html'", "does not begin with /"},
		{"uri is a string", "r.uri = 5", "uri is not a string"},
		{"uri is short", "r.uri = '/' + 'a'.repeat(8200)", "8192"},
		{"host is read-only", "r.headers.host.value = 'evil'", "header host is read-only"},
		{"host cannot go", "delete r.headers.host", "header host is read-only"},
		{"host cannot go with the others", "r.headers = {}", "header host is read-only"},
		{"content-length is read-only", "r.headers['content-length'] = { value: '5' }", "read-only"},
		{"transfer-encoding is read-only", "r.headers['transfer-encoding'] = { value: 'chunked' }", "read-only"},
		{"via is read-only", "r.headers.via = { value: 'x' }", "read-only"},
		{"connection", "r.headers.connection = { value: 'close' }", "not allowed"},
		{"x-edge-*", "r.headers['x-edge-a'] = { value: 'x' }", "not allowed"},
		{"x-amz-cf-*", "r.headers['x-amz-cf-id'] = { value: 'x' }", "not allowed"},
		{"x-forwarded-proto", "r.headers['x-forwarded-proto'] = { value: 'x' }", "not allowed"},
		{"names are lower case", "r.headers['X-Thing'] = { value: 'x' }", "lower case"},
		{"names are tokens", "r.headers['x thing'] = { value: 'x' }", "not a header name"},
		{"values have no line ends", "r.headers['x-a'] = { value: 'a\\r\\nb: c' }", "characters"},
		{"members are objects", "r.headers['x-a'] = 'x'", "not an object"},
		{"values are strings", "r.headers['x-a'] = { value: 5 }", "not a string"},
		{"values are there", "r.headers['x-a'] = {}", "not a string"},
		{"multiValue is an array", "r.headers['x-a'] = { multiValue: 'x' }", "not an array"},
		{"cookies are in cookies", "r.headers.cookie = { value: 'a=b' }", "request.cookies"},
		{"cookie names", "r.cookies['a b'] = { value: 'x' }", "cookie name"},
		{"cookie values", "r.cookies.a = { value: 'x; y=z' }", "not allowed"},
		{"query without spaces", "r.querystring.q = { value: 'a b' }", "spaces"},
		{"query without #", "r.querystring['#'] = { value: 'a' }", "#"},
		{"querystring is no number", "r.querystring = 5", "not an object"},
		{"querystring as text without spaces", "r.querystring = 'a=b c'", "spaces"},
		{"headers are an object", "r.headers = []", "not an object"},
		{"something is returned", "r = undefined", "undefined"},
		{"an object is returned", "r = 'x'", "instead of"},
		{"null is nothing", "r = null", "null"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rq, rs, _, err := request(t, v1, "function handler(event) { var r = event.request; "+tt.body+"; return r; }")
			var e *Error
			if !errors.As(err, &e) || e.Kind != Validation || e.Kind.Status() != 502 || !strings.Contains(err.Error(), tt.word) || rs != nil {
				t.Errorf("%v %v", err, rs)
			}
			if rq.Target() != testRequest().Target() || !slices.Equal(rq.Header.Fields(), testRequest().Header.Fields()) {
				t.Error("a refused request was changed")
			}
		})
	}
}

func TestE2HiddenHeadersAreNotSeen(t *testing.T) {
	if got := eval(t, v1, "[event.request.headers['x-amz-cf-id'], event.request.headers.cookie, event.request.headers.Host, 'cookie' in event.request.headers]"); got != "[null,null,null,false]" {
		t.Error(got)
	}
}

func TestE1GeneratedResponse(t *testing.T) {
	_, rs, _, err := request(t, v1, `function handler(event) { return { statusCode: 302, statusDescription: 'Found',
		headers: { location: { value: '/x' }, 'x-many': { multiValue: [{ value: 'a' }, { value: 'b' }] } },
		cookies: { id: { value: '1', attributes: 'Path=/; Secure' }, two: { value: 'a', multiValue: [{ value: 'a' }, { value: 'b', attributes: 'Path=/b' }] } } }; }`)
	if err != nil {
		t.Fatal(err)
	}
	want := []httpmsg.Field{
		{Name: "Location", Value: "/x"},
		{Name: "X-Many", Value: "a"},
		{Name: "X-Many", Value: "b"},
		{Name: "Set-Cookie", Value: "id=1; Path=/; Secure"},
		{Name: "Set-Cookie", Value: "two=a"},
		{Name: "Set-Cookie", Value: "two=b; Path=/b"},
	}
	if rs.Status != 302 || !slices.Equal(rs.Header.Fields(), want) || rs.Body != nil || rs.ContentLength != 0 {
		t.Errorf("%+v", rs)
	}
}

func TestE1BodyForms(t *testing.T) {
	for body, want := range map[string]string{
		`'plain'`: "plain", `{ encoding: 'text', data: 'd' }`: "d", `{ encoding: 'base64', data: 'aGk=' }`: "hi", `{ data: 'n' }`: "n", `''`: "", `undefined`: "",
	} {
		_, rs, _, err := request(t, v1, "function handler(event) { return { statusCode: 200, body: "+body+" }; }")
		if err != nil || text(t, rs) != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestE2RulesOfTheResponse(t *testing.T) {
	for response, word := range map[string]string{
		`{ statusCode: '200' }`:                                              "not an integer",
		`{ statusCode: 200.5 }`:                                              "not an integer",
		`{ statusCode: 99 }`:                                                 "not between",
		`{ statusCode: 600 }`:                                                "not between",
		`{ statusCode: null }`:                                               "not an integer",
		`{ statusCode: 200, statusDescription: 5 }`:                          "statusDescription",
		`{ statusCode: 200, body: 5 }`:                                       "body",
		`{ statusCode: 200, body: { data: 5 } }`:                             "body",
		`{ statusCode: 200, body: { encoding: 'gzip', data: '' } }`:          "encoding",
		`{ statusCode: 200, body: { encoding: 'base64', data: '!' } }`:       "base64",
		`{ statusCode: 200, headers: { 'x-cache': { value: 'Hit' } } }`:      "not allowed",
		`{ statusCode: 200, headers: { Location: { value: '/' } } }`:         "lower case",
		`{ statusCode: 200, headers: { 'set-cookie': { value: 'a=b' } } }`:   "response.cookies",
		`{ statusCode: 200, headers: { via: { value: 'x' } } }`:              "read-only",
		`{ statusCode: 200, headers: { a: { value: 'x'.repeat(21000) } } }`:  "20480",
		`{ statusCode: 200, cookies: { a: { value: 'x', attributes: 5 } } }`: "attributes",
	} {
		_, _, _, err := request(t, v1, "function handler(event) { return "+response+"; }")
		var e *Error
		if !errors.As(err, &e) || e.Kind != Validation || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", response, err)
		}
	}
}

// TestE1EventIsExactToTheByte: the event of a message is what the guide's
// "Example event" shows of one like it, order and spelling included.
func TestE1EventIsExactToTheByte(t *testing.T) {
	rq := &httpmsg.Request{Method: "GET", Path: "/media/index.mpd", Query: "ID=42&NoValue=&bare&mv=val1&last=%20&mv=val2,val3&=anonymous&mv"}
	rq.Viewer.Addr = netip.MustParseAddrPort("[2001:db8::7]:443")
	rs := &httpmsg.Response{Status: 404, ContentLength: 701}
	for _, f := range [][2]string{
		{"Host", "video.example.com"},
		{"Accept", "application/json"},
		{"COOKIE", "c1=v1; empty=; cmv=1"},
		{"X-Empty", ""},
		{"accept", "text/html"},
		{"Cookie", "cmv=a=b; c2=\"q\""},
		{"CloudFront-Viewer-Country", "GB"},
		{"X-Quote", `a"b\c</script>`},
	} {
		rq.Header.Add(f[0], f[1])
	}
	for _, f := range [][2]string{
		{"Date", "Mon, 05 Apr 2021 18:57:56 GMT"},
		{"Set-Cookie", "ID=1; Expires=Wed, 07 Apr 2021 07:28:00 GMT"},
		{"Content-Type", "text/html"},
		{"Set-Cookie", "plain=1"},
		{"set-cookie", "ID=2;Path=/cat; Secure"},
	} {
		rs.Header.Add(f[0], f[1])
	}
	want := `{"version":"1.0","context":{"distributionDomainName":"d111111abcdef8.cloudfront.net","distributionId":"EDFDVBD6EXAMPLE",` +
		`"eventType":"viewer-response","requestId":"EXAMPLEid=="},"viewer":{"ip":"2001:db8::7"},` +
		`"request":{"method":"GET","uri":"/media/index.mpd",` +
		`"querystring":{"ID":{"value":"42"},"NoValue":{"value":""},"bare":{"value":""},"mv":{"value":"val1","multiValue":[{"value":"val1"},{"value":"val2,val3"},{"value":""}]},` +
		`"last":{"value":"%20"},"":{"value":"anonymous"}},` +
		`"headers":{"host":{"value":"video.example.com"},"accept":{"value":"application/json","multiValue":[{"value":"application/json"},{"value":"text/html"}]},` +
		`"x-empty":{"value":""},"cloudfront-viewer-country":{"value":"GB"},"x-quote":{"value":"a\"b\\c</script>"}},` +
		`"cookies":{"c1":{"value":"v1"},"empty":{"value":""},"cmv":{"value":"1","multiValue":[{"value":"1"},{"value":"a=b"}]},"c2":{"value":"\"q\""}}},` +
		`"response":{"statusCode":404,"statusDescription":"Not Found",` +
		`"headers":{"date":{"value":"Mon, 05 Apr 2021 18:57:56 GMT"},"content-type":{"value":"text/html"},"content-length":{"value":"701"}},` +
		`"cookies":{"ID":{"value":"1","attributes":"Expires=Wed, 07 Apr 2021 07:28:00 GMT","multiValue":[{"value":"1","attributes":"Expires=Wed, 07 Apr 2021 07:28:00 GMT"},` +
		`{"value":"2","attributes":"Path=/cat; Secure"}]},"plain":{"value":"1"}}}}`
	for _, kind := range []string{v1, v2} {
		var log []string
		f := compileOne(t, kind, "function handler(event) { console.log(JSON.stringify(event)); return event.response; }", Options{Log: func(l Line) { log = append(log, l.Text) }})
		if _, err := f.ViewerResponse(context.Background(), testEvent(), rq, rs); err != nil {
			t.Fatal(err)
		}
		if log[0] != want {
			t.Errorf("%s:\n got %s\nwant %s", kind, log[0], want)
		}
	}
}

func TestE1NoRawQueryString(t *testing.T) {
	rq := testRequest()
	rq.Query = ""
	f := compileOne(t, v2, "function handler(event) { return { statusCode: 200, body: typeof event.request.rawQueryString() }; }", Options{})
	rs, _, err := f.ViewerRequest(context.Background(), testEvent(), rq)
	if err != nil || text(t, rs) != "undefined" {
		t.Error(err)
	}
}
