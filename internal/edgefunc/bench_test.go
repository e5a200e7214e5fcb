// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"context"
	"net/netip"
	"sync"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

func testRequest() *httpmsg.Request {
	rq := &httpmsg.Request{Method: "GET", Scheme: "https", Host: "video.example.com", Path: "/media/", Query: "ID=42&NoValue&mv=val1&mv=val2,val3"}
	rq.Viewer.Addr = netip.MustParseAddrPort("198.51.100.11:1234")
	for _, f := range [][2]string{
		{"Host", "video.example.com"},
		{"User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"},
		{"Accept", "application/json"},
		{"Accept", "text/html"},
		{"Accept-Language", "en-GB,en;q=0.5"},
		{"Accept-Encoding", "gzip, deflate, br"},
		{"Referer", "https://website.example.com/"},
		{"CloudFront-Viewer-Country", "GB"},
		{"Cookie", "c1=v1; mv=a; mv=b"},
		{"X-Amz-Cf-Id", "hidden"},
	} {
		rq.Header.Add(f[0], f[1])
	}
	return rq
}

func testEvent() *Event {
	return &Event{DistributionDomain: "d111111abcdef8.cloudfront.net", DistributionID: "EDFDVBD6EXAMPLE", RequestID: "EXAMPLEid==", EdgeLocation: "LCL", ServerIP: "192.0.2.1", Region: "eu-west-1"}
}

func compileOne(tb testing.TB, kind, code string, o Options, stores ...*model.KeyValueStore) *Function {
	tb.Helper()
	m := &model.EdgeFunction{Name: "f", ARN: "arn:aws:cloudfront::123456789012:function/f", Runtime: kind, Code: code, Pos: "t.yaml:1:1"}
	for _, s := range stores {
		m.Stores = append(m.Stores, s.ARN)
	}
	set, err := Compile([]*model.EdgeFunction{m}, stores, o)
	if err != nil {
		tb.Fatal(err)
	}
	f, ok := set.Function(m.ARN)
	if !ok {
		tb.Fatal("the function is not in the set")
	}
	if o.Machines == 0 {
		f.pool = sharedPools()[f.kind]
	}
	return f
}

// sharedPools spares the tests the making of a machine for each function.
var sharedPools = sync.OnceValue(func() (p [2]*pool) {
	text, err := compilePrograms()
	if err != nil {
		panic(err)
	}
	for k := range p {
		p[k] = newPool(kind(k), text, &Options{Machines: 4})
	}
	return p
})

func benchmarkRequest(b *testing.B, kind, code string) {
	f, ev := compileOne(b, kind, code, Options{}), testEvent()
	rq := testRequest()
	b.ReportAllocs()
	for b.Loop() {
		rq.Path = "/media/"
		if _, _, err := f.ViewerRequest(context.Background(), ev, rq); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRewrite(b *testing.B) {
	benchmarkRequest(b, "cloudfront-js-1.0", `function handler(event) { var r = event.request; if (r.uri.endsWith('/')) r.uri += 'index.html'; return r; }`)
}

func BenchmarkAsync(b *testing.B) {
	benchmarkRequest(b, "cloudfront-js-2.0", `async function handler(event) { const r = event.request; if (r.headers.host.value === 'x') return 1; return r; }`)
}

func BenchmarkOwnGlobals(b *testing.B) {
	benchmarkRequest(b, "cloudfront-js-2.0", `String.prototype.x = function () { return 'y'; }; function handler(event) { return event.request; }`)
}

func BenchmarkSecurityHeaders(b *testing.B) {
	f := compileOne(b, "cloudfront-js-2.0", `function handler(event) { var h = event.response.headers;
		h['strict-transport-security'] = { value: 'max-age=63072000' }; h['x-frame-options'] = { value: 'DENY' }; return event.response; }`, Options{})
	rq, ev := testRequest(), testEvent()
	b.ReportAllocs()
	for b.Loop() {
		rs := &httpmsg.Response{Status: 200, ContentLength: 12}
		rs.Header.Add("Content-Type", "text/html")
		if _, err := f.ViewerResponse(context.Background(), ev, rq, rs); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMachine(b *testing.B) {
	p, err := compilePrograms()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := newMachine(js20, p, false); err != nil {
			b.Fatal(err)
		}
	}
}
