// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"fmt"
	"time"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/edge/account"
	"github.com/forelane/forelane/internal/explain"
)

// recorded says what happened to the request with an id, by its record, and
// what would happen to it now, by the dry mode. Where the request cannot be
// made again, or nobody answers to its host any more, there are the facts alone.
func (n node) recorded(ctx context.Context, id string) (*explain.Explanation, error) {
	m, now := n.s.recent, time.Now()
	if m == nil {
		return nil, fmt.Errorf("%w: this node keeps no requests (--recent 10m, or explain.recent of its configuration)", explain.ErrNotKept)
	}
	r, headers, ok := m.Find(id, now)
	if !ok {
		hits, others := m.Reach(now)
		return nil, fmt.Errorf("%w: this node keeps them for %s, and those of now reach back %s (hits) and %s (others); another node may have answered it",
			explain.ErrNotKept, n.s.o.Recent.Keep, hits.Truncate(time.Second), others.Truncate(time.Second))
	}
	facts := account.Recorded(r)
	account.Blame(facts, r, n.s.invalidated)
	e := &explain.Explanation{Method: facts.Facts.Method, URL: facts.Facts.URL, At: now}
	again, without, ok := account.Replay(r, headers)
	if !ok {
		e.Warnings = append(e.Warnings, "the request was too long to be kept whole: what would happen now is not known")
	} else if dry, err := n.Explain(ctx, again); err != nil {
		e.Warnings = append(e.Warnings, "what would happen now is not known: "+err.Error())
	} else {
		e = dry
	}
	e.Recorded, e.Without = facts, without
	return e, nil
}

// invalidated is the last invalidation by path that took what is cached of a
// target, before a time, as far as the book goes back.
func (s *Server) invalidated(dist, target string, before time.Time) (path string, at time.Time, ok bool) {
	if s.book == nil {
		return "", time.Time{}, false
	}
	for _, v := range s.book.List(dist) {
		if v.Created.After(before) || ok && !v.Created.After(at) {
			continue
		}
		for _, p := range v.Paths {
			if cache.ParsePath(p).Matches(target) {
				path, at, ok = p, v.Created, true
				break
			}
		}
	}
	return path, at, ok
}
