// SPDX-License-Identifier: Apache-2.0

package authorizer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// function is an authorizer function; it answers by the event's identity.
type function struct {
	calls  atomic.Int32
	answer func(ctx context.Context, event []byte) (*model.InvocationResult, error)
}

func (f *function) Invoke(ctx context.Context, in *model.Invocation) (*model.InvocationResult, error) {
	f.calls.Add(1)
	return f.answer(ctx, in.Payload)
}

func says(format string, args ...any) func(context.Context, []byte) (*model.InvocationResult, error) {
	return func(context.Context, []byte) (*model.InvocationResult, error) {
		return &model.InvocationResult{Payload: fmt.Appendf(nil, format, args...)}, nil
	}
}

// echo allows the one resource and names the identity as the principal.
func echo(resource string) func(context.Context, []byte) (*model.InvocationResult, error) {
	return func(ctx context.Context, event []byte) (*model.InvocationResult, error) {
		var identity string
		if err := json.Unmarshal(event, &identity); err != nil {
			return nil, err
		}
		if strings.HasPrefix(identity, "bad") {
			return &model.InvocationResult{Error: "Unhandled", Payload: []byte(`{"errorMessage":"Unauthorized"}`)}, nil
		}
		return says(`{"principalId":%q,"policyDocument":{"Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":%q}]},"context":{"who":%q}}`,
			identity, resource, identity)(ctx, event)
	}
}

const (
	arnA = "arn:aws:execute-api:us-east-1:1:api/prod/GET/a"
	arnB = "arn:aws:execute-api:us-east-1:1:api/prod/GET/b"
	all  = "arn:aws:execute-api:us-east-1:1:api/prod/*"
)

func lambdaOf(t testing.TB, m *model.Authorizer, rest bool, f *function) *Authorizer {
	t.Helper()
	if m.Function == "" {
		m.Function = "auth"
	}
	a, err := Compile(m, Options{REST: rest, Invoke: f})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// request is one with the fields "Name: value", for a resource.
func request(resource string, fields ...string) *Request {
	rq := &Request{
		Header: http.Header{}, Resources: []string{resource},
		Event: func(a Ask) []byte {
			text, err := json.Marshal(strings.Join(a.Identity, "|"))
			if err != nil {
				panic(err)
			}
			return text
		},
		Context: func(string) (string, bool) { return resource, true },
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		rq.Header[name] = append(rq.Header[name], value)
	}
	return rq
}

func seconds(n int) *time.Duration {
	d := time.Duration(n) * time.Second
	return &d
}

// TestA12PolicyIsOfAllRoutes: one answer is kept for all routes and evaluated
// for each.
func TestA12PolicyIsOfAllRoutes(t *testing.T) {
	f := &function{answer: echo(arnA)}
	a := lambdaOf(t, &model.Authorizer{Kind: "TOKEN"}, true, f)
	for _, tt := range []struct {
		arn, token string
		kind       Kind
		ok         bool
		calls      int32
	}{
		{arnA, "alice", 0, true, 1},
		{arnB, "alice", Forbidden, false, 1},
		{arnA, "alice", 0, true, 1},
		{arnA, "bob", 0, true, 2},
		{arnA, "bad1", Invalid, false, 3},
		{arnA, "bad1", Invalid, false, 4}, // a failure is not kept
		{arnA, "Alice", 0, true, 5},
	} {
		g, d := a.Authorize(t.Context(), request(tt.arn, "Authorization: "+tt.token))
		if (d == nil) != tt.ok || d != nil && d.Kind != tt.kind || f.calls.Load() != tt.calls || g != nil && (g.Principal != tt.token || g.Vars["who"] != tt.token) {
			t.Errorf("%s %s: %+v %+v, %d calls", tt.arn, tt.token, g, d, f.calls.Load())
		}
	}
	rq := request(arnA, "Authorization: alice")
	rq.Resources = append(rq.Resources, arnB) // what an encoded path is decoded to
	if _, d := a.Authorize(t.Context(), rq); d == nil || d.Kind != Forbidden {
		t.Errorf("one of two names is not allowed: %+v", d)
	}
}

// TestA12RouteKeyIsASource: with it, each route has an answer of its own.
func TestA12RouteKeyIsASource(t *testing.T) {
	f := &function{answer: says(`{"isAuthorized":true}`)}
	m := &model.Authorizer{Kind: "REQUEST", Payload: "2.0", Simple: true, TTL: seconds(60), IdentitySource: []string{"$request.header.Authorization", "$context.routeKey"}}
	a := lambdaOf(t, m, false, f)
	for _, arn := range []string{arnA, arnB, arnA, arnB} {
		if _, d := a.Authorize(t.Context(), request(arn, "Authorization: alice")); d != nil {
			t.Error(d.Cause)
		}
	}
	if f.calls.Load() != 2 {
		t.Errorf("%d calls", f.calls.Load())
	}
}

// TestA12IdentitiesAreNotMixed: identities that look alike when they are
// joined have answers of their own.
func TestA12IdentitiesAreNotMixed(t *testing.T) {
	m := &model.Authorizer{Kind: "REQUEST", IdentitySource: []string{"method.request.header.X", "method.request.header.Y"}}
	f := &function{answer: echo(all)}
	a := lambdaOf(t, m, true, f)
	sets := [][]string{
		{"X: a", "Y: b,c"},
		{"X: a,b", "Y: c"},
		{"X: a", "X: b", "Y: c"},
		{"X: a", "Y: b", "Y: c"},
		{"X: ab", "Y: c"},
		{"X: a", "Y: bc"},
		{"X: b", "X: a", "Y: c"},
		{"X: a|b", "Y: c"},
		{"X: a", "Y: b|c"},
	}
	for range 2 {
		for _, fields := range sets {
			if _, d := a.Authorize(t.Context(), request(arnA, fields...)); d != nil {
				t.Error(d.Cause)
			}
		}
	}
	if int(f.calls.Load()) != len(sets) {
		t.Errorf("%d calls for %d identities", f.calls.Load(), len(sets))
	}
	if _, d := a.Authorize(t.Context(), request(arnA, "X: a")); d == nil || d.Kind != Missing {
		t.Errorf("one source missing: %+v", d)
	}
}

// TestA12FollowersWaitForTheirOwn: identities asked for at the same time, each
// by many, are asked once each, and everybody gets the own answer.
func TestA12FollowersWaitForTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		answer := echo(all)
		f := &function{answer: func(ctx context.Context, e []byte) (*model.InvocationResult, error) {
			<-release
			return answer(ctx, e)
		}}
		a := lambdaOf(t, &model.Authorizer{Kind: "TOKEN"}, true, f)
		leaving, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for n := range 1000 {
			wg.Go(func() {
				who := fmt.Sprintf("user%d", n%10)
				if n%10 == 9 {
					who = "bad"
				}
				ctx := t.Context()
				if n < 10 { // those who began leave
					ctx = leaving
				}
				g, d := a.Authorize(ctx, request(arnA, "Authorization: "+who))
				switch {
				case n < 10 && (d == nil || d.Kind != Gone):
					t.Errorf("%s left: %+v", who, d)
				case n < 10:
				case who == "bad" && (d == nil || d.Kind != Invalid), who != "bad" && (g == nil || g.Principal != who):
					t.Errorf("%s: %+v %+v", who, g, d)
				}
			})
			if n == 9 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		close(release)
		wg.Wait()
		if f.calls.Load() != 10 {
			t.Errorf("%d calls", f.calls.Load())
		}
	})
}

