// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"os"
	"strconv"
)

// Memory is what a process holds, in bytes.
type Memory struct {
	Peak int64 // the most that was ever resident, files mapped included
	Held int64 // what is resident now and cannot be dropped: anonymous and shared pages
}

// Memory reads what the leader of the group uses; zero when it is gone.
// Programs that the leader started are not counted.
func (p *Process) Memory() Memory {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/status")
	if err != nil {
		return Memory{}
	}
	return Memory{
		Peak: field(b, "\nVmHWM:"),
		Held: field(b, "\nRssAnon:") + field(b, "\nRssShmem:"),
	}
}

// field reads "NAME:   123 kB" of /proc/PID/status.
func field(status []byte, name string) int64 {
	_, v, ok := bytes.Cut(status, []byte(name))
	if !ok {
		return 0
	}
	v, _, _ = bytes.Cut(v, []byte(" kB"))
	n, err := strconv.ParseInt(string(bytes.TrimSpace(v)), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}
