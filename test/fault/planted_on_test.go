// SPDX-License-Identifier: Apache-2.0

//go:build endless_tenure

package fault

// tags are what the binary is built with.
const tags = "endless_tenure"

// planted: nodes that are cut off go on to call current what they have.
const planted = true
