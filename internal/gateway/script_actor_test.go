// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// functions are the functions of a script.
type functions struct {
	answers map[string]payload // by name with qualifier; "": of all others
	echo    bool               // functions and targets say what they were sent
	last    *model.Invocation
	calls   int
}

// payload is what a function answers.
type payload struct {
	text   string
	fails  bool
	stream bool // a head, an empty line, lines that come a second apart
	broken bool // the stream ends with an error
}

// Invoke answers as the script says; else with the function's name.
func (f *functions) Invoke(_ context.Context, in *model.Invocation) (*model.InvocationResult, error) {
	f.last = in
	f.calls++
	if in.Async {
		return &model.InvocationResult{}, nil
	}
	name := functionName(in)
	p, ok := f.answers[name]
	if !ok {
		p, ok = f.answers[""]
	}
	switch {
	case ok && p.stream:
		head, body, _ := strings.Cut(p.text, "\n\n")
		return &model.InvocationResult{Head: []byte(head), Body: &slowly{closed: make(chan struct{}), lines: strings.SplitAfter(body, "\n"), broken: p.broken}}, nil
	case ok && p.fails:
		return &model.InvocationResult{Error: "Unhandled", Payload: []byte(p.text)}, nil
	case ok:
		<-time.After(20 * time.Millisecond)
		return &model.InvocationResult{Payload: []byte(p.text)}, nil
	case f.echo:
		return &model.InvocationResult{Payload: in.Payload}, nil
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

// slowly is a body whose lines come a second apart, whatever became of the
// invocation's context.
type slowly struct {
	closed chan struct{}
	once   sync.Once
	lines  []string
	broken bool
}

// Read gives the next line, a second later.
func (s *slowly) Read(p []byte) (int, error) {
	if len(s.lines) == 0 || s.lines[0] == "" {
		if s.broken {
			return 0, io.ErrUnexpectedEOF
		}
		return 0, io.EOF
	}
	pause := time.Second
	if d, ok := strings.CutPrefix(s.lines[0], "silence "); ok { // so long, before what follows
		var err error
		if pause, err = time.ParseDuration(strings.TrimSpace(d)); err != nil {
			return 0, err
		}
		s.lines = append([]string{"and on\n"}, s.lines[1:]...)
	}
	select {
	case <-time.After(pause):
	case <-s.closed:
		return 0, io.ErrClosedPipe
	}
	n := copy(p, s.lines[0])
	s.lines[0] = s.lines[0][n:]
	if s.lines[0] == "" {
		s.lines = s.lines[1:]
	}
	return n, nil
}

// Close ends a Read that waits.
func (s *slowly) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// targets are those of HTTP integrations.
type targets struct {
	target *http.Request // the last one
	sent   string        // its body
	asked  int
	reply  string // a head, an empty line, a body; empty: "target"
	silent bool
	mirror bool // they say what they were sent
}

// RoundTrip answers as the script says.
func (t *targets) RoundTrip(rq *http.Request) (*http.Response, error) {
	t.target, t.sent = rq, ""
	t.asked++
	if rq.Body != nil {
		data, err := io.ReadAll(rq.Body)
		if err != nil {
			return nil, err
		}
		t.sent = string(data)
	}
	if t.silent {
		<-rq.Context().Done()
		return nil, rq.Context().Err()
	}
	reply := t.reply
	switch {
	case reply != "":
	case t.mirror:
		reply = "200\nContent-Type: application/json\n\n" + t.sent
	default:
		reply = "200\nContent-Type: text/plain\n\ntarget"
	}
	head, body, _ := strings.Cut(reply, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	status, err := strconv.Atoi(lines[0])
	if err != nil {
		return nil, err
	}
	h := http.Header{}
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ": ")
		h.Add(name, value)
	}
	body = strings.TrimSuffix(body, "\n")
	if count, ok := strings.CutPrefix(body, "x * "); ok { // so many letters
		n, err := strconv.Atoi(count)
		if err != nil {
			return nil, err
		}
		body = strings.Repeat("x", n)
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1, Request: rq}, nil
}
