// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/function"
	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/throttle"
)

// keptLines is how many lines a function's log keeps in memory.
const keptLines = 2000

// followers may lag by this many lines; a slower one loses the oldest.
const followerLag = 1000

// logBook keeps the latest lines of every function and passes new ones on.
type logBook struct {
	mu        sync.Mutex
	lines     []function.LogLine // a ring
	next      int
	followers map[chan function.LogLine]string // -> function, empty for all
}

func newLogBook() *logBook {
	return &logBook{followers: map[chan function.LogLine]string{}}
}

func (b *logBook) add(l function.LogLine) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) < keptLines {
		b.lines = append(b.lines, l)
	} else {
		b.lines[b.next] = l
		b.next = (b.next + 1) % keptLines
	}
	for ch, name := range b.followers {
		if name != "" && name != l.Function {
			continue
		}
		select {
		case ch <- l:
		default: // a slow reader never holds a function up
		}
	}
}

// read gives the kept lines and, if follow, the new ones until ctx ends.
func (b *logBook) read(ctx context.Context, name string, follow bool, emit func(any) error) error {
	ch := make(chan function.LogLine, followerLag)
	b.mu.Lock()
	var kept []function.LogLine
	for i := range b.lines {
		l := b.lines[(b.next+i)%len(b.lines)]
		if name == "" || l.Function == name {
			kept = append(kept, l)
		}
	}
	if follow {
		b.followers[ch] = name
	}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.followers, ch)
		b.mu.Unlock()
	}()
	for _, l := range kept {
		if err := emit(l); err != nil {
			return err
		}
	}
	for follow {
		select {
		case <-ctx.Done():
			return nil
		case l := <-ch:
			if err := emit(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// edgeLog takes what CloudFront Functions log.
func (s *Server) edgeLog(l edgefunc.Line) {
	s.log.Info("edge function", "function", l.Function, "message", l.Text)
}

// apiLog takes what the gateway has to say of a request: the line of the stage's
// access log; faults, and once a minute each that requests are throttled, are
// told the operator.
func (s *Server) apiLog(r *gateway.Record) {
	s.apis.count(r)
	if r.AccessLine != "" {
		s.access.Write(r.AccessLog, r.AccessLine)
	}
	if r.Reason == gateway.ReasonRate || r.Reason == gateway.ReasonQuota {
		buckets, minutely := s.kept.limits.Buckets, throttle.NewLimit(1.0/60, 1)
		if buckets.Take(buckets.Scope("told", r.APIID, r.Stage, r.Route, r.APIKeyID, r.Detail.Error()), minutely, time.Now()) {
			s.log.Info("API: requests are throttled", "api", r.API, "stage", r.Stage, "route", r.Route, "key", r.APIKeyID, "reason", r.Reason, "detail", r.Detail)
		}
		return
	}
	if r.Status >= 500 {
		s.log.Warn("API", "api", r.API, "stage", r.Stage, "route", r.Route, "status", r.Status, "reason", r.Reason, "detail", r.Detail)
	}
}
