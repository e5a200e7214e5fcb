// SPDX-License-Identifier: Apache-2.0

package account

import (
	"fmt"
	"time"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/record"
)

// Invalidated tells of the last invalidation of a target before a time.
type Invalidated func(dist, target string, before time.Time) (path string, at time.Time, ok bool)

// Blame adds to what is recorded of a miss the invalidation that
// took what was stored, if there was one before.
func Blame(to *explain.Recorded, r *record.Record, ask Invalidated) {
	if r.Cache.Reason != record.ReasonAbsent || to.Facts.Cache == nil {
		return
	}
	dist, target := cache.SplitKey(r.Cache.Key)
	if path, at, ok := ask(dist, target, r.Start); ok {
		to.Facts.Cache.Why += ByInvalidation(path, r.Start.Sub(at))
		to.Facts.Wishes = append(to.Facts.Wishes, WishInvalidation)
	}
}

// WishInvalidation is what would have helped then.
const WishInvalidation = "it had not been invalidated, or somebody had asked for it since"

// ByInvalidation goes on with why there is nothing.
func ByInvalidation(path string, ago time.Duration) string {
	return fmt.Sprintf("; an invalidation of %s had taken what there was %s before", path, explain.Seconds(ago.Truncate(time.Second)))
}
