// SPDX-License-Identifier: Apache-2.0

// A token bucket in one number. A bucket that holds burst tokens and gets rate
// tokens a second is told by the time at which it is full again: each token
// taken moves that time on by 1/rate, and it may not be further away than
// burst/rate. With a rate of 2 and a burst of 3, from a full bucket at 10.0 s:
//
//	take   full again   ahead of now   room for 1.5 s   answer
//	10.0   10.5         0.5            yes              token
//	10.0   11.0         1.0            yes              token
//	10.0   11.5         1.5            yes              token
//	10.0   12.0         2.0            no               none
//	10.5   12.0         1.5            yes              token
//
// A bucket that is full has a time that is past, and is then the same as one
// that nobody has used: it can be forgotten.

package throttle

import "time"

// ticks are sixteenths of a nanosecond since the table was made: the interval
// of 33 million tokens a second is exact to 0.2 %, and 18 years fit.
type ticks = int64

const (
	perNano           = 16
	perSecond         = perNano * int64(time.Second)
	farthest    ticks = 1 << 61
	slack             = ticks(perSecond)
	maxInterval       = farthest
)

// Limit is a rate and a burst. The zero Limit lets nothing pass.
type Limit struct {
	interval ticks // between two tokens
	depth    ticks // the time that an empty bucket takes to be full
}

// NewLimit is the limit of a bucket that holds burst tokens and gets rate
// tokens a second. A rate or a burst that is not above zero lets nothing pass.
func NewLimit(rate float64, burst int) Limit {
	if !(rate > 0) || burst <= 0 {
		return Limit{}
	}
	interval := maxInterval
	if f := float64(perSecond)/rate + 0.5; f < float64(maxInterval) {
		interval = max(1, ticks(f))
	}
	l := Limit{interval: interval, depth: farthest}
	if int64(burst) <= farthest/interval {
		l.depth = int64(burst) * interval
	}
	return l
}

// take takes a token at a time from a bucket that is full again at *full.
func (l Limit) take(full *ticks, now ticks) bool {
	next := max(*full, now) + l.interval
	switch ahead := next - now; {
	case ahead <= l.depth:
		*full = next
		return true
	case ahead > l.depth+l.interval+slack:
		// No bucket of this limit is emptier than empty: the limit was lowered, or
		// the clock set back. The slack is for callers who looked at their watches a
		// while ago.
		*full = now + l.depth
	}
	return false
}
