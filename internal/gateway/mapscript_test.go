// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template"
)

// mapRows are the rows whose scripts speak the language below.
var mapRows = []string{"A6", "A8", "A20", "A21"}

// TestMapScripts runs testdata/script/ROW_*.txtar: a CloudFormation or SAM
// template, the gateway compiled from it under a fake clock, and functions and
// targets that the script speaks for.
func TestMapScripts(t *testing.T) {
	for _, row := range mapRows {
		files, err := filepath.Glob("../../testdata/script/" + row + "_*.txtar")
		if err != nil || len(files) == 0 {
			t.Errorf("no scripts of row %s (%v)", row, err)
		}
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { runMapScript(t, file) })
			})
		}
	}
}

// mapScript is a running script.
type mapScript struct {
	t    *testing.T
	file string
	line int
	text map[string]string
	g    *gateway.Gateway
	ids  []string // {LogicalID}, id, …

	answer string // payload of functions; empty: the event comes back
	fails  bool
	last   *model.Invocation
	target *http.Request
	sent   string // body of that
	reply  string // of targets: a head and a body
	silent bool

	resp   *http.Response
	body   string
	record *gateway.Record
}

func runMapScript(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a := txtar.Parse(data)
	s := &mapScript{t: t, file: filepath.Base(file), text: map[string]string{}}
	for _, f := range a.Files {
		s.text[f.Name] = string(f.Data)
	}
	s.deploy()
	for i, line := range strings.Split(string(a.Comment), "\n") {
		s.line = i + 1
		args := mapWords(line)
		if len(args) == 0 {
			continue
		}
		c, ok := mapCommands[args[0]]
		if !ok {
			s.fatalf("unknown command %q", args[0])
		}
		c.run(s, args[1:])
	}
}

func (s *mapScript) deploy() {
	path := filepath.Join(s.t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, []byte(s.text["template"]), 0o600); err != nil {
		s.fatalf("%v", err)
	}
	results, err := template.Load(s.t.Context(), path, template.Options{StackName: "script"})
	if err != nil {
		s.fatalf("%v", err)
	}
	stack := results[0].Stack
	for _, api := range stack.APIs {
		s.ids = append(s.ids, "{"+api.LogicalID+"}", "https://"+api.ID+".execute-api.us-east-1.amazonaws.com")
	}
	s.g, err = gateway.Compile(stack, gateway.Deps{Invoke: s, Client: s, Log: func(r *gateway.Record) { s.record = r }})
	if err != nil {
		s.fatalf("%v", err)
	}
}

// mapCommands is the language. testdata/script/MAPPING.md prints it.
var mapCommands = map[string]struct {
	args, doc string
	run       func(*mapScript, []string)
}{
	"request":       {"[METHOD] URL ['H: v'…] [body=TEXT]", "sends a request; {Api} is the address of the API with this logical id", (*mapScript).request},
	"answers":       {"TEXT", "the payload that functions answer from now on; without it they answer their event", func(s *mapScript, a []string) { s.answer, s.fails = a[0], false }},
	"fails":         {"MESSAGE", "functions fail from now on with this errorMessage", (*mapScript).fail},
	"target":        {"SECTION | silent", "what targets of HTTP integrations answer from now on: status line, fields, an empty line, the body", (*mapScript).setTarget},
	"status":        {"N", "status of the last answer", (*mapScript).status},
	"header":        {"NAME VALUE…", "the values of a field of the last answer; a value may end in *", func(s *mapScript, a []string) { s.values(a[0], s.resp.Header, a[1:]) }},
	"nohead":        {"NAME", "the last answer has no such field", func(s *mapScript, a []string) { s.values(a[0], s.resp.Header, nil) }},
	"body":          {"TEXT", "body of the last answer, without white space around it", func(s *mapScript, a []string) { s.same("body", strings.TrimSpace(s.body), a[0]) }},
	"event":         {"TEXT", "the last event of a function, whole", func(s *mapScript, a []string) { s.same("event", strings.TrimSpace(string(s.invoked().Payload)), a[0]) }},
	"async":         {"true|false", "whether that was an asynchronous invocation", func(s *mapScript, a []string) { s.same("async", strconv.FormatBool(s.invoked().Async), a[0]) }},
	"target-url":    {"[METHOD] URL", "of the last request to a target", (*mapScript).targetURL},
	"target-body":   {"TEXT", "body of that request", func(s *mapScript, a []string) { s.same("target body", strings.TrimSpace(s.sent), a[0]) }},
	"target-header": {"NAME VALUE…", "the values of a field of that request", func(s *mapScript, a []string) { s.values(a[0], s.target.Header, a[1:]) }},
	"target-nohead": {"NAME", "that request has no such field", func(s *mapScript, a []string) { s.values(a[0], s.target.Header, nil) }},
	"reason":        {"TEXT", "why the gateway itself answered; '' when it did not", func(s *mapScript, a []string) { s.same("reason", s.record.Reason.String(), a[0]) }},
	"detail":        {"TEXT", "text that the operator is told", (*mapScript).detail},
}

