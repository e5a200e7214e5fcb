// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/control"
	"github.com/forelane/forelane/internal/control/cloudfront"
	"github.com/forelane/forelane/internal/invalidation"
)

// Drop does an invalidation in this node: when it returns, neither memory nor
// disk have what it hit, and what is on its way in is not stored. It is for the
// Options.Carrier, which says when. The distribution is an id, a logical id, or
// none for all.
func (s *Server) Drop(v invalidation.Invalidation) {
	ids, err := s.distributions(v.Distribution)
	if err != nil { // not one of now: perhaps of before, which the disk may know
		ids = []string{v.Distribution}
	}
	paths := make([]cache.Path, len(v.Paths))
	for i, p := range v.Paths {
		paths[i] = cache.ParsePath(p)
	}
	for _, id := range ids {
		s.cache.Invalidate(id, paths)
	}
}

// Purge drops all that is cached, durably: what was invalidated meanwhile is not
// known.
func (s *Server) Purge() { s.cache.Purge() }

// Learn enters an invalidation that another node has begun into this node's
// book; it is completed there when wait returns nil.
func (s *Server) Learn(v invalidation.Invalidation, wait func(context.Context) error) error {
	return s.book.Learn(v, wait)
}

// alone is the Carrier of a node without others: an invalidation is done when
// it is begun.
type alone struct{ s *Server }

// Append does it.
func (a alone) Append(_ context.Context, v invalidation.Invalidation) (uint64, error) {
	a.s.Drop(v)
	return 0, nil
}

// Wait has nothing to wait for.
func (alone) Wait(context.Context, uint64) error { return nil }

// distributions are the ids of those that a name means: an id, a logical id, or
// all for none.
func (s *Server) distributions(name string) ([]string, error) {
	snap := s.pin()
	if snap == nil {
		return nil, errors.New("nothing is running")
	}
	defer snap.release()
	var ids []string
	for _, st := range snap.stacks {
		for _, d := range st.Distributions {
			if name == "" || name == d.ID || name == d.LogicalID {
				ids = append(ids, d.ID)
			}
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("there is no distribution %q", name)
	}
	return ids, nil
}

// Invalidate begins an invalidation of one distribution, or of all.
func (n node) Invalidate(ctx context.Context, rq invalidation.Request) ([]invalidation.Invalidation, error) {
	ids, err := n.s.distributions(rq.Distribution)
	if err != nil {
		return nil, err
	}
	var all []invalidation.Invalidation
	for _, id := range ids {
		rq.Distribution = id
		v, err := n.s.book.Create(ctx, rq)
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

// Reach tells what an invalidation would drop, and drops nothing.
func (n node) Reach(ctx context.Context, distribution string, paths []string) ([]control.Reach, error) {
	ids, err := n.s.distributions(distribution)
	if err != nil {
		return nil, err
	}
	parsed := make([]cache.Path, len(paths))
	for i, p := range paths {
		if err := invalidation.Check(p); err != nil {
			return nil, err
		}
		parsed[i] = cache.ParsePath(p)
	}
	var all []control.Reach
	for _, id := range ids {
		memory, disk, err := n.s.cache.Reach(ctx, id, parsed)
		if err != nil {
			return nil, err
		}
		all = append(all, control.Reach{Distribution: id, Memory: control.Extent(memory), Disk: control.Extent(disk)})
	}
	return all, nil
}

// Invalidations is the book of the node.
func (n node) Invalidations() cloudfront.Invalidations { return n.s.book }

// Distributions are those of all stacks.
func (n node) Distributions() []cloudfront.Distribution {
	snap := n.s.pin()
	if snap == nil {
		return nil
	}
	defer snap.release()
	var all []cloudfront.Distribution
	for _, st := range snap.stacks {
		for _, d := range st.Distributions {
			all = append(all, cloudfront.Distribution{Distribution: d, Since: snap.since})
		}
	}
	return all
}
