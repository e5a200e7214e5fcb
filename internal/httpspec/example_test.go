// SPDX-License-Identifier: Apache-2.0

package httpspec_test

import (
	"fmt"
	"time"

	"github.com/forelane/forelane/internal/httpspec"
)

func ExampleTTL() {
	policy := httpspec.Policy{Min: 0, Default: 24 * time.Hour, Max: 365 * 24 * time.Hour}
	cc := httpspec.ParseCacheControl("max-age=60, s-maxage=600, stale-while-revalidate=30")
	f := httpspec.TTL(policy, cc, "", "", time.Now())
	fmt.Println(f.TTL, f.Revalidate, f.Store, f.Reason)
	// Output: 10m0s 30s true s-maxage
}

func ExampleEvaluate() {
	stored := httpspec.Validators{ETag: `W/"v1"`}
	fmt.Println(httpspec.Evaluate("GET", httpspec.Conditions{IfNoneMatch: `"v0", "v1"`}, stored))
	// Output: not-modified
}