func (s *mapScript) errorf(format string, args ...any) {
	s.t.Helper()
	s.t.Errorf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

func (s *mapScript) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

// same compares; a wanted text may end in *.
func (s *mapScript) same(what, got, want string) {
	s.t.Helper()
	prefix, wild := strings.CutSuffix(want, "*")
	if got != want && (!wild || !strings.HasPrefix(got, prefix)) {
		s.errorf("%s\n got %s\nwant %s", what, got, want)
	}
}

func (s *mapScript) values(name string, h http.Header, want []string) {
	s.t.Helper()
	got := h.Values(name)
	if len(got) != len(want) {
		s.errorf("%s: %q, want %q", name, got, want)
		return
	}
	for i := range got {
		s.same(name, got[i], want[i])
	}
}

func (s *mapScript) fail(a []string) {
	s.fails = true
	s.answer = `{"errorMessage":` + strconv.Quote(a[0]) + `,"errorType":"Error"}`
}

func (s *mapScript) invoked() *model.Invocation {
	if s.last == nil {
		s.fatalf("no function was invoked")
	}
	return s.last
}

// Invoke answers as the script says; else with the event.
func (s *mapScript) Invoke(_ context.Context, in *model.Invocation) (*model.InvocationResult, error) {
	s.last = in
	switch {
	case in.Async:
		return &model.InvocationResult{}, nil
	case s.fails:
		return &model.InvocationResult{Error: "Unhandled", Payload: []byte(s.answer)}, nil
	case s.answer != "":
		return &model.InvocationResult{Payload: []byte(s.answer)}, nil
	}
	return &model.InvocationResult{Payload: in.Payload}, nil
}

func (s *mapScript) setTarget(a []string) {
	s.silent = a[0] == "silent"
	if s.reply = s.text[a[0]]; s.reply == "" && !s.silent {
		s.fatalf("no section %q", a[0])
	}
}

// RoundTrip answers for the targets of HTTP integrations.
func (s *mapScript) RoundTrip(rq *http.Request) (*http.Response, error) {
	s.target, s.sent = rq, ""
	if rq.Body != nil {
		data, err := io.ReadAll(rq.Body)
		if err != nil {
			return nil, err
		}
		s.sent = string(data)
	}
	if s.silent {
		<-rq.Context().Done()
		return nil, rq.Context().Err()
	}
	reply := s.reply
	if reply == "" {
		reply = "200\nContent-Type: application/json\n\n" + s.sent
	}
	head, body, _ := strings.Cut(reply, "\n\n")
	lines := strings.Split(head, "\n")
	status, err := strconv.Atoi(lines[0])
	if err != nil {
		return nil, err
	}
	h := http.Header{}
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ": ")
		h.Add(name, value)
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(strings.TrimSuffix(body, "\n"))), ContentLength: -1, Request: rq}, nil
}

func (s *mapScript) targetURL(a []string) {
	if s.target == nil {
		s.fatalf("no target was asked")
	}
	if len(a) == 2 {
		s.same("target's method", s.target.Method, a[0])
	}
	s.same("target", s.target.URL.String(), a[len(a)-1])
}

func (s *mapScript) request(a []string) {
	method, body := http.MethodGet, io.Reader(nil)
	if !strings.HasPrefix(a[0], "{") {
		method, a = a[0], a[1:]
	}
	header := http.Header{}
	for _, w := range a[1:] {
		if b, ok := strings.CutPrefix(w, "body="); ok {
			body = strings.NewReader(b)
			continue
		}
		name, value, ok := strings.Cut(w, ": ")
		if !ok {
			s.fatalf("%q is no field", w)
		}
		header.Add(name, value)
	}
	s.last, s.target, s.record = nil, nil, nil
	rq, err := http.NewRequest(method, strings.NewReplacer(s.ids...).Replace(a[0]), body)
	if err != nil {
		s.fatalf("%v", err)
	}
	rq.Header = header
	caller := gateway.Caller{SourceIP: netip.MustParseAddr("192.0.2.7")}
	s.resp, err = s.g.RoundTrip(rq.WithContext(gateway.WithCaller(s.t.Context(), caller)))
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

func (s *mapScript) status(a []string) {
	if got := strconv.Itoa(s.resp.StatusCode); got != a[0] {
		s.errorf("status %s, want %s: %s (%v)", got, a[0], s.body, s.record.Detail)
	}
}

func (s *mapScript) detail(a []string) {
	if !strings.Contains(fmt.Sprint(s.record.Detail), a[0]) {
		s.errorf("detail %v\nhas no %s", s.record.Detail, a[0])
	}
}

// mapWords splits a line at white space; single quotes hold words together (two
// of them are one), # begins a remark.
func mapWords(line string) []string {
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
			switch {
			case line[i] != '\'':
				b.WriteByte(line[i])
			case quoted && i+1 < len(line) && line[i+1] == '\'':
				b.WriteByte('\'')
				i++
			default:
				quoted = !quoted
			}
		}
		out, line = append(out, b.String()), line[i:]
	}
}

// TestMapScriptPage compares testdata/script/MAPPING.md with the language.
func TestMapScriptPage(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`# Scenario scripts of mappings

A script ` + "`ROW_what.txtar`" + ` of the rows A6, A8, A20 and A21 is a txtar file: commands, one a line, then sections. The section
` + "`template`" + ` is a CloudFormation or SAM template; the gateway that is compiled from it runs in-process, under a fake clock.
They are run by ` + "`go test ./internal/gateway -run TestMapScripts`" + `. Single quotes hold words together, two of them inside are
one; # begins a remark.

| command | meaning |
|---|---|
`)
	for _, name := range slices.Sorted(maps.Keys(mapCommands)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", name+" "+mapCommands[name].args, mapCommands[name].doc)
	}
	const page = "../../testdata/script/MAPPING.md"
	if os.Getenv("UPDATE_SCRIPT_PAGE") != "" {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s differs from the code; UPDATE_SCRIPT_PAGE=1 go test ./internal/gateway -run TestMapScriptPage rewrites it (%v)", page, err)
	}
}
