// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/cluster"
	"github.com/forelane/forelane/internal/deploy"
	"github.com/forelane/forelane/internal/invalidation"
	"github.com/forelane/forelane/internal/server"
)

// carrier brings invalidations to all nodes by the log of their cluster.
type carrier struct{ log cluster.Log }

var _ invalidation.Carrier = carrier{}

// Append implements invalidation.Carrier.
func (c carrier) Append(ctx context.Context, v invalidation.Invalidation) (uint64, error) {
	e, err := c.log.Append(ctx, cluster.Entry{Kind: cluster.Invalidate, Invalidation: &cluster.Invalidation{
		ID: v.ID, CallerReference: v.CallerReference, Distribution: v.Distribution, Paths: v.Paths,
	}}, cluster.AnyLast)
	return e.Number, err
}

// Wait implements invalidation.Carrier.
func (c carrier) Wait(ctx context.Context, number uint64) error {
	done, err := c.log.Wait(ctx, number)
	if err == nil && len(done.Refused) > 0 {
		return fmt.Errorf("not done by all nodes: %v", done.Refused)
	}
	return err
}

// promotionKey begins the key of the settings that promote distributions; what
// follows is the primary's id, the value the staging distribution's.
const promotionKey = "promotion."

// promoter puts promotions into the log, for all nodes.
func promoter(log cluster.Log, node *deploy.Node) func(ctx context.Context, primary, staging string) error {
	return func(ctx context.Context, primary, staging string) error {
		stack, stage, ok := node.PlaceOf(primary)
		if !ok {
			return errors.New("there is no such distribution")
		}
		e, err := log.Append(ctx, cluster.Entry{
			Kind: cluster.Set, Stack: stack, Stage: stage, Key: promotionKey + primary, Value: []byte(staging),
		}, cluster.AnyLast)
		if err != nil {
			return err
		}
		return carrier{log}.Wait(ctx, e.Number)
	}
}

// set does what a setting of the log says.
func (l *lateServer) set(ctx context.Context, e cluster.Entry) error {
	primary, ok := strings.CutPrefix(e.Key, promotionKey)
	if !ok {
		return nil
	}
	var err error
	if ref := strconv.FormatUint(e.Number, 10); len(e.Value) > 0 {
		err = l.Promote(ctx, ref, primary, string(e.Value))
	} else {
		err = l.Demote(ctx, ref, primary)
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", cluster.ErrRefused, err)
	}
	return err
}

// lateServer is the server that a node deploys to: each of the two needs the
// other to be made.
type lateServer struct{ *server.Server }

// invalidate does an invalidation in this node, and enters it into the node's
// list when another one began it.
func (l *lateServer) invalidate(_ context.Context, e cluster.Entry, wait func(context.Context, uint64) error) error {
	v := invalidation.Invalidation{
		ID: e.Invalidation.ID, CallerReference: e.Invalidation.CallerReference, Distribution: e.Invalidation.Distribution,
		Paths: e.Invalidation.Paths, Created: e.At,
	}
	l.Drop(v)
	return l.Learn(v, func(ctx context.Context) error { return wait(ctx, e.Number) })
}
