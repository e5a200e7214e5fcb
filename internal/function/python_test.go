// SPDX-License-Identifier: Apache-2.0

package function

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

func TestPythonContext(t *testing.T) {
	f := python("ctx", `
import os
def handler(event, c):
    return {
        "id": c.aws_request_id, "name": c.function_name, "version": c.function_version,
        "arn": c.invoked_function_arn, "memory": c.memory_limit_in_mb, "group": c.log_group_name,
        "stream": c.log_stream_name, "left": 0 < c.get_remaining_time_in_millis() <= 20000,
        "client": c.client_context, "identity": c.identity.cognito_identity_id,
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
    }
`)
	f.LogGroup = "/own/group"
	s, b := service(t, nil, f)
	res, err := s.Invoke(t.Context(), &model.Invocation{Function: "ctx", Payload: []byte(`{}`), TraceID: `Root=1;"x"`})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(res.Payload, &got); err != nil {
		t.Fatalf("%s: %v", res.Payload, err)
	}
	stream, _ := got["stream"].(string)
	if !regexp.MustCompile(`^\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$`).MatchString(stream) {
		t.Errorf("log stream %q", stream)
	}
	for k, v := range map[string]any{
		"id": res.RequestID, "name": "ctx", "version": "$LATEST", "arn": f.ARN, "memory": "256",
		"group": "/own/group", "left": true, "client": nil, "identity": nil, "trace": `Root=1;"x"`,
	} {
		if got[k] != v {
			t.Errorf("%s: got %v, want %v", k, got[k], v)
		}
	}
	for _, l := range b.lines {
		if l.Kind == LogPlatform && (l.Group != "/own/group" || l.Stream != stream || l.RequestID != res.RequestID || l.Function != "ctx") {
			t.Errorf("line %+v", l)
		}
	}
}

func TestPythonJSON(t *testing.T) {
	s, _ := service(t, nil, python("f", `
import decimal
def handler(event, context):
    if event == "large":
        return "x" * (7 << 20)
    if event == "decimal":
        return [decimal.Decimal("10"), decimal.Decimal("1.5")]
    return event
`))
	for payload, answer := range map[string]string{
		`"decimal"`:                              `[10, 1.5]`,
		`123456789012345678901`:                  `123456789012345678901`,
		`1.10`:                                   `1.1`,
		`"ä\u0000\ud83d\ude00\""`:                `"ä\u0000😀\""`,
		`"\ud800"`:                               "\"\xed\xa0\x80\"",
		`null`:                                   `null`,
		`{"b":1,"a":[]}`:                         `{"b": 1, "a": []}`,
		`"` + strings.Repeat("x", 6<<20-2) + `"`: `"` + strings.Repeat("x", 6<<20-2) + `"`,
	} {
		want(t, invoke(t, s, "f", payload), answer)
	}
	if o := failed(t, invoke(t, s, "f", `"large"`)); o.ErrorType != "Function.ResponseSizeTooLarge" {
		t.Errorf("got %+v", o)
	}
	if o := failed(t, invoke(t, s, "f", `{`)); o.ErrorType != "Runtime.UnmarshalError" {
		t.Errorf("got %+v", o)
	}
}

func TestPythonLogging(t *testing.T) {
	const code = `
import logging, sys
log = logging.getLogger("mine")
def handler(event, context):
    log.info("hidden")
    log.warning("seen %d", 1)
    print("out")
    print("err", file=sys.stderr)
    sys.stdout.write("no end")
    if event:
        raise ValueError("bad")
`
	text, js := python("text", code), python("json", code)
	js.LogJSON = true
	s, b := service(t, nil, text, js)
	res := invoke(t, s, "text", `{}`)
	stamp := `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
	pattern := `^START RequestId: ID Version: \$LATEST
\[WARNING\]\t` + stamp + `\tID\tseen 1
out
err
no end
END RequestId: ID
REPORT RequestId: ID\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\tMax Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t
$`
	if got := b.own(); !regexp.MustCompile(strings.ReplaceAll(pattern, "ID", res.RequestID)).MatchString(got) {
		t.Errorf("log:\n%s", got)
	}
	invoke(t, s, "text", `{"a":1}`)
	if got := b.text(); !strings.Contains(got, "[ERROR] ValueError: bad\nTraceback (most recent call last):\n  File \"") {
		t.Errorf("log:\n%s", got)
	}

	invoke(t, s, "json", `{}`)
	kinds := map[string]bool{}
	for _, l := range b.lines {
		if l.Function != "json" || !strings.HasPrefix(l.Text, "{") {
			continue
		}
		var o map[string]any
		if err := json.Unmarshal([]byte(l.Text), &o); err != nil {
			t.Errorf("%s: %v", l.Text, err)
		}
		if o["message"] == "seen 1" && o["level"] == "WARNING" && o["logger"] == "mine" && o["requestId"] == l.RequestID {
			kinds["message"] = true
		}
		if k, ok := o["type"].(string); ok {
			kinds[k] = true
		}
	}
	if !kinds["message"] || !kinds["platform.start"] || !kinds["platform.report"] {
		t.Errorf("JSON log lacks lines, has %v:\n%s", kinds, b.text())
	}
}

func TestL4LogTail(t *testing.T) {
	s, _ := service(t, nil, python("f", "def handler(e, c):\n    print('x' * e)\n"))
	if res := invoke(t, s, "f", `1`); res.LogTail != nil {
		t.Errorf("a tail that nobody asked for: %q", res.LogTail)
	}
	for _, test := range []struct {
		payload string
		whole   bool
	}{{"10", true}, {"10000", false}} {
		res, err := s.Invoke(t.Context(), &model.Invocation{Function: "f", Payload: []byte(test.payload), LogTail: true})
		if err != nil {
			t.Fatal(err)
		}
		tail := string(res.LogTail)
		if strings.HasPrefix(tail, "START RequestId: "+res.RequestID) != test.whole || !strings.Contains(tail, "xxx\nEND RequestId") || !strings.HasSuffix(tail, " MB\t\n") || len(tail) > maxTail {
			t.Errorf("%s: %d bytes, %.100q", test.payload, len(tail), tail)
		}
	}
}
