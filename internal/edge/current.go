// SPDX-License-Identifier: Apache-2.0

package edge

import "time"

// A node that has lost the others may have missed invalidations (Deps.Current).
// It goes on serving, but believes nothing that is stored: the cache is asked as
// of a time when every lifetime is over, so that what is found is what to
// revalidate. And each request asks the origin itself: a fetch that began before
// an invalidation must not answer a request that came after it. What the origin
// confirms or sends anew is stored as ever; the invalidations that were missed
// drop it when they are learned of.

// allOver is longer than any lifetime with its stale windows, a century each.
const allOver = 240 * 365 * 24 * time.Hour

// cacheTime is as of when the cache is asked, and whether together with others.
func (x *Exchange) cacheTime() (at time.Time, collapse bool) {
	now := x.now()
	if c := x.edge.deps.Current; c != nil && !c(now) {
		x.store.unsure = true
		return now.Add(allOver), false
	}
	return now, x.beh.collapse
}
