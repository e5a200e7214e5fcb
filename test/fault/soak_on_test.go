// SPDX-License-Identifier: Apache-2.0

//go:build soak

package fault

const rounds = 50
