// SPDX-License-Identifier: Apache-2.0

// Limits on requests (row A15). In the order of "Throttle requests to your REST
// APIs for better throughput in API Gateway", the most particular one first, so
// that a caller who is over a limit of its own uses up nothing of what it shares:
//
//  1. the usage plan's limit of the method, for each API key and stage
//  2. the usage plan's limit, for each API key in all of the plan's stages
//  3. the stage's limit of the method or route, for all callers; a limit of the
//     stage is one that each of its methods has, with a bucket of its own
//  4. the account's limit: all APIs of the process together, as a region of AWS
//  5. the usage plan's quota, which requests that were throttled do not use up
//
// All of it comes after authorization, which may be what tells the key: who may
// not pass takes nothing from those who may.

package gateway

import (
	"errors"
	"fmt"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/throttle"
)

// Limits is what requests have used of their limits. Who keeps it over several
// Gateways lets a new one go on where the old one was.
type Limits struct {
	Buckets *throttle.Table
	Quotas  *throttle.Counts
	// Account is the limit of all APIs together. What it does not say is AWS's
	// own default, 10,000 requests a second with a burst of 5,000; below zero:
	// none.
	Account model.Throttle
}

// NewLimits makes Limits of which nothing is used.
func NewLimits() *Limits {
	return &Limits{Buckets: throttle.NewTable(0, time.Now()), Quotas: &throttle.Counts{}}
}

// account is the account's limit with AWS's defaults.
func (l *Limits) account() model.Throttle {
	rate, burst := 10_000.0, 5_000
	return l.Account.Or(model.Throttle{Rate: &rate, Burst: &burst})
}

// allowance is a limit with its bucket; nil: there is no limit.
type allowance struct {
	buckets *throttle.Table
	bucket  throttle.Key
	limit   throttle.Limit
}

// allowance makes the allowance that the words name. What t does not say is as
// the account has it; a number below zero means no limit.
func (l *Limits) allowance(t model.Throttle, words ...string) *allowance {
	if !t.Set() {
		return nil
	}
	if t = t.Or(l.account()); *t.Rate < 0 || *t.Burst < 0 {
		return nil
	}
	return &allowance{l.Buckets, l.Buckets.Scope(words...), throttle.NewLimit(*t.Rate, *t.Burst)}
}

// take takes a request's share, and tells whether there was one.
func (a *allowance) take(now time.Time) bool {
	return a == nil || a.buckets.Take(a.bucket, a.limit, now)
}

// Why a request was throttled, for the operator.
var (
	errPlanMethod = errors.New("the usage plan's limit of the method, for this API key")
	errPlan       = errors.New("the usage plan's limit, for this API key")
	errRoute      = errors.New("the stage's limit of the route")
	errAccount    = errors.New("the limit of all APIs together (--api-rate, --api-burst)")
)

// throttle takes the request's share of every limit that it is under.
func (x *exchange) throttle() bool {
	now, s := time.Now(), x.subscriber
	switch {
	case s != nil && !s.routes[x.route.key].take(now):
		return x.refuse(ReasonRate, errPlanMethod)
	case s != nil && !s.plan.take(now):
		return x.refuse(ReasonRate, errPlan)
	case !x.route.limit.take(now):
		return x.refuse(ReasonRate, errRoute)
	case !x.api.account.take(now):
		return x.refuse(ReasonRate, errAccount)
	case s != nil && s.counter != nil && !s.counter.Take(s.quota, now):
		return x.refuse(ReasonQuota, fmt.Errorf("%d requests a %s", s.quota.Limit, s.quota.Period))
	}
	return true
}
