// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/record"
)

// A hit never leaves its connection: Begin walks the table on the goroutine of
// the connection up to the first row that would block, and most requests never
// meet one. The others go on, with the same Exchange, in the rest.

// Serve answers one viewer request. It always answers, and emits one Record.
// rq is the Exchange's to change until Serve returns.
func (e *Edge) Serve(ctx context.Context, rq *httpmsg.Request, w Writer) {
	x := e.exchange(ctx, rq, w)
	at := x.open()
	x.rec.ID = strings.Clone(x.rec.ID)
	x.run(at)
	e.recycle(x)
}

// Begin answers a request if that needs no waiting, and returns nil then. Else
// it returns the rest of the work, to be run on a goroutine that may block, when
// rq has been given memory of its own; rq is the Exchange's until rest returns.
func (e *Edge) Begin(ctx context.Context, rq *httpmsg.Request, w Writer) (rest func()) {
	x := e.exchange(ctx, rq, w)
	at := x.runInline()
	if at == stepCount {
		e.recycle(x)
		return nil
	}
	sent := x.sentTexts()
	return func() {
		x.describe() // the Record's texts were the connection's
		if sent != nil {
			x.rec.Request = *sent
		}
		x.run(at)
		e.recycle(x)
	}
}

// sentTexts is the viewer's request as the Record has it, with memory of its own,
// if it has been changed since: by the default root object, or for what was
// signed. Nil: it has not.
func (x *Exchange) sentTexts() *record.Request {
	r := x.rec.Request
	if r.Path == x.rq.Path && r.Query == x.rq.Query && (x.beh == nil || x.beh.keys == nil) {
		return nil
	}
	for _, text := range []*string{&r.Method, &r.Scheme, &r.Host, &r.Path, &r.Query, &r.Referer, &r.UserAgent, &r.Cookie} {
		*text = strings.Clone(*text)
	}
	return &r
}

func (e *Edge) exchange(ctx context.Context, rq *httpmsg.Request, w Writer) *Exchange {
	x, _ := e.idle.Get().(*Exchange)
	if x == nil {
		x = new(Exchange)
	}
	x.ctx, x.edge, x.rq, x.w = ctx, e, rq, w
	return x
}

func (e *Edge) recycle(x *Exchange) {
	if x.rec.Result.End != record.EndInternal { // what a panic left behind is not known
		x.reset()
		e.idle.Put(x)
	}
}

// run walks the table from a step to the end. finish runs on every path, also
// when a step panics: the viewer then gets a 500 or a cut body, never silence.
func (x *Exchange) run(from stepID) {
	at := from
	defer x.rescue(&at)
	for ; at < stepCount; at = x.edge.steps[at].run(x) {
		if x.spans.Sampled() {
			x.pass(at)
		}
	}
}

// runInline walks the table to the end or to a row that would block now.
func (x *Exchange) runInline() (at stepID) {
	defer x.rescue(&at)
	x.inline = true
	for at = stepOpen; at < stepCount; at = x.edge.steps[at].run(x) {
		if x.edge.steps[at].blocks && x.wouldBlock(at) {
			break
		}
		if x.spans.Sampled() {
			x.pass(at)
		}
	}
	x.inline = false
	return at
}

// wouldBlock tells whether a row that may block does so for this Exchange.
func (x *Exchange) wouldBlock(at stepID) bool {
	switch at {
	case stepScreen: // to see a body is to wait for it
		s := x.dist.shield
		return s != nil && x.rq.Body != nil && x.rq.ContentLength != 0 && s.ReadsBody()
	case stepPage:
		return x.errorPage() != nil
	case stepDeliver:
		_, whole := x.w.(Whole)
		b := &x.body
		return !whole || b.part || b.reader != nil || b.src != nil || b.obj != nil && b.obj.OnDisk()
	}
	return true
}

// rescue ends an Exchange whose step panicked.
func (x *Exchange) rescue(at *stepID) {
	if p := recover(); p != nil {
		x.panicked(x.edge.steps[*at].name, p)
		*at = stepCount
	}
}