// TestA12Lifetimes: TTL 300 s for REST, none for HTTP APIs unless given.
func TestA12Lifetimes(t *testing.T) {
	for _, tt := range []struct {
		name string
		ttl  *time.Duration
		rest bool
		want time.Duration
	}{
		{"REST", nil, true, 300 * time.Second},
		{"REST, given", seconds(7), true, 7 * time.Second},
		{"REST, off", seconds(0), true, 0},
		{"above the limit", seconds(9999), true, time.Hour},
		{"HTTP", nil, false, 0},
		{"HTTP, given", seconds(60), false, time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &function{answer: echo(all)}
				a := lambdaOf(t, &model.Authorizer{Kind: "REQUEST", TTL: tt.ttl, IdentitySource: []string{"method.request.header.A"}}, tt.rest, f)
				pass := func() {
					if _, d := a.Authorize(t.Context(), request(arnA, "A: x")); d != nil {
						t.Error(d.Cause)
					}
				}
				pass()
				if tt.want > 0 {
					time.Sleep(tt.want - 1)
					pass()
					if f.calls.Load() != 1 {
						t.Errorf("%d calls within the lifetime", f.calls.Load())
					}
					time.Sleep(time.Nanosecond)
				}
				pass()
				if f.calls.Load() != 2 {
					t.Errorf("%d calls after it", f.calls.Load())
				}
			})
		})
	}
}

