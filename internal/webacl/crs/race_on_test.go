// SPDX-License-Identifier: Apache-2.0

//go:build race

package crs

// raced: the race detector watches, and makes regular expressions twenty times
// as slow.
const raced = true
