// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

func show(a *Answer) string {
	body := ""
	if a.Body != nil {
		data, _ := io.ReadAll(a.Body)
		body = string(data)
	}
	var fields []string
	for name, values := range a.Header {
		fields = append(fields, fmt.Sprint(name, values))
	}
	slices.Sort(fields)
	return fmt.Sprint(a.Status, " ", strings.Join(fields, " "), " ", body)
}

func TestA4A5FunctionAnswers(t *testing.T) {
	const plain, js = "Content-Type[text/plain; charset=utf-8]", "Content-Type[application/json]"
	for _, tt := range []struct {
		format, payload, want string // want: "" for malformed
	}{
		// Payload 2.0: anything that is JSON and has no statusCode is the body.
		{"2.0", `"Hello from Lambda!"`, "200 " + js + " Hello from Lambda!"},
		{"2.0", `{ "message": "hi" }`, "200 " + js + ` { "message": "hi" }`},
		{"2.0", ` [1,2] `, "200 " + js + " [1,2]"},
		{"2.0", `null`, "200 " + js + " null"},
		{"2.0", `42`, "200 " + js + " 42"},
		{"2.0", `{"statusCode":201,"body":"x"}`, "201 " + plain + " x"},
		{"2.0", `{"statusCode":"404"}`, "404 " + plain + " "},
		{"2.0", `{"statusCode":200.0,"body":null,"headers":null,"cookies":null}`, "200 " + plain + " "},
		{
			"2.0", `{"statusCode":200,"headers":{"X-a":"1","content-type":"text/html","n":7,"b":true,"z":null},"body":"<p>"}`,
			"200 B[true] Content-Type[text/html] N[7] X-A[1] <p>",
		},
		{
			"2.0", `{"statusCode":200,"cookies":["a=1; Path=/","b=2"],"body":"eA==","isBase64Encoded":true}`,
			"200 " + plain + " Set-Cookie[a=1; Path=/ b=2] x",
		},
		{"2.0", `{"statusCode":200,"body":"\u00e9\ud83d\ude00\n"}`, "200 " + plain + " é😀\n"},
		{"2.0", `{"statusCode":200,"body":"a","multiValueHeaders":{"X":["1"]},"other":1}`, "200 " + plain + " a"},
		{"2.0", `{"statusCode":200,"body":{"a":1}}`, ""},
		{"2.0", `{"statusCode":99}`, ""},
		{"2.0", `{"statusCode":"x"}`, ""},
		{"2.0", `{"statusCode":200,"headers":[]}`, ""},
		{"2.0", `{"statusCode":200,"headers":{"a b":"c"}}`, ""},
		{"2.0", `{"statusCode":200,"headers":{"a":"b\r\nc: d"}}`, ""},
		{"2.0", `{"statusCode":200,"body":"%%%","isBase64Encoded":true}`, ""},
		{"2.0", `{"statusCode":200`, ""},
		{"2.0", ``, ""},
		// Payload 1.0 of an HTTP API: statusCode must be there.
		{
			"1.0", `{"statusCode":200,"multiValueHeaders":{"X":["1","2"]},"headers":{"X":"0","Y":"3"},"body":"b"}`,
			"200 " + plain + " X[1 2] Y[3] b",
		},
		{"1.0", `{"body":"x"}`, ""},
		{"1.0", `"x"`, ""},
		// REST: no member is mandatory, no other member is allowed.
		{"rest", `{}`, "200 " + js + " "},
		{"rest", `{"statusCode":201,"body":"x","headers":{"Content-Type":"text/plain"}}`, "201 Content-Type[text/plain] x"},
		{"rest", `{"statusCode":200,"multiValueHeaders":{"Set-Cookie":["a=1","b=2"]}}`, "200 " + js + " Set-Cookie[a=1 b=2] "},
		{"rest", `{"statusCode":200,"body":"eA==","isBase64Encoded":true}`, "200 " + js + " eA=="}, // no binary types
		{"rest", `{"statusCode":200,"message":"x"}`, ""},
		{"rest", `{"StatusCode":200}`, ""},
		{"rest", `{"statusCode":200,"cookies":["a"]}`, ""},
		{"rest", `{"statusCode":200,"body":1}`, ""},
		{"rest", `"x"`, ""},
		{"rest", `null`, ""},
	} {
		c := testCall(HTTPAPI)
		l := &lambdaProxy{format1: tt.format != "2.0"}
		if tt.format == "rest" {
			c = testCall(RESTAPI)
		}
		a, err := l.buffered(c, []byte(tt.payload))
		var f *Fault
		switch {
		case err != nil && tt.want != "":
			t.Errorf("%s %s: %v", tt.format, tt.payload, err)
		case err != nil && (!errors.As(err, &f) || f.Kind != FaultMalformed):
			t.Errorf("%s %s: fault %v", tt.format, tt.payload, err)
		case err == nil && show(a) != tt.want:
			b, _ := l.buffered(c, []byte(tt.payload))
			t.Errorf("%s %s:\n got %q\nwant %q", tt.format, tt.payload, show(b), tt.want)
		}
	}
}

