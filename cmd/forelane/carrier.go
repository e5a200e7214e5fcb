// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/forelane/forelane/internal/cluster"
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

// lateServer is the server that a node deploys to: each of the two needs the
// other to be made.
type lateServer struct{ *server.Server }

func (l *lateServer) invalidate(_ context.Context, inv *cluster.Invalidation) error {
	l.Drop(invalidation.Invalidation{Distribution: inv.Distribution, Paths: inv.Paths})
	return nil
}
