// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/model"
)

// scriptCommand is one word of the scripts' language.
type scriptCommand struct {
	args, doc string
	run       func(*script, []string)
}

// scriptCommands is the language. testdata/script/APIS.md prints it.
var scriptCommands = map[string]scriptCommand{
	"request": {"[METHOD] URL ['H: v'…] [body=TEXT]", "sends a request; {Api}/… is the default endpoint of the API with this logical id, /… that of the first one", (*script).request},
	"apply":   {"[SECTION]", "deploys the template, or another one; what was used of limits and what is cached stays", (*script).apply},
	"wait":    {"DURATION", "lets time pass", func(s *script, a []string) { <-time.After(s.duration(a[0])) }},
	"chance":  {"N…", "what the next throws of the dice show, 0 to 1", (*script).chance},
	"burst":   {"N PASS [METHOD] URL ['H: v'…]", "sends N requests in the same instant, of which PASS get a 200 and the others a 429", (*script).burst},
	"load":    {"RATE DURATION PASS [METHOD] URL ['H: v'…]", "sends RATE requests a second, of which PASS ± 2 % get a 200 and the others a 429", (*script).load},
	"flush":   {"API STAGE", "drops what the stage's cache keeps", (*script).flush},

	"echo":    {"", "functions answer their event from now on, targets the body that they were sent", func(s *script, _ []string) { s.echo, s.mirror = true, true }},
	"answers": {"[FUNCTION] SECTION | TEXT", "the payload that a function, or every one, answers from now on, after 20 ms", (*script).answer},
	"fails":   {"MESSAGE", "functions fail from now on with this errorMessage", (*script).fail},
	"streams": {"SECTION [broken]", "functions stream from now on: a head, an empty line, and lines that come a second apart (silence N: after so long); broken: and then an error", (*script).stream},
	"targets": {"SECTION | silent", "what targets of HTTP integrations answer from now on: status, fields, an empty line, the body (x * N: so many letters)", (*script).setTarget},

	"status":   {"N", "status of the last answer", (*script).status},
	"header":   {"NAME VALUE…", "the values of a field of the last answer", func(s *script, a []string) { s.values(a[0], s.resp.Header, a[1:]) }},
	"nohead":   {"NAME", "the last answer has no such field", func(s *script, a []string) { s.values(a[0], s.resp.Header, nil) }},
	"body":     {"TEXT", "body of the last answer, without white space around it", func(s *script, a []string) { s.same("body", strings.TrimSpace(s.body), a[0]) }},
	"body-has": {"TEXT", "text that the body contains", func(s *script, a []string) { s.has("body", s.body, a[0]) }},
	"length":   {"N", "how long the body is", func(s *script, a []string) { s.same("length", strconv.Itoa(len(s.body)), a[0]) }},
	"pieces":   {"TEXT@DURATION…", "the pieces in which the body came, and when after the head", func(s *script, a []string) { s.same("pieces", fmt.Sprintf("%q", s.pieces), fmt.Sprintf("%q", a)) }},
	"took":     {"DURATION", "how long the head of the last answer took", func(s *script, a []string) { s.same("took", s.took.String(), a[0]) }},
	"aborted":  {"", "the body ended with an error", (*script).aborted},

	"calls":    {"N", "how often functions were invoked", func(s *script, a []string) { s.same("calls", strconv.Itoa(s.calls), a[0]) }},
	"function": {"NAME", "name and qualifier of the function that the last request invoked", func(s *script, a []string) { s.same("function", functionName(s.invoked()), a[0]) }},
	"event":    {"PATH VALUE | PATH none", "a member of its event, a.b.c", (*script).event},
	"payload":  {"TEXT", "that event, whole", func(s *script, a []string) { s.same("event", strings.TrimSpace(string(s.invoked().Payload)), a[0]) }},
	"async":    {"true|false", "whether it was invoked asynchronously", func(s *script, a []string) { s.same("async", strconv.FormatBool(s.invoked().Async), a[0]) }},

	"target-calls":  {"N", "how often targets were asked", func(s *script, a []string) { s.same("target calls", strconv.Itoa(s.asked), a[0]) }},
	"target-url":    {"[METHOD] URL", "of the last request to a target", (*script).targetURL},
	"target-body":   {"TEXT", "body of that request", func(s *script, a []string) { s.same("target body", strings.TrimSpace(s.sent), a[0]) }},
	"target-header": {"NAME VALUE…", "the values of a field of that request", func(s *script, a []string) { s.values(a[0], s.target.Header, a[1:]) }},
	"target-nohead": {"NAME", "that request has no such field", func(s *script, a []string) { s.values(a[0], s.target.Header, nil) }},

	"reason": {"TEXT", "why the gateway itself answered; '' when it did not", func(s *script, a []string) { s.same("reason", s.record.Reason.String(), a[0]) }},
	"detail": {"TEXT", "text that the operator is told", func(s *script, a []string) {
		s.has("detail", fmt.Sprint(s.record.Detail), strings.TrimSuffix(a[0], "*"))
	}},
	"key":       {"ID", "id of the API key in the record; '' when there is none", func(s *script, a []string) { s.same("key", s.record.APIKeyID, a[0]) }},
	"cache":     {"hit|miss|''", "what the stage's cache did", func(s *script, a []string) { s.same("cache", s.record.Cache.String(), a[0]) }},
	"log":       {"LINE", "the line of the access log", func(s *script, a []string) { s.same("log", s.record.AccessLine, a[0]) }},
	"log-group": {"ARN", "where that line belongs", func(s *script, a []string) { s.same("log group", s.record.AccessLog, a[0]) }},
}

