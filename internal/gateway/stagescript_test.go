// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template"
)

// scriptRows are the rows whose scripts speak the language below.
var scriptRows = []string{"A1", "A2", "A3", "A4", "A5", "A10", "A17", "A18", "A19", "A22", "A25"}

// TestStageScripts runs testdata/script/ROW_*.txtar: a CloudFormation or SAM
// template, the gateway that is compiled from it under a fake clock, and
// functions that the script speaks for.
func TestStageScripts(t *testing.T) {
	for _, row := range scriptRows {
		files, err := filepath.Glob("../../testdata/script/" + row + "_*.txtar")
		if err != nil || len(files) == 0 {
			t.Errorf("no scripts of row %s (%v)", row, err)
		}
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { runStageScript(t, file) })
			})
		}
	}
}

// stageScript is a running script.
type stageScript struct {
	t    *testing.T
	file string
	line int
	text map[string]string
	g    *gateway.Gateway
	sent map[string]string // logical id of an API -> its id

	chances []float64
	answers map[string]string // function name -> payload
	last    *model.Invocation
	calls   int
	target  *http.Request // the last one of an HTTP integration
	caller  gateway.Caller

	resp    *http.Response
	body    string
	records []*gateway.Record
}

func runStageScript(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a := txtar.Parse(data)
	s := &stageScript{
		t: t, file: filepath.Base(file), text: map[string]string{}, sent: map[string]string{}, answers: map[string]string{},
		caller: gateway.Caller{SourceIP: netip.MustParseAddr("192.0.2.7")},
	}
	for _, f := range a.Files {
		s.text[f.Name] = string(f.Data)
	}
	s.apply([]string{"template"})
	for i, line := range strings.Split(string(a.Comment), "\n") {
		s.line = i + 1
		args := scriptWords(line)
		if len(args) == 0 {
			continue
		}
		run, ok := stageCommands[args[0]]
		if !ok {
			s.fatalf("unknown command %q", args[0])
		}
		run.run(s, args[1:])
	}
}

// stageCommands is the language. testdata/script/STAGES.md prints it.
var stageCommands = map[string]struct {
	args, doc string
	run       func(*stageScript, []string)
}{
	"apply":     {"SECTION", "loads another template in place of the first", (*stageScript).apply},
	"chance":    {"N…", "what the next throws of the dice show, 0 to 1", (*stageScript).chance},
	"answers":   {"FUNCTION SECTION", "the payload that a function answers from now on", (*stageScript).answer},
	"request":   {"[METHOD] URL ['H: v'…] [body=TEXT]", "sends a request; {Api} in the URL is the id of the API with this logical id", (*stageScript).request},
	"status":    {"N", "status of the last answer", (*stageScript).status},
	"header":    {"NAME VALUE", "a field of the last answer; VALUE may end in *", (*stageScript).header},
	"nohead":    {"NAME", "the last answer has no such field", (*stageScript).nohead},
	"body":      {"TEXT", "body of the last answer", func(s *stageScript, a []string) { s.same("body", s.body, a[0]) }},
	"body-has":  {"TEXT", "text that the body contains", (*stageScript).bodyHas},
	"invoked":   {"N", "invocations that functions have had", func(s *stageScript, a []string) { s.same("invocations", strconv.Itoa(s.calls), a[0]) }},
	"function":  {"NAME", "name and qualifier of the function that was invoked last", (*stageScript).function},
	"event":     {"PATH VALUE", "a member of the last event, as a.b.c", (*stageScript).event},
	"target":    {"URL", "of the last request of an HTTP integration", func(s *stageScript, a []string) { s.same("target", s.target.URL.String(), a[0]) }},
	"log":       {"LINE", "the last line of the access log", func(s *stageScript, a []string) { s.same("log", s.record().AccessLine, a[0]) }},
	"log-group": {"ARN", "where that line belongs", func(s *stageScript, a []string) { s.same("log group", s.record().AccessLog, a[0]) }},
	"reason":    {"TEXT", "why the gateway itself answered; '' when it did not", func(s *stageScript, a []string) { s.same("reason", s.record().Reason.String(), a[0]) }},
	"detail":    {"TEXT", "what the operator is told begins with this", (*stageScript).detail},
	"wait":      {"DURATION", "lets time pass", (*stageScript).wait},
}