// TestA12SourcesAreOptionalWithoutCache: of a REST API.
func TestA12SourcesAreOptionalWithoutCache(t *testing.T) {
	f := &function{answer: echo(all)}
	for _, m := range []*model.Authorizer{
		{Kind: "REQUEST", TTL: seconds(0), IdentitySource: []string{"method.request.header.A"}}, {Kind: "REQUEST"},
	} {
		a := lambdaOf(t, m, true, f)
		for range 2 {
			if _, d := a.Authorize(t.Context(), request(arnA)); d != nil {
				t.Error(d.Cause)
			}
		}
	}
	if f.calls.Load() != 4 {
		t.Errorf("%d calls", f.calls.Load())
	}
}

func TestA12Validation(t *testing.T) {
	f := &function{answer: echo(all)}
	a := lambdaOf(t, &model.Authorizer{Kind: "TOKEN", Validation: "Bearer [a-z]+"}, true, f)
	for token, ok := range map[string]bool{"Bearer abc": true, "abc": false, "xBearer abc": false, "Bearer abc1": false} {
		if _, d := a.Authorize(t.Context(), request(arnA, "Authorization: "+token)); (d == nil) != ok || d != nil && d.Kind != Invalid {
			t.Errorf("%s: %+v", token, d)
		}
	}
	if f.calls.Load() != 1 {
		t.Errorf("%d calls", f.calls.Load())
	}
	if _, d := a.Authorize(t.Context(), request(arnA, "Authorization: Bearer abc", "Authorization: Bearer evil")); d == nil {
		t.Error("two tokens")
	}
	if _, err := Compile(&model.Authorizer{Kind: "TOKEN", Function: "f", Validation: "(?=x)"}, Options{REST: true, Invoke: f}); err == nil {
		t.Error("an expression that cannot be compiled")
	}
}