// same compares; a wanted text may end in *.
func (s *script) same(what, got, want string) {
	s.t.Helper()
	prefix, wild := strings.CutSuffix(want, "*")
	if got != want && (!wild || !strings.HasPrefix(got, prefix)) {
		s.errorf("%s\n got %s\nwant %s", what, got, want)
	}
}

func (s *script) has(what, got, want string) {
	s.t.Helper()
	if !strings.Contains(got, want) {
		s.errorf("%s: %s\nhas no %s", what, got, want)
	}
}

func (s *script) values(name string, h http.Header, want []string) {
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

func (s *script) number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		s.fatalf("%v", err)
	}
	return n
}

func (s *script) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.fatalf("%v", err)
	}
	return d
}

func (s *script) chance(a []string) {
	for _, w := range a {
		f, err := strconv.ParseFloat(w, 64)
		if err != nil {
			s.fatalf("%v", err)
		}
		s.chances = append(s.chances, f)
	}
}

// request sends one request and reads the answer.
func (s *script) request(a []string) {
	method, body := http.MethodGet, io.Reader(nil)
	if !strings.Contains(a[0], "/") {
		method, a = a[0], a[1:]
	}
	header := http.Header{}
	for _, w := range a[1:] {
		w = s.ids.Replace(w)
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
	s.last, s.target, s.record, s.pieces, s.cut = nil, nil, nil, nil, false
	rq, err := http.NewRequest(method, s.url(a[0]), body)
	if err != nil {
		s.fatalf("%v", err)
	}
	rq.Header = header
	begun := time.Now()
	if s.resp, err = s.g.RoundTrip(rq.WithContext(gateway.WithCaller(s.t.Context(), s.caller))); err != nil {
		s.fatalf("%v", err)
	}
	s.took = time.Since(begun)
	s.read()
}

// url writes an address out.
func (s *script) url(text string) string {
	if strings.HasPrefix(text, "/") {
		text = "{" + s.stack.APIs[0].LogicalID + "}" + text
	}
	if name, path, ok := strings.Cut(text, "/"); ok && strings.HasPrefix(name, "{") {
		text = "https://" + name + ".execute-api.us-east-1.amazonaws.com/" + path
	}
	return s.ids.Replace(text)
}

func (s *script) read() {
	begun := time.Now()
	var all strings.Builder
	buf := make([]byte, 32<<10)
	for {
		n, err := s.resp.Body.Read(buf)
		if n > 0 && len(s.pieces) < 100 {
			s.pieces = append(s.pieces, strings.TrimSuffix(string(buf[:n]), "\n")+"@"+time.Since(begun).String())
		}
		all.Write(buf[:n])
		if err != nil {
			s.cut = !errors.Is(err, io.EOF)
			break
		}
	}
	_ = s.resp.Body.Close()
	s.body = all.String()
}

// passed tells whether the last request was let through.
func (s *script) passed() bool {
	if n := s.resp.StatusCode; n != http.StatusOK && n != http.StatusTooManyRequests {
		s.fatalf("status %d: %s", n, s.body)
	}
	return s.resp.StatusCode == http.StatusOK
}

func (s *script) burst(a []string) {
	passed := 0
	for range s.number(a[0]) {
		if s.request(a[2:]); s.passed() {
			passed++
		}
	}
	s.same("passed", strconv.Itoa(passed), a[1])
}

func (s *script) load(a []string) {
	passed, want, rate := 0, float64(s.number(a[2])), s.number(a[0])
	begun := time.Now()
	for i := 1; i <= rate*int(s.duration(a[1]).Seconds()); i++ {
		<-time.After(time.Until(begun.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		if s.request(a[3:]); s.passed() {
			passed++
		}
	}
	if math.Abs(float64(passed)-want) > want*0.02 {
		s.errorf("%d passed, want %g ± 2 %%", passed, want)
	}
}

func (s *script) flush(a []string) {
	if !s.g.FlushCache(a[0], a[1]) {
		s.errorf("there is no such cache")
	}
}

// section is a text of the script, or the word itself.
func (s *script) section(word string) string {
	if text, ok := s.text[word]; ok {
		return strings.TrimSpace(text)
	}
	return word
}

func (s *script) answer(a []string) {
	name := ""
	if len(a) == 2 {
		name, a = a[0], a[1:]
	}
	s.answers[name] = payload{text: s.section(a[0])}
}

func (s *script) fail(a []string) {
	s.answers[""] = payload{fails: true, text: `{"errorMessage":` + strconv.Quote(a[0]) + `,"errorType":"Error"}`}
}

func (s *script) stream(a []string) {
	s.answers[""] = payload{text: s.text[a[0]], stream: true, broken: len(a) > 1}
}

func (s *script) setTarget(a []string) {
	if s.silent = a[0] == "silent"; !s.silent {
		s.reply = s.text[a[0]]
	}
}

func (s *script) status(a []string) {
	if got := strconv.Itoa(s.resp.StatusCode); got != a[0] {
		s.errorf("status %s, want %s: %s (%v)", got, a[0], s.body, s.record)
	}
}

func (s *script) aborted([]string) {
	if !s.cut {
		s.errorf("the body ended as it should: %s", s.body)
	}
}

func (s *script) invoked() *model.Invocation {
	if s.last == nil {
		s.fatalf("no function was invoked")
	}
	return s.last
}

func (s *script) event(a []string) {
	var v any
	if err := json.Unmarshal(s.invoked().Payload, &v); err != nil {
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
	s.same("event "+a[0], got, a[1])
}

func (s *script) targetURL(a []string) {
	if s.target == nil {
		s.fatalf("no target was asked")
	}
	if len(a) == 2 {
		s.same("target's method", s.target.Method, a[0])
	}
	s.same("target", s.target.URL.String(), a[len(a)-1])
}
