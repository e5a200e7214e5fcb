// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"testing"

	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/model"
)

// hello is a function that says hello.
type hello struct{}

func (hello) Invoke(context.Context, *model.Invocation) (*model.InvocationResult, error) {
	return &model.InvocationResult{Payload: []byte(`{"statusCode":200,"body":"hello"}`)}, nil
}

// An API answers as an origin transport: whoever has a request for its host
// gives it to RoundTrip.
func ExampleCompile() {
	stack := &model.Stack{Region: "us-east-1", AccountID: "123456789012", APIs: []*model.API{{
		ID: "abcdefghij", Kind: model.HTTPAPI, Stages: []*model.Stage{{Name: "$default"}},
		Routes: []*model.Route{{Key: "GET /hello", Integration: &model.Integration{Kind: model.LambdaProxy, Function: "fn", Payload: "2.0"}}},
	}}}
	g, err := gateway.Compile(stack, gateway.Deps{Invoke: hello{}, Log: func(r *gateway.Record) {
		fmt.Printf("record: %q %d %s %q\n", r.Route, r.Status, r.SourceIP, r.Reason)
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, path := range []string{"/hello", "/nothing"} {
		req, err := http.NewRequest("GET", "https://abcdefghij.execute-api.us-east-1.amazonaws.com"+path, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		caller := gateway.Caller{SourceIP: netip.MustParseAddr("192.0.2.1")}
		resp, err := g.RoundTrip(req.WithContext(gateway.WithCaller(req.Context(), caller)))
		if err != nil {
			fmt.Println(err)
			return
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Println(resp.StatusCode, string(body), err)
	}
	// Output:
	// record: "GET /hello" 200 192.0.2.1 ""
	// 200 hello <nil>
	// record: "" 404 192.0.2.1 "no such route"
	// 404 {"message":"Not Found"} <nil>
}

// mirror answers with its event.
type mirror struct{}

func (mirror) Invoke(_ context.Context, in *model.Invocation) (*model.InvocationResult, error) {
	return &model.InvocationResult{Payload: in.Payload}, nil
}

// TestOneGatewayManyRequests: nothing of one request reaches another.
func TestOneGatewayManyRequests(t *testing.T) {
	stack := &model.Stack{AccountID: "123456789012", APIs: []*model.API{{
		ID: "abcdefghij", Kind: model.HTTPAPI, Stages: []*model.Stage{{Name: "$default"}},
		Routes: []*model.Route{{Key: "GET /{id}", Integration: &model.Integration{Kind: model.LambdaProxy, Function: "fn", Payload: "2.0"}}},
	}}}
	g, err := gateway.Compile(stack, gateway.Deps{Invoke: mirror{}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 50 {
				path := fmt.Sprintf("/%d-%d", n, i)
				req, err := http.NewRequestWithContext(t.Context(), "GET", "https://abcdefghij.execute-api.localhost"+path, nil)
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := g.RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil || resp.StatusCode != 200 {
					t.Errorf("%d %v", resp.StatusCode, err)
				}
				if got := pathOf(t, body); got != path {
					t.Errorf("%s answered with the event of %s", path, got)
				}
			}
		})
	}
	wg.Wait()
}

func pathOf(t *testing.T, event []byte) string {
	var e struct{ RawPath string }
	if err := json.Unmarshal(event, &e); err != nil {
		t.Error(err)
	}
	return e.RawPath
}
