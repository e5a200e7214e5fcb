// SPDX-License-Identifier: Apache-2.0

//go:build race

package h1

// lossyPools: with the race detector, sync.Pool drops a part of what it gets.
const lossyPools = true
