// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

// goLambda is a Lambda function in Go: it gets the event's cf and returns what
// the function returns.
type goLambda func(cf map[string]any) any

func (f goLambda) Invoke(_ context.Context, in *model.Invocation) (*model.InvocationResult, error) {
	var ev struct {
		Records []struct {
			CF map[string]any `json:"cf"`
		}
	}
	if err := json.Unmarshal(in.Payload, &ev); err != nil {
		return nil, err
	}
	b, err := json.Marshal(f(ev.Records[0].CF))
	return &model.InvocationResult{Payload: b}, err
}

// lambdaAt ties a function to the default behavior.
func (w *world) lambdaAt(e model.EdgeEvent, f goLambda) {
	w.behavior().Functions = append(w.behavior().Functions, model.FunctionAssociation{
		Event: e, ARN: "arn:aws:lambda:us-east-1:1:function:f:1", Lambda: true, IncludeBody: e == model.ViewerRequest,
	})
	w.lambda = f
}

// TestE5WaysAreFew: a function that makes an origin of what viewers send makes
// no more ways than there is room for, and the same origin has one way.
func TestE5WaysAreFew(t *testing.T) {
	w := newWorld(t)
	w.lambdaAt(model.OriginRequest, func(cf map[string]any) any {
		rq := cf["request"].(map[string]any)
		rq["origin"].(map[string]any)["custom"].(map[string]any)["domainName"] = strings.TrimPrefix(rq["uri"].(string), "/") + ".example.com"
		return rq
	})
	var mu sync.Mutex
	ways := map[string]int{}
	closed := 0
	w.made = func(o *model.Origin) Made {
		mu.Lock()
		defer mu.Unlock()
		ways[o.DomainName]++
		rt := roundTrip(func(rq *http.Request) (*http.Response, error) { return answer(200, o.DomainName), nil })
		return Made{RoundTripper: rt, Close: func() { closed++ }}
	}
	w.compile()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 3 {
				v := &viewer{}
				w.edge.Serve(t.Context(), request(fmt.Sprintf("/a%d?%d", j, i)), v)
				if v.String() != fmt.Sprintf("a%d.example.com", j) {
					t.Errorf("%d %s", v.status, v)
				}
			}
		})
	}
	wg.Wait()
	w.wg.Wait()
	if n := ways["a1.example.com"]; n != 1 {
		t.Errorf("%d ways to one origin", n)
	}
	for i := range 512 {
		w.do(fmt.Sprintf("/b%d", i))
	}
	if n := len(ways) - closed; n != 256 {
		t.Errorf("%d ways are kept", n)
	}
	if w.edge.CloseMade(); closed != len(ways) {
		t.Errorf("%d of %d ways are closed", closed, len(ways))
	}
	w.released()
}

// TestE5WayFails: an origin that cannot be reached at all is the function's
// error.
func TestE5WayFails(t *testing.T) {
	w := newWorld(t)
	w.lambdaAt(model.OriginRequest, func(cf map[string]any) any {
		rq := cf["request"].(map[string]any)
		rq["origin"].(map[string]any)["custom"].(map[string]any)["domainName"] = "other.example.com"
		return rq
	})
	w.compile().edge.deps.Made = func(*model.Distribution, *model.Origin) (Made, error) {
		return Made{}, errors.New("no way")
	}
	w.expect(w.do("/a"), 503, "LambdaExecutionError", "")
	if r := w.lastRecord(); !strings.Contains(r.Function[model.OriginRequest].Error, "no way") {
		t.Errorf("%+v", r.Function[model.OriginRequest])
	}
	w.released()
}

// malformed is a body that the engine refuses.
type malformed struct{}

func (malformed) Error() string                { return "malformed chunk" }
func (malformed) HTTPStatus() int              { return http.StatusBadRequest }
func (malformed) Read([]byte) (n int, _ error) { return 0, malformed{} }

