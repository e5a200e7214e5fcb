// SPDX-License-Identifier: Apache-2.0

//go:build unix

package arena

import "golang.org/x/sys/unix"

// Map is n bytes of zeroed memory that the garbage collector does not see. It
// costs nothing before it is touched. mapped is false where the system refused
// and the heap had to do. Give it back with Unmap.
func Map(n int) (mem []byte, mapped bool) {
	mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|noReserve)
	if err != nil {
		return make([]byte, n), false
	}
	return mem, true
}

// Unmap gives memory of Map back; it must not be touched any more.
func Unmap(mem []byte) { _ = unix.Munmap(mem) }
