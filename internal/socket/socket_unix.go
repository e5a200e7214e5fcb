// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package socket

import (
	"errors"
	"syscall"
)

// Read reads what is there from a descriptor that does not block.
func Read(fd uintptr, p []byte) (int, syscall.Errno) { return retry(syscall.Read, fd, p) }

// Write writes what there is room for to a descriptor that does not block.
func Write(fd uintptr, p []byte) (int, syscall.Errno) { return retry(syscall.Write, fd, p) }

func retry(call func(int, []byte) (int, error), fd uintptr, p []byte) (int, syscall.Errno) {
	for {
		n, err := call(int(fd), p)
		var errno syscall.Errno
		if !errors.As(err, &errno) {
			return n, 0
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}
