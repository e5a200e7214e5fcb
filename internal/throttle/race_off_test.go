// SPDX-License-Identifier: Apache-2.0

//go:build !race

package throttle

// tenfold is what the race detector lets the larger tests be smaller by.
const tenfold = 1