func (s *stageScript) errorf(format string, args ...any) {
	s.t.Helper()
	s.t.Errorf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

func (s *stageScript) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

// same compares; a wanted text may end in *.
func (s *stageScript) same(what, got, want string) {
	s.t.Helper()
	prefix, wild := strings.CutSuffix(want, "*")
	if got != want && (!wild || !strings.HasPrefix(got, prefix)) {
		s.errorf("%s\n got %s\nwant %s", what, got, want)
	}
}

func (s *stageScript) apply(a []string) {
	path := filepath.Join(s.t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, []byte(s.text[a[0]]), 0o600); err != nil {
		s.fatalf("%v", err)
	}
	results, err := template.Load(context.Background(), path, template.Options{StackName: "script"})
	if err != nil {
		s.fatalf("%v", err)
	}
	stack := results[0].Stack
	for _, api := range stack.APIs {
		s.sent[api.LogicalID] = api.ID
	}
	s.g, err = gateway.Compile(stack, gateway.Deps{
		Invoke: s, Client: s, Chance: s.throw,
		Log: func(r *gateway.Record) { s.records = append(s.records, r) },
	})
	if err != nil {
		s.fatalf("%v", err)
	}
}

func (s *stageScript) chance(a []string) {
	for _, w := range a {
		f, err := strconv.ParseFloat(w, 64)
		if err != nil {
			s.fatalf("%v", err)
		}
		s.chances = append(s.chances, f)
	}
}

func (s *stageScript) throw() float64 {
	if len(s.chances) == 0 {
		s.errorf("the dice are thrown, and the script says nothing about it")
		return 0
	}
	f := s.chances[0]
	s.chances = s.chances[1:]
	return f
}

func (s *stageScript) answer(a []string) { s.answers[a[0]] = strings.TrimSpace(s.text[a[1]]) }

// Invoke answers as the script says; else with the function's name.
func (s *stageScript) Invoke(_ context.Context, in *model.Invocation) (*model.InvocationResult, error) {
	s.last = in
	s.calls++
	name := functionName(in)
	if p, ok := s.answers[name]; ok {
		time.Sleep(20 * time.Millisecond) // of the fake clock
		return &model.InvocationResult{Payload: []byte(p)}, nil
	}
	return &model.InvocationResult{Payload: []byte(`{"statusCode":200,"headers":{"content-type":"text/plain"},"body":"` + name + `"}`)}, nil
}

func functionName(in *model.Invocation) string {
	name, qualifier := model.SplitFunctionRef(in.Function)
	if qualifier != "" {
		name += ":" + qualifier
	}
	return name
}

// RoundTrip answers for the targets of HTTP integrations.
func (s *stageScript) RoundTrip(rq *http.Request) (*http.Response, error) {
	s.target = rq
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/plain"}}, Body: io.NopCloser(strings.NewReader("target")), ContentLength: -1, Request: rq}, nil
}

func (s *stageScript) request(a []string) {
	method, body := http.MethodGet, io.Reader(nil)
	if !strings.Contains(a[0], "://") {
		method, a = a[0], a[1:]
	}
	url := a[0]
	for logical, id := range s.sent {
		url = strings.ReplaceAll(url, "{"+logical+"}", id)
	}
	header := http.Header{}
	for _, w := range a[1:] {
		if b, ok := strings.CutPrefix(w, "body="); ok {
			body = strings.NewReader(b)
			continue
		}
		name, value, ok := strings.Cut(w, ":")
		if !ok {
			s.fatalf("%q is no field", w)
		}
		header.Add(name, strings.TrimSpace(value))
	}
	rq, err := http.NewRequest(method, url, body)
	if err != nil {
		s.fatalf("%v", err)
	}
	rq.Header = header
	s.resp, err = s.g.RoundTrip(rq.WithContext(gateway.WithCaller(context.Background(), s.caller)))
	if err != nil {
		s.fatalf("%v", err)
	}
	data, err := io.ReadAll(s.resp.Body)
	if err != nil {
		s.fatalf("%v", err)
	}
	_ = s.resp.Body.Close()
	s.body = string(data)
}

func (s *stageScript) record() *gateway.Record {
	if len(s.records) == 0 {
		s.fatalf("no record")
	}
	return s.records[len(s.records)-1]
}

func (s *stageScript) status(a []string) {
	if got := strconv.Itoa(s.resp.StatusCode); got != a[0] {
		s.errorf("status %s, want %s: %s", got, a[0], s.body)
	}
}

func (s *stageScript) header(a []string) { s.same(a[0], s.resp.Header.Get(a[0]), a[1]) }

func (s *stageScript) nohead(a []string) {
	if v := s.resp.Header.Values(a[0]); len(v) > 0 {
		s.errorf("%s: %q", a[0], v)
	}
}

func (s *stageScript) bodyHas(a []string) {
	if !strings.Contains(s.body, a[0]) {
		s.errorf("body %s\nhas no %s", s.body, a[0])
	}
}

func (s *stageScript) function(a []string) {
	if s.last == nil {
		s.fatalf("no function was invoked")
	}
	s.same("function", functionName(s.last), a[0])
}

func (s *stageScript) event(a []string) {
	if s.last == nil {
		s.fatalf("no function was invoked")
	}
	var v any
	if err := json.Unmarshal(s.last.Payload, &v); err != nil {
		s.fatalf("%v", err)
	}
	for _, part := range strings.Split(a[0], ".") {
		m, _ := v.(map[string]any)
		v = m[part]
	}
	s.same("event "+a[0], fmt.Sprint(v), a[1])
}

func (s *stageScript) detail(a []string) {
	s.same("detail", fmt.Sprint(s.record().Detail), a[0])
}

func (s *stageScript) wait(a []string) {
	d, err := time.ParseDuration(a[0])
	if err != nil {
		s.fatalf("%v", err)
	}
	time.Sleep(d) // of the fake clock
}

// scriptWords splits a line at white space; single quotes hold words together,
// # begins a remark.
func scriptWords(line string) []string {
	var out []string
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" || line[0] == '#' {
			return out
		}
		var b strings.Builder
		quoted := false
		i := 0
		for ; i < len(line) && (quoted || line[i] != ' ' && line[i] != '\t'); i++ {
			if line[i] == '\'' {
				quoted = !quoted
			} else {
				b.WriteByte(line[i])
			}
		}
		out, line = append(out, b.String()), line[i:]
	}
}

// TestStageScriptReadme: the page about scripts says what there is.
func TestStageScriptReadme(t *testing.T) {
	page, err := os.ReadFile("../../testdata/script/STAGES.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range stageCommands {
		line := "| `" + strings.TrimSpace(name+" "+c.args) + "` | " + c.doc + " |"
		if !strings.Contains(string(page), line) {
			t.Errorf("STAGES.md lacks the line\n%s", line)
		}
	}
}
