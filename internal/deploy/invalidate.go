// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"

	"github.com/forelane/forelane/internal/cluster"
)

// Invalidate drops cached objects on all nodes: when it returns nil, none of
// them answers with one.
func (d *Desk) Invalidate(ctx context.Context, inv cluster.Invalidation) error {
	e, err := d.cluster.Append(ctx, cluster.Entry{Kind: cluster.Invalidate, Invalidation: &inv}, cluster.AnyLast)
	if err != nil {
		return err
	}
	c, err := d.cluster.Wait(ctx, e.Number)
	return verdict(c, err, nil)
}
