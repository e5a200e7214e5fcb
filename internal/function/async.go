// SPDX-License-Identifier: Apache-2.0

package function

// Asynchronous invocations (L5): accepted at once, run in the background, and
// tried three times in all: again one minute after the first failure and two
// minutes after the second. While a function is throttled an event waits, up
// to six hours, without using up a try.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/model"
)

const (
	maxQueued      = 1000     // events, over all functions
	maxQueuedBytes = 64 << 20 // their payloads
	maxAge         = 6 * time.Hour
)

// retryAfter are the waits before the second and the third try.
var retryAfter = [...]time.Duration{time.Minute, 2 * time.Minute}

// verdict is how a try of an event went.
type verdict uint8

const (
	verdictDone      verdict = iota // it ran well, or trying again is no use
	verdictFailed                   // the function failed
	verdictThrottled                // it could not run
)

// queue runs events. try may be called from many goroutines.
type queue struct {
	ctx  context.Context
	stop context.CancelFunc
	try  func(context.Context, *invocation) verdict
	drop func(*invocation) // tells of an event that was given up; may be nil
	wg   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	events int
	bytes  int
}

func newQueue(ctx context.Context, try func(context.Context, *invocation) verdict) *queue {
	q := &queue{try: try}
	q.ctx, q.stop = context.WithCancel(ctx)
	return q
}

// put takes an event in, or says that there is no room.
func (q *queue) put(v *invocation) bool {
	n := len(v.in.Payload)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.events >= maxQueued || q.bytes+n > maxQueuedBytes {
		return false
	}
	q.events++
	q.bytes += n
	q.wg.Go(func() {
		q.run(v)
		q.mu.Lock()
		q.events--
		q.bytes -= n
		q.mu.Unlock()
	})
	return true
}

func (q *queue) run(v *invocation) {
	born := time.Now()
	pause := time.Second
	for failures := 0; ; {
		switch q.try(q.ctx, v) {
		case verdictDone:
			return
		case verdictFailed:
			if failures == len(retryAfter) {
				q.giveUp(v)
				return
			}
			if !q.sleep(retryAfter[failures]) {
				return
			}
			failures++
		case verdictThrottled:
			if time.Since(born) > maxAge {
				q.giveUp(v)
				return
			}
			if !q.sleep(pause) {
				return
			}
			pause = min(2*pause, 5*time.Minute)
		}
	}
}

func (q *queue) giveUp(v *invocation) {
	if q.drop != nil {
		q.drop(v)
	}
}

func (q *queue) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-q.ctx.Done():
		return false
	}
}

// close drops what waits; what runs goes on until the service's context ends.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.stop()
}

func (q *queue) wait() { q.wg.Wait() }

// enqueue accepts an asynchronous invocation.
func (s *Service) enqueue(v *invocation) (*model.InvocationResult, error) {
	in := *v.in // the caller may use his own again
	in.Payload = append([]byte(nil), in.Payload...)
	in.Stream, in.LogTail = false, false
	v.in = &in
	if !s.async.put(v) {
		return nil, fault(model.FaultThrottled, fmt.Sprintf("%d asynchronous invocations are waiting already", maxQueued))
	}
	return &model.InvocationResult{RequestID: v.id, Version: v.version}, nil
}

// retryInvoke is one try of an event.
func (s *Service) retryInvoke(ctx context.Context, v *invocation) verdict {
	if !s.enter() {
		return verdictDone
	}
	defer s.flight.Done()
	res, err := v.run(ctx)
	var fault *model.InvokeError
	switch {
	case errors.As(err, &fault) && fault.Fault == model.FaultThrottled:
		return verdictThrottled
	case err != nil:
		if ctx.Err() == nil {
			s.dropped(v)
		}
		return verdictDone
	case res.Error != "":
		return verdictFailed
	}
	return verdictDone
}

// dropped says that an event is lost: there are no destinations and no
// dead-letter queues here.
func (s *Service) dropped(v *invocation) {
	s.say(v.fn.name, "the asynchronous invocation "+v.id+" was given up")
}
