// SPDX-License-Identifier: Apache-2.0

package server

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// askSystem fills in what Linux tells; what cannot be read stays 0.
func (p *process) askSystem(data string) {
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) == nil {
		p.cpuSeconds = float64(use.Utime.Nano()+use.Stime.Nano()) / 1e9
	}
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(b)); len(f) > 1 {
			pages, _ := strconv.ParseFloat(f[1], 64) // 0 when it is no number
			p.resident = pages * float64(os.Getpagesize())
		}
	}
	if d, err := os.Open("/proc/self/fd"); err == nil {
		names, _ := d.Readdirnames(-1)
		p.files = float64(len(names))
		_ = d.Close() // read only
	}
	var fs syscall.Statfs_t
	if syscall.Statfs(data, &fs) == nil {
		p.diskFree, p.diskSize = float64(fs.Bavail)*float64(fs.Bsize), float64(fs.Blocks)*float64(fs.Bsize)
	}
}
