// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
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

// TestLimitScripts runs testdata/script/A15_*.txtar: one bubble of fake time each, a
// gateway of the script's template, and a function that says ok.
func TestLimitScripts(t *testing.T) {
	files, err := filepath.Glob("../../testdata/script/A15_*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runLimitScript(t, file) })
		})
	}
}

// limitScript is a running scenario.
type limitScript struct {
	t       *testing.T
	file    string
	line    int
	text    map[string]string
	stack   *model.Stack
	limits  *gateway.Limits
	g       *gateway.Gateway
	calls   int // of the function
	payload []byte
	record  *gateway.Record

	status int
	header http.Header
	body   string
}

func runLimitScript(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a := txtar.Parse(data)
	s := &limitScript{t: t, file: filepath.Base(file), text: map[string]string{}, limits: gateway.NewLimits()}
	for _, f := range a.Files {
		s.text[f.Name] = string(f.Data)
	}
	s.deploy("template")
	for i, line := range strings.Split(string(a.Comment), "\n") {
		s.line = i + 1
		if args := s.words(line); len(args) > 0 {
			cmd, ok := limitCommands[args[0]]
			if !ok {
				s.fatalf("unknown command %q", args[0])
			}
			cmd.run(s, args[1:])
		}
	}
}

// words splits a line at white space; single quotes hold words together, # begins
// a remark, {Name} is the id of a resource.
func (s *limitScript) words(line string) []string {
	var out []string
	for rest := line; ; {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" || rest[0] == '#' {
			break
		}
		end, skip := strings.IndexAny(rest, " \t"), 0
		if rest[0] == '\'' {
			rest, skip = rest[1:], 1
			end = strings.IndexByte(rest, '\'')
		}
		if end < 0 {
			end, skip = len(rest), 0
		}
		out = append(out, rest[:end])
		rest = rest[end+skip:]
	}
	ids := []string{}
	for _, a := range s.stack.APIs {
		ids = append(ids, "{"+a.LogicalID+"}", a.ID)
	}
	for _, k := range s.stack.APIKeys {
		ids = append(ids, "{"+k.LogicalID+"}", k.ID)
	}
	for i := range out {
		out[i] = strings.NewReplacer(ids...).Replace(out[i])
	}
	return out
}

func (s *limitScript) errorf(format string, args ...any) {
	s.t.Helper()
	s.t.Errorf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

func (s *limitScript) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

// deploy compiles a section as the stack; what was used of limits stays.
func (s *limitScript) deploy(section string) {
	file := filepath.Join(s.t.TempDir(), "template.yaml")
	if err := os.WriteFile(file, []byte(s.text[section]), 0o600); err != nil {
		s.fatalf("%v", err)
	}
	r, err := template.Load(s.t.Context(), file, template.Options{StackName: "s"})
	if err != nil {
		s.fatalf("%v", err)
	}
	s.stack = r[0].Stack
	s.g, err = gateway.Compile(s.stack, gateway.Deps{
		Invoke: s, Limits: s.limits, Log: func(r *gateway.Record) { s.record = r },
		KeyValue: func(k *model.APIKey) string { return "made-up-value-of-" + k.LogicalID },
	})
	if err != nil {
		s.fatalf("%v", err)
	}
}

// Invoke is the function: it says ok.
func (s *limitScript) Invoke(_ context.Context, in *model.Invocation) (*model.InvocationResult, error) {
	s.calls++
	s.payload = in.Payload
	return &model.InvocationResult{Payload: []byte(`{"statusCode":200,"body":"ok"}`)}, nil
}

// send sends one request: [METHOD] TARGET ['H: v'…].
func (s *limitScript) send(a []string) {
	method, host := "GET", s.stack.APIs[0].ID
	if !strings.HasPrefix(a[0], "/") {
		method, a = a[0], a[1:]
	}
	req, err := http.NewRequest(method, "https://x"+a[0], nil)
	if err != nil {
		s.fatalf("%v", err)
	}
	for _, f := range a[1:] {
		name, value, ok := strings.Cut(f, ": ")
		if !ok {
			s.fatalf("%q is no field", f)
		}
		if name == "Host" {
			host = value
			continue
		}
		req.Header.Add(name, value)
	}
	req.Host = host + ".execute-api.localhost"
	resp, err := s.g.RoundTrip(req.WithContext(gateway.WithCaller(s.t.Context(), gateway.Caller{SourceIP: netip.MustParseAddr("192.0.2.7")})))
	if err != nil {
		s.fatalf("%v", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.fatalf("%v", err)
	}
	s.status, s.header, s.body = resp.StatusCode, resp.Header, string(b)
}

// limitCommand is one word of the scripts' language.
type limitCommand struct {
	args, doc string
	run       func(*limitScript, []string)
}

// limitCommands is the language. testdata/script/LIMITS.md prints it.
var limitCommands = map[string]limitCommand{
	"viewer": {"[METHOD] TARGET ['H: v'…]", "sends a request; Host names an API other than the first", (*limitScript).send},
	"burst":  {"N PASS [METHOD] TARGET ['H: v'…]", "sends N requests in the same instant, of which PASS get a 200 and the others a 429", (*limitScript).burst},
	"load":   {"RATE DURATION PASS [METHOD] TARGET ['H: v'…]", "sends RATE requests a second, of which PASS ± 2 % get a 200 and the others a 429", (*limitScript).load},
	"wait":   {"DURATION", "lets time pass", (*limitScript).wait},
	"reload": {"[SECTION]", "deploys the template, or another one, anew", (*limitScript).reload},
	"status": {"N", "status of the last answer", func(s *limitScript, a []string) { s.equal("status", strconv.Itoa(s.status), a) }},
	"header": {"NAME VALUE", "a field of the last answer", func(s *limitScript, a []string) { s.equal(a[0], s.header.Get(a[0]), a[1:]) }},
	"nohead": {"NAME", "the last answer has no such field", func(s *limitScript, a []string) { s.equal(a[0], s.header.Get(a[0]), []string{""}) }},
	"body":   {"TEXT", "body of the last answer", func(s *limitScript, a []string) { s.equal("body", s.body, a) }},
	"calls":  {"N", "how often the function was called", func(s *limitScript, a []string) { s.equal("calls", strconv.Itoa(s.calls), a) }},
	"event":  {"PATH VALUE | PATH none", "a member of the last event, a.b.c", (*limitScript).event},
	"record": {"TAG=VALUE…", "fields of the last record: reason, detail, key (the API key's id)", (*limitScript).checkRecord},
}

func (s *limitScript) equal(what, got string, want []string) {
	s.t.Helper()
	if w := strings.Join(want, " "); got != w {
		s.errorf("%s: %q, want %q", what, got, w)
	}
}

func (s *limitScript) number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		s.fatalf("%v", err)
	}
	return n
}

