// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package arena

// Map is n bytes of the heap: mapped is false.
func Map(n int) (mem []byte, mapped bool) { return make([]byte, n), false }

// Unmap leaves the memory to the garbage collector.
func Unmap([]byte) {}

func forget([]byte) {}
