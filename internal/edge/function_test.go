// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

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

// TestE3MadeOrigins: what an override makes of an origin, and which are one.
func TestE3MadeOrigins(t *testing.T) {
	from := &model.Origin{
		ID: "o", DomainName: "a.example", Path: "/p", Protocol: model.OriginHTTPSOnly, ReadTimeout: time.Minute, ClientCert: "arn:c",
		Headers: []model.HeaderField{{Name: "X-Key", Value: "k"}}, TLSVersions: []string{"TLSv1.2"},
	}
	none := ""
	for _, tt := range []struct {
		name  string
		ov    edgefunc.Override
		want  func(o *model.Origin)
		moved bool
	}{
		{"another name", edgefunc.Override{DomainName: "B.example"}, func(o *model.Origin) {
			o.DomainName, o.Made = "b.example", &model.MadeOrigin{HostHeader: "b.example", ServerName: "b.example", Foreign: true}
		}, true},
		{"the same name", edgefunc.Override{DomainName: "a.example"}, func(o *model.Origin) {
			o.Made = &model.MadeOrigin{HostHeader: "a.example", ServerName: "a.example"}
		}, true},
		{"Host", edgefunc.Override{HostHeader: "h.example"}, func(o *model.Origin) {
			o.Made = &model.MadeOrigin{HostHeader: "h.example", ServerName: "h.example"}
		}, true},
		{"SNI", edgefunc.Override{HostHeader: "h.example", SNI: "s.example", Certificates: []string{"*.x"}}, func(o *model.Origin) {
			o.Made = &model.MadeOrigin{HostHeader: "h.example", ServerName: "s.example", Certificates: []string{"*.x"}}
		}, true},
		{"network", edgefunc.Override{DomainName: "b.example", Network: "ipv6"}, func(o *model.Origin) {
			o.DomainName, o.Made = "b.example", &model.MadeOrigin{HostHeader: "b.example", ServerName: "b.example", Foreign: true, Network: "tcp6"}
		}, true},
		{"path and headers", edgefunc.Override{Path: &none, Headers: &[]model.HeaderField{}}, func(o *model.Origin) {
			o.Path, o.Headers = "", []model.HeaderField{}
		}, false},
		{"port", edgefunc.Override{Port: 8080, Protocol: "http"}, func(o *model.Origin) {
			o.Protocol, o.HTTPPort, o.TLSVersions = model.OriginHTTPOnly, 8080, nil
		}, true},
		{"times", edgefunc.Override{ReadTimeout: time.Second, KeepAlive: 2 * time.Second, Connect: 3 * time.Second, Completion: 4 * time.Second, Attempts: 2}, func(o *model.Origin) {
			o.ReadTimeout, o.KeepAlive, o.Connect, o.Completion, o.Attempts = time.Second, 2*time.Second, 3*time.Second, 4*time.Second, 2
		}, true},
		{"access", edgefunc.Override{Access: &model.OriginAccess{Type: "s3", Signing: "always"}, MutualOff: true}, func(o *model.Origin) {
			o.Access, o.ClientCert = &model.OriginAccess{Type: "s3", Signing: "always"}, ""
		}, true},
	} {
		c, err := overridden(from, &tt.ov)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		want := *from
		want.Made = &model.MadeOrigin{}
		tt.want(&want)
		if got := c.origin(); !reflect.DeepEqual(got, &want) || c.moved != tt.moved {
			t.Errorf("%s: moved %v\n got %+v %+v\nwant %+v %+v", tt.name, c.moved, got, got.Made, want, want.Made)
		}
		plain, _ := overridden(from, &edgefunc.Override{})
		if again, _ := overridden(from, &tt.ov); again.digest() != c.digest() || c.digest() == plain.digest() {
			t.Errorf("%s: the digest does not tell it", tt.name)
		}
	}
	bucket := &model.Origin{ID: "b", DomainName: "b.s3.amazonaws.com", S3: true, Access: &model.OriginAccess{Type: "s3", Signing: "always"}}
	for word, ov := range map[string]edgefunc.Override{
		"is a bucket":       {SNI: "x"},
		"an access control": {DomainName: "c.example", HostHeader: "x"},
		"is shorter":        {Completion: time.Second},
	} {
		if _, err := overridden(bucket, &ov); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
}

// TestMadeOriginsAreBounded: the one that was not used for longest goes.
func TestMadeOriginsAreBounded(t *testing.T) {
	var s madeOrigins
	built, closed := 0, 0
	use := func(i int) {
		key := [32]byte{byte(i), byte(i >> 8)}
		if _, err := s.get(key, func() (Made, error) {
			built++
			return Made{Close: func() { closed++ }}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 * mostMade {
		use(i)
		use(0)
	}
	if built != 2*mostMade || closed != mostMade || len(s.all) != mostMade {
		t.Errorf("%d built, %d closed, %d kept", built, closed, len(s.all))
	}
}

func TestFunctionsMustExist(t *testing.T) {
	w := newWorld(t)
	w.behavior().Functions = []model.FunctionAssociation{{Event: model.ViewerRequest, ARN: "arn:x"}}
	_, err := Compile(w.stack, Deps{Transport: func(*model.Distribution, *model.Origin) (http.RoundTripper, error) { return nil, nil }})
	if err == nil || !strings.Contains(err.Error(), "arn:x") {
		t.Errorf("%v", err)
	}
}
