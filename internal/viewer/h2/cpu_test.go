// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"syscall"
	"testing"
	"time"
)

// cpuTime is what this process has used: server and client of a benchmark.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
