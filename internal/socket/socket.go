// SPDX-License-Identifier: Apache-2.0

// Package socket reads and writes sockets without telling the scheduler.
//
// Around each system call Go notes that the caller may block. For that its
// monitor thread (sysmon) must be awake, and wakes every 20 µs; a call that
// is found still running then loses its processor to another thread. Copying
// 64 KB into a socket takes that long, and a server that is not busy all the
// time lets the monitor sleep and wakes it again thousands of times a second.
// On one core this was 15 % of a hit of 64 KB, with the two threads that took
// turns more.
//
// A socket of the poller does not block: what it cannot do now it refuses. So
// the calls are made as plain ones, in pieces that are short (pieceSize), and
// where a socket refuses the caller waits in the poller as ever.
//
//  1. Wrap makes a Conn of a TCP connection; TLS goes over it.
//  2. Read and Write on a descriptor are for those who are in the poller
//     already (syscall.RawConn).
//
// What it does not do: it buffers nothing. Where the system is not Linux, Wrap
// gives back what it got and the calls are those of package syscall.
//
// Concurrency: as net.Conn has it.
package socket

import "net"

// Gatherer is a connection that sends many pieces at once.
type Gatherer interface {
	// Gather sends bufs in order, which it uses up, and tells how many bytes
	// went. On an error bufs holds what did not.
	Gather(bufs *net.Buffers) (int64, error)
}

// pieceSize is the most that one call moves, some 50 µs of work.
const pieceSize = 128 << 10

// advance takes n bytes off the front of bufs.
func advance(bufs *net.Buffers, n int) {
	b := *bufs
	for len(b) > 0 && n >= len(b[0]) {
		n -= len(b[0])
		b[0] = nil
		b = b[1:]
	}
	if n > 0 {
		b[0] = b[0][n:]
	}
	*bufs = b
}
