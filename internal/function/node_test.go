// SPDX-License-Identifier: Apache-2.0

package function

import (
	"encoding/json"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
)

func TestNodeHandlers(t *testing.T) {
	tests := []struct{ name, code, answer string }{
		{"async", "exports.handler = async e => e.n + 1", "2"},
		{"promise", "exports.handler = e => Promise.resolve(e.n + 1)", "2"},
		{"callback", "exports.handler = (e, c, cb) => cb(null, e.n + 1)", "2"},
		{"late callback", "exports.handler = (e, c, cb) => { setTimeout(() => cb(null, 'late'), 5) }", `"late"`},
		{"callback waits for the event loop", "let s = ''; exports.handler = (e, c, cb) => { const o = {s: ''}; setTimeout(() => { o.s += 'timer' }, 20); cb(null, o) }", `{"s":"timer"}`},
		{"callback that does not wait", "exports.handler = (e, c, cb) => { c.callbackWaitsForEmptyEventLoop = false; const o = {s: ''}; setTimeout(() => { o.s += 'timer' }, 2000); cb(null, o) }", `{"s":""}`},
		{"succeed", "exports.handler = (e, c) => c.succeed(3)", "3"},
		{"nothing", "exports.handler = async () => {}", "null"},
		{"never answers", "exports.handler = () => new Promise(() => {})", "null"},
		{"sync without callback", "exports.handler = () => 'lost'", "null"},
		{"ES module", "import { basename } from 'node:path'\nexport const handler = async () => basename('/a/b')", `"b"`},
		{"top-level await", "const x = await Promise.resolve(4)\nexport const handler = async () => x", "4"},
		{"unicode", "exports.handler = async () => 'ä😀\\u2028'", "\"ä😀\u2028\""},
		{"default export", "export default { handler: async () => 5 }", "5"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, b := service(t, nil, node("f", test.code))
			for range 2 {
				want(t, invoke(t, s, "f", `{"n":1}`), test.answer)
			}
			if n := s.Status()[0].ColdStarts; n != 1 {
				t.Errorf("%d processes were started:\n%s", n, b.text())
			}
		})
	}
}

func TestNodeModules(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "package.json"), `{"type":"module"}`)
	write(t, filepath.Join(dir, "src", "app.js"), "import dep from 'dep'\nexport const api = { get: async () => dep }\n")
	write(t, filepath.Join(dir, "src", "old.cjs"), "exports.handler = async () => require('dep')\n")
	write(t, filepath.Join(dir, "node_modules", "dep", "index.js"), "module.exports = 'beside'\n")
	write(t, filepath.Join(dir, "node_modules", "dep", "package.json"), `{"name":"dep"}`)
	for handler, answer := range map[string]string{"src/app.api.get": `"beside"`, "src/old.handler": `"beside"`} {
		f := node("f", "")
		f.Code, f.Handler = model.Code{Dir: dir}, handler
		s, _ := service(t, nil, f)
		want(t, invoke(t, s, "f", `{}`), answer)
	}
}

func TestNodeContext(t *testing.T) {
	f := node("ctx", `exports.handler = async (e, c) => ({
  ...c, left: c.getRemainingTimeInMillis() > 0 && c.getRemainingTimeInMillis() <= 20000,
  trace: process.env._X_AMZN_TRACE_ID, region: process.env.AWS_REGION })`)
	s, _ := service(t, nil, f)
	res, err := s.Invoke(t.Context(), &model.Invocation{Function: "ctx", Payload: []byte(`{}`), TraceID: "Root=1"})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(res.Payload, &got); err != nil {
		t.Fatalf("%s: %v", res.Payload, err)
	}
	for k, v := range map[string]any{
		"awsRequestId": res.RequestID, "functionName": "ctx", "functionVersion": "$LATEST", "invokedFunctionArn": f.ARN,
		"memoryLimitInMB": "256", "logGroupName": "/aws/lambda/ctx", "callbackWaitsForEmptyEventLoop": true,
		"left": true, "trace": "Root=1", "region": "us-east-1",
	} {
		if got[k] != v {
			t.Errorf("%s: got %v, want %v", k, got[k], v)
		}
	}
}

