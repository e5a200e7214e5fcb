// SPDX-License-Identifier: Apache-2.0

//go:build !endless_tenure

package fault

const planted = false
