// SPDX-License-Identifier: Apache-2.0

//go:build !endless_tenure

package cluster

const endless = false
