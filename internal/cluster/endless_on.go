// SPDX-License-Identifier: Apache-2.0

//go:build endless_tenure

package cluster

// endless makes tenures end never by time, which is wrong: a build with this tag
// is a planted bug, for the fault test to find.
const endless = true
