// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package arena

const noReserve = 0

// forget does nothing: outside Linux no advice promises what is wanted here.
func forget([]byte) {}
