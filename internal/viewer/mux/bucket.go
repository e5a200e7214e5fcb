// SPDX-License-Identifier: Apache-2.0

package mux

import "time"

// Bucket is a token bucket. The zero bucket fills itself at the first take.
type Bucket struct {
	Burst, Rate int // Rate is a second
	tokens      int
	last        time.Time
}

// Take takes one token; false: there is none.
func (b *Bucket) Take(now time.Time) bool {
	if b.tokens == 0 {
		if b.last.IsZero() {
			b.last, b.tokens = now, b.Burst
		} else if n := int(now.Sub(b.last).Seconds() * float64(b.Rate)); n > 0 {
			b.last, b.tokens = now, min(n, b.Burst)
		}
	}
	if b.tokens == 0 {
		return false
	}
	b.tokens--
	return true
}

// Earn adds n tokens.
func (b *Bucket) Earn(n int) {
	if !b.last.IsZero() {
		b.tokens = min(b.tokens+n, b.Burst)
	}
}