func TestNodeLog(t *testing.T) {
	const code = `exports.handler = async (e) => {
  console.log('a %s', 'b', {c: 1}); console.warn('w'); console.error(new Error('boom')); process.stdout.write('raw\n'); console.info({k: 'v'})
}`
	text, js := node("text", code), node("json", code)
	js.LogJSON = true
	s, b := service(t, nil, text, js)
	res := invoke(t, s, "text", `{}`)
	got := b.text()
	for _, pattern := range []string{
		`(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\tID\tINFO\ta b \{ c: 1 \}$`,
		`(?m)Z\tID\tWARN\tw$`, `(?m)Z\tID\tERROR\tError: boom$`, `(?m)^raw$`,
	} {
		if !regexp.MustCompile(strings.ReplaceAll(pattern, "ID", res.RequestID)).MatchString(got) {
			t.Errorf("the log lacks %s:\n%s", pattern, got)
		}
	}
	res = invoke(t, s, "json", `{}`)
	var levels []string
	for _, l := range b.lines {
		var o struct {
			Level, RequestID string
			Message          any
		}
		if l.Function == "json" && json.Unmarshal([]byte(l.Text), &o) == nil && o.Level != "" {
			levels = append(levels, o.Level)
			if o.RequestID != res.RequestID {
				t.Errorf("line %s", l.Text)
			}
		}
	}
	if got := strings.Join(levels, " "); got != "INFO WARN ERROR INFO" {
		t.Errorf("levels %s:\n%s", got, b.text())
	}
}

func TestL10NodeStream(t *testing.T) {
	s, b := service(t, nil, node("f", `
exports.handler = awslambda.streamifyResponse(async (event, out, context) => {
  if (event.early) throw new Error('early')
  if (event.http) out = awslambda.HttpResponseStream.from(out, { statusCode: 201, headers: { 'X-A': 'b' } })
  for (let i = 0; i < event.n; i++) {
    if (!out.write('0123456789'.repeat(100))) await new Promise(r => out.once('drain', r))
    if (i === event.breaks) throw new Error('middle')
  }
  if (event.hang) return
  out.end()
})`))
	ask := func(payload string, stream bool) *model.InvocationResult {
		t.Helper()
		res, err := s.Invoke(t.Context(), &model.Invocation{Function: "f", Payload: []byte(payload), Stream: stream})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	body := func(res *model.InvocationResult) (int, error) {
		t.Helper()
		if res.Body == nil {
			t.Fatalf("no body: %q %s\n%s", res.Error, res.Payload, b.text())
		}
		all, err := io.ReadAll(res.Body)
		res.Body.Close()
		return len(all), err
	}
	res := ask(`{"http":true,"n":2000}`, true)
	if n, err := body(res); string(res.Head) != `{"statusCode":201,"headers":{"X-A":"b"}}` || n != 2_000_000 || err != nil {
		t.Errorf("head %q, %d bytes, %v", res.Head, n, err)
	}
	res = ask(`{"http":true,"n":0}`, true)
	if n, err := body(res); string(res.Head) != `{"statusCode":201,"headers":{"X-A":"b"}}` || n != 0 || err != nil {
		t.Errorf("an empty body: head %q, %d bytes, %v", res.Head, n, err)
	}
	res = ask(`{"n":3}`, true)
	if n, err := body(res); res.Head != nil || n != 3000 || err != nil {
		t.Errorf("raw: head %q, %d bytes, %v", res.Head, n, err)
	}
	if res = ask(`{"n":3}`, false); len(res.Payload) != 3000 || res.Error != "" {
		t.Errorf("collected: %d bytes, %q", len(res.Payload), res.Error)
	}
	if res = ask(`{"n":7000}`, false); res.Error != "Unhandled" || !strings.Contains(string(res.Payload), "ResponseSizeTooLarge") {
		t.Errorf("collected, too large: %d bytes, %q", len(res.Payload), res.Error)
	}
	if o := failed(t, ask(`{"early":true}`, true)); o.ErrorMessage != "early" {
		t.Errorf("got %+v", o)
	}
	if n, err := body(ask(`{"n":9,"breaks":4}`, true)); n != 5000 || err == nil {
		t.Errorf("a stream that breaks: %d bytes, %v", n, err)
	}
	if n, err := body(ask(`{"n":1,"hang":true}`, true)); n != 1000 || err == nil {
		t.Errorf("a stream that nobody ends: %d bytes, %v", n, err)
	}
	left := ask(`{"n":5000}`, true)
	left.Body.Close()
	if res = ask(`{"n":1}`, false); len(res.Payload) != 1000 {
		t.Errorf("after all: %d bytes, %q %s", len(res.Payload), res.Error, res.Payload)
	}
}

// TestStreamThatNobodyReads: the time limit ends it and nothing hangs.
func TestStreamThatNobodyReads(t *testing.T) {
	f := node("f", `exports.handler = awslambda.streamifyResponse(async (event, out) => {
  for (let i = 0; i < 1000; i++) if (!out.write(Buffer.alloc(65536))) await new Promise(r => out.once('drain', r))
  out.end()
})`)
	f.Timeout = 500 * time.Millisecond
	s, b := service(t, nil, f)
	for range 2 {
		res, err := s.Invoke(t.Context(), &model.Invocation{Function: "f", Payload: []byte(`{}`), Stream: true})
		if err != nil || res.Body == nil {
			t.Fatalf("%+v, %v", res, err)
		}
		defer res.Body.Close()
	}
	b.wait("Status: timeout", 2)
}
