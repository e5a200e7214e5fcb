// SPDX-License-Identifier: Apache-2.0

//go:build !endless_tenure

package fault

// tags are what the binary is built with.
const tags = ""

const planted = false