func TestA21BinaryAnswersOfREST(t *testing.T) {
	const payload = `{"statusCode":200,"body":"eA==","isBase64Encoded":true}`
	for _, tt := range []struct {
		types  []string
		accept string
		want   string
	}{
		{[]string{"image/png"}, "image/png", "x"},
		{[]string{"image/*"}, "image/webp,*/*", "x"},
		{[]string{"image/png"}, "text/html,image/png", "eA=="}, // the first type decides
		{[]string{"image/png"}, "*/*", "eA=="},
		{[]string{"*/*"}, "text/html", "x"},
		{[]string{"*/*"}, "", "x"},
		{nil, "image/png", "eA=="},
	} {
		c := testCall(RESTAPI)
		c.API.BinaryMediaTypes = tt.types
		c.Header["Accept"] = []string{tt.accept}
		a, err := (&lambdaProxy{format1: true}).buffered(c, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(a.Body); string(got) != tt.want {
			t.Errorf("%v, Accept %q: %q, want %q", tt.types, tt.accept, got, tt.want)
		}
	}
}

// FuzzReply: the scanner finds what encoding/json finds, and never panics.
func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"statusCode":200,"headers":{"a":"b"},"body":"x\u00e9\"","n":[1,{"a":[]}],"b":true}`))
	f.Add([]byte(` [1 , "]" , {"}":"{"} ] `))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, c := range []*Call{testCall(HTTPAPI), testCall(RESTAPI)} {
			a, err := (&lambdaProxy{format1: c.API.Style == RESTAPI}).buffered(c, data)
			if err == nil && (a.Status < 200 || a.Header == nil) {
				t.Errorf("answer %v", a)
			}
		}
		v, err := parseValue(data)
		if (err == nil) != json.Valid(data) {
			t.Fatalf("parseValue: %v", err)
		}
		if err != nil || !v.isObject() {
			return
		}
		var want map[string]json.RawMessage
		if json.Unmarshal(data, &want) != nil {
			return
		}
		got := map[string]string{}
		if err := v.members(func(name string, value rawValue) error {
			got[name] = string(value)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d members, want %d", len(got), len(want))
		}
		for name, value := range want {
			if got[name] != strings.TrimSpace(string(value)) {
				t.Fatalf("%q: %q, want %q", name, got[name], value)
			}
		}
	})
}

func TestJSONPath(t *testing.T) {
	body := []byte(`{"a":{"b":[{"c":"x"},2]},"s":"t","o":{"k":1},"n":null}`)
	for path, want := range map[string]string{
		"a.b[0].c": "x", "a.b[1]": "2", "s": "t", "o": `{"k":1}`, "['o'].k": "1", "a.b[2]": "-", "q": "-", "s.x": "-", "n": "-", "a.b[": "-",
	} {
		got, ok := jsonPath(body, path)
		if !ok {
			got = "-"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
