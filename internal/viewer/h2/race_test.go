// SPDX-License-Identifier: Apache-2.0

//go:build race

package h2

// raceDetector: under it sync.Pool forgets at random, so that allocations
// cannot be counted.
const raceDetector = true
