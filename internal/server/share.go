// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"encoding/json"
	"time"

	"github.com/forelane/forelane/internal/throttle"
)

// Nodes share the counts of quotas: each tells what it has counted itself, and
// adds what the others tell. Together they let through too much by what passes
// within two turns, and, while a node is cut off, by what passes there; never too
// little. Buckets (rates) are each node's own.

// Words is how a node tells the others something and learns what they tell: the
// last word of each.
type Words interface {
	Tell(ctx context.Context, word []byte) error
	Others(ctx context.Context) ([][]byte, error)
}

// shareEvery is how often counts are told.
const shareEvery = 2 * time.Second

// maxWord bounds what is told: some five thousand counts.
const maxWord = 512 << 10

// share tells and learns until ctx ends.
func (k *keeper) share(ctx context.Context, p Words) {
	t := time.NewTicker(shareEvery)
	defer t.Stop()
	failed := false
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		try, cancel := context.WithTimeout(ctx, shareEvery)
		err := k.shareOnce(try, p)
		cancel()
		if err != nil && !failed && ctx.Err() == nil {
			k.warn("the counts of quotas are not shared with other nodes: each counts by itself", "error", err)
		}
		failed = err != nil
	}
}

func (k *keeper) shareOnce(ctx context.Context, p Words) error {
	mine := k.limits.Quotas.Counts(time.Now())
	if len(mine) == 0 {
		return nil // nothing is counted here that others could add to
	}
	word, err := json.Marshal(mine)
	if err != nil {
		return err
	}
	if len(word) > maxWord {
		return errTooManyCounts
	}
	if err := p.Tell(ctx, word); err != nil {
		return err
	}
	words, err := p.Others(ctx)
	if err != nil {
		return err
	}
	var others [][]throttle.Count
	for _, w := range words {
		var counts []throttle.Count
		if err := json.Unmarshal(w, &counts); err != nil {
			return err
		}
		others = append(others, counts)
	}
	k.limits.Quotas.Others(others)
	return nil
}
