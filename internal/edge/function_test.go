// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// fakeFunction is a Function of two Go functions.
type fakeFunction struct {
	request  func(rq *httpmsg.Request) (*httpmsg.Response, edgefunc.Outcome, error)
	response func(rq *httpmsg.Request, rs *httpmsg.Response) (edgefunc.Outcome, error)
}

func (f *fakeFunction) Name() string { return "fake" }

func (f *fakeFunction) ViewerRequest(_ context.Context, _ *edgefunc.Event, rq *httpmsg.Request) (*httpmsg.Response, edgefunc.Outcome, error) {
	return f.request(rq)
}

func (f *fakeFunction) ViewerResponse(_ context.Context, _ *edgefunc.Event, rq *httpmsg.Request, rs *httpmsg.Response) (edgefunc.Outcome, error) {
	return f.response(rq, rs)
}

// associate ties a fake function to the default behavior.
func (w *world) associate(f *fakeFunction) {
	b := w.behavior()
	if f.request != nil {
		b.Functions = append(b.Functions, model.FunctionAssociation{Event: model.ViewerRequest, ARN: "arn:f"})
	}
	if f.response != nil {
		b.Functions = append(b.Functions, model.FunctionAssociation{Event: model.ViewerResponse, ARN: "arn:f"})
	}
	w.fn = func(string) (Function, error) { return f, nil }
}

func TestE2RewriteDoesNotChooseAnotherBehavior(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.dist.Behaviors = append([]*model.Behavior{{
			PathPattern: "/api/*", Target: "o", Allowed: []string{"GET"}, Cached: []string{"GET"}, Cache: &model.CachePolicy{},
		}}, w.dist.Behaviors...)
		w.associate(&fakeFunction{request: func(rq *httpmsg.Request) (*httpmsg.Response, edgefunc.Outcome, error) {
			rq.Path = "/api" + rq.Path
			return nil, edgefunc.Outcome{Changed: true}, nil
		}})
		w.expect(w.do("/a"), 200, "Miss", "hello")
		w.expect(w.do("/a"), 200, "Hit", "hello")
		if p := w.lastCall().URL.Path; p != "/api/a" {
			t.Errorf("the origin was asked for %q", p)
		}
		if r := w.lastRecord(); r.Request.Path != "/a" || r.Edge.Behavior != "*" || r.Function[0].Name != "fake" {
			t.Errorf("record: %+v", r)
		}
	})
}

func TestE1FunctionAnswers(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.associate(&fakeFunction{request: func(*httpmsg.Request) (*httpmsg.Response, edgefunc.Outcome, error) {
			rs := &httpmsg.Response{Status: 302, Body: io.NopCloser(strings.NewReader("moved")), ContentLength: 5}
			rs.Header.Add("Location", "/new")
			return rs, edgefunc.Outcome{}, nil
		}})
		v := w.do("/a")
		w.expect(v, 302, "FunctionGeneratedResponse", "moved")
		if v.header.Get("Location") != "/new" || w.originCalls() != 0 {
			t.Errorf("%v, %d calls", v.header.Fields(), w.originCalls())
		}
		if r := w.lastRecord(); r.Result.Type != record.FunctionGeneratedResponse {
			t.Errorf("result %v", r.Result.Type)
		}
	})
}

func TestE2FunctionErrors(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		xcache string
	}{
		{&edgefunc.Error{Kind: edgefunc.Execution}, 503, "FunctionExecutionError"},
		{&edgefunc.Error{Kind: edgefunc.Validation}, 502, "FunctionExecutionError"},
		{&edgefunc.Error{Kind: edgefunc.Throttled}, 503, "FunctionThrottledError"},
		{errors.New("other"), 503, "FunctionExecutionError"},
	} {
		bubble(t, func(t *testing.T, w *world) {
			w.associate(&fakeFunction{request: func(*httpmsg.Request) (*httpmsg.Response, edgefunc.Outcome, error) {
				return nil, edgefunc.Outcome{}, tt.err
			}})
			w.expect(w.do("/a"), tt.status, tt.xcache, "")
			if w.originCalls() != 0 || w.lastRecord().Function[0].Error == "" {
				t.Errorf("%v: %d calls, record %+v", tt.err, w.originCalls(), w.lastRecord().Function[0])
			}
		})
		bubble(t, func(t *testing.T, w *world) {
			w.associate(&fakeFunction{response: func(*httpmsg.Request, *httpmsg.Response) (edgefunc.Outcome, error) {
				return edgefunc.Outcome{}, tt.err
			}})
			v := w.do("/a")
			w.expect(v, tt.status, tt.xcache, "")
			if n := len(v.header.Values("X-Cache")); n != 1 {
				t.Errorf("%d X-Cache fields", n)
			}
		})
	}
}

