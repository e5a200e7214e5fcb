// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dop251/goja"

	"github.com/forelane/forelane/internal/model"
)

// lambdas run the Lambda@Edge functions of a script: sections with the code of
// a Node.js module, under the fake clock. What real processes do is tested in
// package server.
type lambdas struct {
	s     *script
	mu    sync.Mutex
	calls map[string]int    // by event
	last  map[string]string // event by its type
}

// configLambda reads "lambda EVENT SECTION [body] [behavior=PATTERN]".
func (s *script) configLambda(a []string) {
	assoc := model.FunctionAssociation{ARN: "arn:aws:lambda:us-east-1:123456789012:function:" + a[1] + ":3", Lambda: true}
	events := map[string]model.EdgeEvent{}
	for e := model.ViewerRequest; e <= model.OriginResponse; e++ {
		events[e.String()] = e
	}
	var ok bool
	if assoc.Event, ok = events[a[0]]; !ok {
		s.fatalf("config: no event %q", a[0])
	}
	b := s.w.behavior()
	for _, word := range a[2:] {
		pattern, named := strings.CutPrefix(word, "behavior=")
		for _, other := range s.w.dist.Behaviors {
			if named && other.PathPattern == pattern {
				b = other
			}
		}
		assoc.IncludeBody = assoc.IncludeBody || word == "body"
	}
	b.Functions = append(b.Functions, assoc)
	if s.w.lambda == nil {
		s.w.lambda = &lambdas{s: s, calls: map[string]int{}, last: map[string]string{}}
	}
}

// Invoke runs a function. Its code may call sleep(ms) and throttle().
func (l *lambdas) Invoke(ctx context.Context, in *model.Invocation) (*model.InvocationResult, error) {
	var ev struct {
		Records []struct {
			CF struct {
				Config struct {
					EventType string `json:"eventType"`
				} `json:"config"`
			} `json:"cf"`
		}
	}
	if err := json.Unmarshal(in.Payload, &ev); err != nil {
		return nil, err
	}
	at := ev.Records[0].CF.Config.EventType
	l.mu.Lock()
	l.calls[at]++
	l.last[at] = string(in.Payload)
	l.mu.Unlock()
	name, _ := model.SplitFunctionRef(in.Function)
	return runModule(ctx, l.s.text[name], string(in.Payload))
}

// runModule runs the handler of a module with an event.
func runModule(ctx context.Context, code, event string) (*model.InvocationResult, error) {
	vm := goja.New()
	var refused error
	_ = vm.Set("sleep", func(ms int64) {
		select {
		case <-time.After(time.Duration(ms) * time.Millisecond):
		case <-ctx.Done():
			refused = ctx.Err()
			vm.Interrupt("late")
		}
	})
	_ = vm.Set("throttle", func() {
		refused = &model.InvokeError{Fault: model.FaultThrottled, Msg: "Rate Exceeded."}
		vm.Interrupt("throttled")
	})
	_, err := vm.RunString("var exports = {}, module = {exports};\n" + code + `
		;var result, failure;
		function run(event) {
			const done = (e, r) => { failure = e; result = r === undefined ? "null" : JSON.stringify(r); };
			const r = module.exports.handler(JSON.parse(event), {}, done);
			if (r && r.then) { r.then((v) => done(null, v), (e) => done(e)); }
		}`)
	if err == nil {
		run, _ := goja.AssertFunction(vm.Get("run"))
		_, err = run(goja.Undefined(), vm.ToValue(event))
	}
	switch failure := vm.Get("failure"); {
	case refused != nil:
		return nil, refused
	case err != nil:
		return failedModule(err.Error()), nil
	case failure != nil && !goja.IsUndefined(failure) && !goja.IsNull(failure):
		return failedModule(failure.ToObject(vm).Get("message").String()), nil
	}
	return &model.InvocationResult{Payload: []byte(vm.Get("result").String())}, nil
}

func failedModule(message string) *model.InvocationResult {
	payload, err := json.Marshal(map[string]string{"errorType": "Error", "errorMessage": message})
	if err != nil {
		payload = []byte("{}")
	}
	return &model.InvocationResult{Error: "Unhandled", Payload: payload}
}

// lambdaCalls compares how often functions ran, "EVENT=N".
func (s *script) lambdaCalls(a []string) {
	l, _ := s.w.lambda.(*lambdas)
	if l == nil {
		s.fatalf("the config has no lambda")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range a {
		at, want, _ := strings.Cut(w, "=")
		if got := strconv.Itoa(l.calls[at]); got != want {
			s.errorf("%s functions ran %s times, want %s", at, got, want)
		}
	}
}

// lambdaEvent compares values of the last event of a type; paths begin at cf.
func (s *script) lambdaEvent(a []string) {
	l := s.w.lambda.(*lambdas)
	l.mu.Lock()
	defer l.mu.Unlock()
	var ev any
	if err := json.Unmarshal([]byte(l.last[a[0]]), &ev); err != nil {
		s.fatalf("no event %s: %v", a[0], err)
	}
	for _, w := range a[1:] {
		path, want, _ := strings.Cut(w, "=")
		if got := valueAt(ev, "Records.0.cf."+path); got != want {
			s.errorf("%s: %s=%s, want %s", a[0], path, got, fmt.Sprint(want))
		}
	}
}

func (s *script) originBody(a []string) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	got := "-"
	if n := len(s.w.bodies); n > 0 {
		got = s.w.bodies[n-1]
	}
	if want := strings.Join(a, " "); got != want {
		s.errorf("the origin got the body %.80q, want %q", got, want)
	}
}
