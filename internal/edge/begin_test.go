// SPDX-License-Identifier: Apache-2.0

package edge

import (
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