func TestE2ViewerResponse(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		runs := 0
		w.associate(&fakeFunction{response: func(_ *httpmsg.Request, rs *httpmsg.Response) (edgefunc.Outcome, error) {
			runs++
			rs.Header.Set("X-Added", "yes")
			if rs.Header.Get("X-Replace") != "" {
				rs.Body, rs.ContentLength = io.NopCloser(strings.NewReader("new")), 3
				return edgefunc.Outcome{Body: true}, nil
			}
			return edgefunc.Outcome{}, nil
		}})
		for _, kind := range []string{"Miss", "Hit"} {
			v := w.do("/a")
			w.expect(v, 200, kind, "hello")
			if v.header.Get("X-Added") != "yes" {
				t.Error("the field is missing")
			}
		}
		w.reply = func(*http.Request) (*http.Response, error) { return answer(200, "old", "X-Replace", "1"), nil }
		w.expect(w.do("/replaced"), 200, "Miss", "new")
		w.expect(w.do("/replaced"), 200, "Hit", "new")
		before := runs
		w.reply = func(*http.Request) (*http.Response, error) { return answer(404, "no"), nil }
		if v := w.do("/missing"); v.header.Has("X-Added") || runs != before {
			t.Error("the function ran for an error of the origin")
		}
	})
}

func TestE3FunctionSelectsAnOrigin(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.dist.Origins = append(w.dist.Origins, &model.Origin{ID: "two", DomainName: "two.example.com"}, &model.Origin{ID: "mutual", DomainName: "m.example.com", ClientCert: "arn:c"})
		pick := &edgefunc.Origin{Action: edgefunc.OriginSelect, Select: []edgefunc.OriginChoice{{ID: "two"}}}
		w.associate(&fakeFunction{request: func(rq *httpmsg.Request) (*httpmsg.Response, edgefunc.Outcome, error) {
			if rq.Header.Has("X-Two") {
				return nil, edgefunc.Outcome{Origin: pick}, nil
			}
			return nil, edgefunc.Outcome{}, nil
		}})
		w.do("/a")
		w.expect(w.do("/a", "X-Two", "1"), 200, "Miss", "hello")
		if h := w.lastCall().Host; h != "two.example.com" {
			t.Errorf("Host %q", h)
		}
		for _, bad := range []edgefunc.Origin{
			{Action: edgefunc.OriginSelect, Select: []edgefunc.OriginChoice{{ID: "three"}}},
			{Action: edgefunc.OriginSelect, Select: []edgefunc.OriginChoice{{ID: "mutual"}}},
			{Action: edgefunc.OriginGroup, Select: []edgefunc.OriginChoice{{ID: "two"}, {ID: "mutual"}}},
			{Override: edgefunc.Override{DomainName: "new.example.com"}}, // the test has no way there
		} {
			*pick = bad
			w.expect(w.do("/a", "X-Two", "1"), 502, "FunctionExecutionError", "")
		}
	})
}

func TestFunctionsMustExist(t *testing.T) {
	w := newWorld(t)
	w.behavior().Functions = []model.FunctionAssociation{{Event: model.ViewerRequest, ARN: "arn:x"}}
	_, err := Compile(w.stack, Deps{Transport: func(*model.Distribution, *model.Origin) (http.RoundTripper, error) { return nil, nil }})
	if err == nil || !strings.Contains(err.Error(), "arn:x") {
		t.Errorf("%v", err)
	}
}
