// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/forelane/forelane/internal/record"
)

// TestBeginAnswersHitsInline: the first request of a key returns the rest of
// its work, a hit does not; and what the rest uses is not the connection's.
func TestBeginAnswersHitsInline(t *testing.T) {
	w := newWorld(t).compile()
	var last record.Record
	w.edge.deps.Record = func(r *record.Record) { last = *r }
	ask := func() (*wholeViewer, func()) {
		buf := []byte("/a")
		rq := request("/a")
		rq.Path = unsafe.String(&buf[0], len(buf))
		v := &wholeViewer{}
		rest := w.edge.Begin(t.Context(), rq, v)
		rq.Own()        // as engines do
		copy(buf, "XX") // the connection goes on
		return v, rest
	}
	v, rest := ask()
	if rest == nil {
		t.Fatal("a miss was answered without waiting")
	}
	rest()
	w.wg.Wait() // until it is stored
	w.expect(&v.viewer, 200, "Miss", "hello")
	if last.Request.Path != "/a" {
		t.Errorf("the record has the connection's buffer: %q", last.Request.Path)
	}
	v, rest = ask()
	if rest != nil {
		t.Fatal("a hit left its connection")
	}
	w.expect(&v.viewer, 200, "Hit", "hello")
}

// TestE10TheLogHasWhatTheViewerSent: also of a request that goes on elsewhere
// after the edge has changed it.
func TestE10TheLogHasWhatTheViewerSent(t *testing.T) {
	w := newWorld(t)
	w.dist.DefaultRootObject = "index.html"
	w.behavior().TrustedKeyGroups, w.behavior().SignerKeys = []string{"G"}, map[string]string{"K1": signerPEM(t)}
	w.compile()
	for range 2 { // a miss, a hit
		rq := request("/", "Sign", "cookies https://d1.cloudfront.net/* 60s", "Cookie", "a=b")
		if rest := w.edge.Begin(t.Context(), rq, &viewer{}); rest != nil {
			rq.Own()
			rest()
		}
		r := w.lastRecord().Request
		if r.Path != "/" || !strings.Contains(r.Cookie, "CloudFront-Signature=") || !strings.Contains(r.Cookie, "a=b") {
			t.Errorf("%+v", r)
		}
	}
	if got := w.lastCall().URL.Path; got != "/index.html" || w.originCalls() != 1 {
		t.Errorf("%s, %d calls", got, w.originCalls())
	}
}