// TestE5MalformedBody: a body that a function was to see and that cannot be read
// is the viewer's fault, not the function's.
func TestE5MalformedBody(t *testing.T) {
	w := newWorld(t)
	w.behavior().Allowed = []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
	w.lambdaAt(model.ViewerRequest, func(cf map[string]any) any { t.Error("it ran"); return cf["request"] })
	w.compile()
	rq := request("POST /a")
	rq.Body, rq.ContentLength = io.NopCloser(malformed{}), -1
	v := &viewer{}
	w.edge.Serve(t.Context(), rq, v)
	w.expect(v, 400, "Error", "")
	w.released()
}

// TestE5LargeBody: what a function saw cut goes on whole.
func TestE5LargeBody(t *testing.T) {
	w := newWorld(t)
	w.behavior().Allowed = []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
	w.lambdaAt(model.ViewerRequest, func(cf map[string]any) any {
		b := cf["request"].(map[string]any)["body"].(map[string]any)
		if b["inputTruncated"] != true || len(b["data"].(string)) != (40<<10+2)/3*4 {
			t.Errorf("%v, %d bytes", b["inputTruncated"], len(b["data"].(string)))
		}
		return cf["request"]
	})
	text := strings.Repeat("x", 50<<10)
	w.expect(w.do("POST /a", "Body", text), 200, "Miss", "hello")
	if w.bodies[0] != text {
		t.Errorf("%d bytes go on", len(w.bodies[0]))
	}
	w.released()
}

// TestE5HitsAreInline: functions at the origin's events cost a hit nothing.
func TestE5HitsAreInline(t *testing.T) {
	w := newWorld(t)
	runs := 0
	w.lambdaAt(model.OriginRequest, func(cf map[string]any) any { runs++; return cf["request"] })
	w.expect(w.do("/a"), 200, "Miss", "hello")
	v := &wholeViewer{}
	if rest := w.edge.Begin(t.Context(), request("/a"), v); rest != nil || runs != 1 {
		t.Errorf("a hit left its connection, or ran the function: %d runs", runs)
	}
	w.expect(&v.viewer, 200, "Hit", "hello")
	w.released()
}

// TestE5NeedsFunctions: without a function service an association is an error.
func TestE5NeedsFunctions(t *testing.T) {
	w := newWorld(t)
	w.lambdaAt(model.OriginRequest, nil)
	d := Deps{Transport: func(*model.Distribution, *model.Origin) (http.RoundTripper, error) { return roundTrip(nil), nil }}
	for _, want := range []string{"there are no Lambda functions", "no numbered version"} {
		if _, err := Compile(w.stack, d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		d.Lambda, w.behavior().Functions[0].ARN = goLambda(nil), "arn:aws:lambda:us-east-1:1:function:f"
	}
}

// TestE5OncePerRegion: an answer of another edge has passed through the
// functions there.
func TestE5OncePerRegion(t *testing.T) {
	var runs [4]atomic.Int32
	r := newRegion(t, 2, func(w *world) {
		w.lambdaAt(model.OriginRequest, nil)
		w.lambdaAt(model.OriginResponse, nil)
		w.lambda = goLambda(func(cf map[string]any) any {
			if rs := cf["response"]; rs != nil {
				runs[model.OriginResponse].Add(1)
				rs.(map[string]any)["headers"].(map[string]any)["x-ran"] = []any{map[string]any{"value": "yes"}}
				return rs
			}
			runs[model.OriginRequest].Add(1)
			return cf["request"]
		})
	})
	targets := []string{"/a", "/b", "/c", "/d", "/e", "/f"}
	r.burst(t, targets, 3)
	if a, b := runs[model.OriginRequest].Load(), runs[model.OriginResponse].Load(); int(a) != len(targets) || int(b) != len(targets) {
		t.Errorf("%d and %d runs for %d objects", a, b, len(targets))
	}
	for i := range r.worlds {
		if v := r.get(t, i, "/a"); strings.Join(v.header.Values("X-Ran"), " ") != "yes" {
			t.Errorf("node %d: %v", i, v.header.Fields())
		}
	}
}
