// SPDX-License-Identifier: Apache-2.0

package arena

import "golang.org/x/sys/unix"

const noReserve = unix.MAP_NORESERVE

// forget lets the system have the pages of mem, which read as zeros afterwards.
func forget(mem []byte) { _ = unix.Madvise(mem, unix.MADV_DONTNEED) }