// passed tells whether the last request was let through.
func (s *limitScript) passed() bool {
	if s.status != http.StatusOK && s.status != http.StatusTooManyRequests {
		s.fatalf("status %d: %s", s.status, s.body)
	}
	return s.status == http.StatusOK
}

func (s *limitScript) burst(a []string) {
	passed := 0
	for range s.number(a[0]) {
		if s.send(a[2:]); s.passed() {
			passed++
		}
	}
	s.equal("passed", strconv.Itoa(passed), a[1:2])
}

func (s *limitScript) load(a []string) {
	span, err := time.ParseDuration(a[1])
	if err != nil {
		s.fatalf("%v", err)
	}
	passed, want, rate := 0, float64(s.number(a[2])), s.number(a[0])
	begun := time.Now()
	for i := 1; i <= rate*int(span.Seconds()); i++ {
		<-time.After(time.Until(begun.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		if s.send(a[3:]); s.passed() {
			passed++
		}
	}
	if math.Abs(float64(passed)-want) > want*0.02 {
		s.errorf("%d passed, want %g ± 2 %%", passed, want)
	}
}

func (s *limitScript) wait(a []string) {
	d, err := time.ParseDuration(a[0])
	if err != nil {
		s.fatalf("%v", err)
	}
	<-time.After(d)
}

func (s *limitScript) reload(a []string) {
	if len(a) == 0 {
		a = []string{"template"}
	}
	s.deploy(a[0])
}

func (s *limitScript) event(a []string) {
	var v any
	if err := json.Unmarshal(s.payload, &v); err != nil {
		s.fatalf("%v", err)
	}
	for name := range strings.SplitSeq(a[0], ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	got := "none"
	if v != nil {
		got = fmt.Sprint(v)
	}
	s.equal(a[0], got, a[1:])
}

func (s *limitScript) checkRecord(a []string) {
	for _, w := range a {
		tag, want, _ := strings.Cut(w, "=")
		got := ""
		switch tag {
		case "reason":
			got = s.record.Reason.String()
		case "detail":
			if s.record.Detail != nil {
				got = s.record.Detail.Error()
			}
		case "key":
			got = s.record.APIKeyID
		default:
			s.fatalf("no tag %s", tag)
		}
		s.equal(tag, got, []string{want})
	}
}

// TestLimitScriptPage compares testdata/script/LIMITS.md with the language.
func TestLimitScriptPage(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`# Scenario scripts of the gateway

The scripts ` + "`A15_what.txtar`" + ` are run by ` + "`go test ./internal/gateway -run TestLimitScripts`" + ` in-process, under a fake clock that
begins with the year 2000, a Saturday. The section ` + "`template`" + ` is the stack; whatever function it names says ok. Single
quotes hold words together; # begins a remark; {Name} is the id of an API or API key. A key without a value has
` + "`made-up-value-of-NAME`" + `.

| command | meaning |
|---|---|
`)
	for _, name := range slices.Sorted(maps.Keys(limitCommands)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", strings.TrimSpace(name+" "+limitCommands[name].args), limitCommands[name].doc)
	}
	const page = "../../testdata/script/LIMITS.md"
	if got, err := os.ReadFile(page); err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s differs from the code (%v); it is\n%s", page, err, &b)
	}
}
