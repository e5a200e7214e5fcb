// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"strings"
	"testing"
)

func benchRequest(b testing.TB, url string) *http.Request {
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range []string{"Accept: */*", "User-Agent: curl/8", "Accept-Encoding: gzip", "X-Amz-Cf-Id: abc", "Via: 2.0 x"} {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Set(name, value)
	}
	return req.WithContext(WithCaller(b.Context(), Caller{}))
}

func BenchmarkRoundTrip(b *testing.B) {
	for name, url := range map[string]string{"http": httpHost + "/items/42?page=1", "rest": restHost + "/prod/items/42?page=1"} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b, httpAPI(newRoute("GET /items/{id}", lambda("2.0"))), restAPI(newRoute("GET /items/{id}", lambda(""))))
			r.fn.answer = says(`{"statusCode":200,"headers":{"content-type":"application/json"},"body":"{\"a\":1}"}`)
			g := mustCompile(b, httpAPI(newRoute("GET /items/{id}", lambda("2.0"))), r.fn)
			if name == "rest" {
				g = mustCompile(b, restAPI(newRoute("GET /items/{id}", lambda(""))), r.fn)
			}
			req := benchRequest(b, url)
			b.ReportAllocs()
			for b.Loop() {
				resp, err := g.RoundTrip(req)
				if err != nil || resp.StatusCode != 200 {
					b.Fatal(resp, err)
				}
			}
		})
	}
}

// TestAllocationBudget holds the warm path to a number: raise it with a reason.
func TestAllocationBudget(t *testing.T) {
	const budget = 70
	fn := &fake{answer: says(`{"statusCode":200,"headers":{"content-type":"application/json"},"body":"{\"a\":1}"}`)}
	g := mustCompile(t, httpAPI(newRoute("GET /items/{id}", lambda("2.0"))), fn)
	req := benchRequest(t, httpHost+"/items/42?page=1")
	n := testing.AllocsPerRun(200, func() {
		if _, err := g.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
	})
	if n > budget {
		t.Errorf("%v allocations a request, the budget is %d", n, budget)
	}
	t.Logf("%v allocations", n)
}