func TestA12Answers(t *testing.T) {
	const policy = `"policyDocument":{"Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"` + all + `"}]}`
	deny := strings.Replace(policy, "Allow", "Deny", 1)
	tests := []struct {
		name, form, answer string
		kind               Kind
		ok                 bool
	}{
		{"policy", "rest", `{"principalId":"p",` + policy + `}`, 0, true},
		{"deny", "rest", `{"principalId":"p",` + deny + `}`, ForbiddenDeny, false},
		{"no statement", "rest", `{"principalId":"p","policyDocument":{"Statement":[]}}`, Forbidden, false},
		{"no principal", "rest", `{` + policy + `}`, Misconfigured, false},
		{"principal is a number", "rest", `{"principalId":1,` + policy + `}`, Misconfigured, false},
		{"no policy", "rest", `{"principalId":"p"}`, Misconfigured, false},
		{"no resource", "rest", `{"principalId":"p","policyDocument":{"Statement":[{"Effect":"Allow","Action":"*"}]}}`, Misconfigured, false},
		{"simple where a policy is wanted", "rest", `{"isAuthorized":true}`, Misconfigured, false},
		{"object in the context", "rest", `{"principalId":"p",` + policy + `,"context":{"a":{}}}`, Misconfigured, false},
		{"context is a list", "rest", `{"principalId":"p",` + policy + `,"context":[]}`, Misconfigured, false},
		{"another action", "rest", strings.Replace(`{"principalId":"p",`+policy+`}`, "execute-api:Invoke", "s3:*", 1), Forbidden, false},
		{"not JSON", "rest", `allow`, Misconfigured, false},
		{"null", "rest", `null`, Misconfigured, false},
		{"too large", "rest", `{"principalId":"` + strings.Repeat("p", maxAnswer) + `",` + policy + `}`, Misconfigured, false},
		{"simple", "simple", `{"isAuthorized":true,"context":{"a":{"b":[1]}}}`, 0, true},
		{"simple no", "simple", `{"isAuthorized":false}`, Forbidden, false},
		{"simple text", "simple", `{"isAuthorized":"true"}`, Misconfigured, false},
		{"simple in other letters", "simple", `{"ISAUTHORIZED":true}`, Misconfigured, false},
		{"simple null", "simple", `{"isAuthorized":null}`, Misconfigured, false},
		{"policy where simple is wanted", "simple", `{"principalId":"p",` + policy + `}`, Misconfigured, false},
		{"format 2.0 policy", "2.0", `{"principalId":"p",` + policy + `,"context":{"a":{}}}`, 0, true},
		{"format 1.0 policy", "1.0", `{"principalId":"p",` + policy + `,"context":{"a":1}}`, 0, true},
		{"format 1.0 with an object", "1.0", `{"principalId":"p",` + policy + `,"context":{"a":{}}}`, Misconfigured, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &model.Authorizer{Kind: "REQUEST", Payload: tt.form, Simple: tt.form == "simple"}
			if tt.form == "simple" {
				m.Payload = "2.0"
			}
			a := lambdaOf(t, m, tt.form == "rest", &function{answer: says("%s", tt.answer)})
			_, d := a.Authorize(t.Context(), request(arnA))
			if (d == nil) != tt.ok || d != nil && d.Kind != tt.kind {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestA12Failures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, tt := range map[string]struct {
			answer func(context.Context, []byte) (*model.InvocationResult, error)
			kind   Kind
		}{
			"error": {func(context.Context, []byte) (*model.InvocationResult, error) { return nil, errors.New("x") }, Failed},
			"Unauthorized": {func(context.Context, []byte) (*model.InvocationResult, error) {
				return &model.InvocationResult{Error: "Unhandled", Payload: []byte(`{"errorMessage":"Unauthorized"}`)}, nil
			}, Invalid},
			"other words": {func(context.Context, []byte) (*model.InvocationResult, error) {
				return &model.InvocationResult{Error: "Unhandled", Payload: []byte(`{"errorMessage":"unauthorized user"}`)}, nil
			}, Failed},
			"too slow": {func(ctx context.Context, _ []byte) (*model.InvocationResult, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}, Failed},
		} {
			for _, ttl := range []int{0, 60} {
				a := lambdaOf(t, &model.Authorizer{Kind: "TOKEN", TTL: seconds(ttl)}, true, &function{answer: tt.answer})
				start := time.Now()
				_, d := a.Authorize(t.Context(), request(arnA, "Authorization: x"))
				if d == nil || d.Kind != tt.kind || name == "too slow" && time.Since(start) != askTimeout {
					t.Errorf("%s, TTL %d: %+v after %v", name, ttl, d, time.Since(start))
				}
			}
		}
	})
}

// TestA12Context: what integrations and variables see.
func TestA12Context(t *testing.T) {
	const said = `{"principalId":"p","usageIdentifierKey":"key-1","policyDocument":{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}},"context":{"s":"t\"","n":1.5,"b":true,"z":null,"principalId":"forged"}}`
	rest := lambdaOf(t, &model.Authorizer{Kind: "TOKEN"}, true, &function{answer: says(said)})
	g, d := rest.Authorize(t.Context(), request(arnA, "Authorization: x"))
	if d != nil {
		t.Fatal(d.Cause)
	}
	if want := `{"principalId":"p","integrationLatency":0,"b":"true","n":"1.5","s":"t\"","z":null}`; string(g.Event1) != want || g.Event2 != nil {
		t.Errorf("%s %s", g.Event1, g.Event2)
	}
	if g.UsageKey != "key-1" || g.Vars["principalId"] != "p" || g.Vars["n"] != "1.5" || g.Vars["s"] != `t"` {
		t.Errorf("%+v", g)
	}
	h := lambdaOf(t, &model.Authorizer{Kind: "REQUEST", Payload: "2.0", Simple: true}, false, &function{answer: says(`{"isAuthorized":true,"context":{"o":{"a":[1]},"n":1}}`)})
	if g, _ = h.Authorize(t.Context(), request(arnA)); string(g.Event2) != `{"lambda":{"o":{"a":[1]},"n":1}}` || g.Vars["o"] != `{"a":[1]}` {
		t.Errorf("%s %v", g.Event2, g.Vars)
	}
}

// TestA12KeptIsBounded: in entries and in bytes, the oldest go first.
func TestA12KeptIsBounded(t *testing.T) {
	big := strings.Repeat("x", maxAnswer/2)
	f := &function{answer: func(ctx context.Context, e []byte) (*model.InvocationResult, error) {
		return says(`{"principalId":%s,"policyDocument":{"Statement":[]},"context":{"a":%q}}`, e, big)(ctx, e)
	}}
	a := lambdaOf(t, &model.Authorizer{Kind: "TOKEN"}, true, f)
	for n := range 2000 {
		a.Authorize(t.Context(), request(arnA, fmt.Sprintf("Authorization: %d", n)))
	}
	k := a.judge.(*lambdaJudge).kept
	if k.bytes > keptBytes || k.order.Len() != len(k.entries) || len(k.flights) != 0 || k.order.Len() < 1000 {
		t.Errorf("%d bytes, %d entries, %d in the map, %d flights", k.bytes, k.order.Len(), len(k.entries), len(k.flights))
	}
	before := f.calls.Load()
	a.Authorize(t.Context(), request(arnA, "Authorization: 1999"))
	if f.calls.Load() != before {
		t.Error("the latest is gone")
	}
	big = ""
	for n := range keptEntries + 500 {
		a.Authorize(t.Context(), request(arnA, fmt.Sprintf("Authorization: small-%d", n)))
	}
	if k.order.Len() > keptEntries || k.order.Len() != len(k.entries) {
		t.Errorf("%d entries", k.order.Len())
	}
}
