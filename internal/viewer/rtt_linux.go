// SPDX-License-Identifier: Apache-2.0

package viewer

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// roundTripTime is the kernel's estimate for a connection: that of its
// handshake when it is new.
func roundTripTime(c net.Conn) (rtt time.Duration, ok bool) {
	sc, is := c.(syscall.Conn)
	if !is {
		return 0, false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = rc.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			rtt, ok = time.Duration(info.Rtt)*time.Microsecond, info.Rtt > 0
		}
	})
	return rtt, ok && err == nil
}
