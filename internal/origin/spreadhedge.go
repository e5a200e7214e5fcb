// SPDX-License-Identifier: Apache-2.0

package origin

// A hedge asks a second place for what the first one is silent about. When the
// head of an answer has not come after hedgeAfter, or ten times the estimate of
// the place where that is longer, the next place is asked beside it, and the
// first answer is taken:
//
//	0 s    eu is asked, and was cut off a moment ago
//	1 s    us is asked, too
//	1.1 s  us answers: eu is let go, and has failed once
//
// So a region that vanishes costs a second until it is ejected, whenever its
// health check will notice. A page that is slow everywhere is asked for twice,
// as long as the budget of repetitions lasts, and the first one wins. Only GET,
// HEAD and OPTIONS are hedged.

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

const (
	hedgeAfter  = time.Second
	hedgeFactor = 10
)

// errOvertaken ends the request to a place that was silent when another one
// answered.
var errOvertaken = errors.New("origin: another place has answered sooner")

type hedge struct {
	s    *Spread
	ctx  context.Context
	to   *member
	rq   *httpmsg.Request
	with *attempt // the first one

	timer *time.Timer
	mu    sync.Mutex
	over  bool // the first request has ended
	done  chan struct{}
	end   context.CancelCauseFunc // of the second request
	rs    httpmsg.Response
	err   error
}

// hedge arms one: the first request goes to p, as attempt a.
func (s *Spread) hedge(ctx context.Context, p, next *member, a *attempt, rq *httpmsg.Request) *hedge {
	s.mu.Lock()
	after := max(hedgeAfter, hedgeFactor*p.estimate)
	s.mu.Unlock()
	h := &hedge{s: s, ctx: ctx, to: next, rq: rq, with: a}
	h.timer = time.AfterFunc(after, h.run)
	return h
}

// run asks the second place.
func (h *hedge) run() {
	h.mu.Lock()
	if h.over || !h.s.afford() {
		h.mu.Unlock()
		return
	}
	h.done = make(chan struct{})
	var ctx context.Context
	ctx, h.end = context.WithCancelCause(h.ctx)
	h.mu.Unlock()
	defer close(h.done)
	rq := *h.rq // its scheme may be changed
	h.err = h.s.once(ctx, h.to, &attempt{}, call{rq: &rq, rs: &h.rs})
	if h.err == nil && !broken(h.rs.Status) {
		h.s.let(h.with, errOvertaken)
	}
}

// let ends an attempt that still waits.
func (s *Spread) let(a *attempt, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.waiting && a.cancel != nil {
		a.cancel(cause)
	}
}

// settle is called when the first request has ended. It tells whether rs is now
// the answer of the second one. The second one has ended, too, then.
func (h *hedge) settle(first error, rs *httpmsg.Response) bool {
	h.timer.Stop()
	h.mu.Lock()
	h.over = true
	done := h.done
	h.mu.Unlock()
	if done == nil {
		return false
	}
	if first == nil {
		h.end(errOvertaken)
	}
	<-done
	switch {
	case h.err != nil:
		h.end(nil)
		return false
	case first == nil:
		if h.rs.Body != nil {
			_ = h.rs.Body.Close()
		}
		h.end(nil)
		return false
	}
	*rs = h.rs
	if rs.Body != nil {
		rs.Body = &ended{rs.Body, h.end}
	} else {
		h.end(nil)
	}
	return true
}
