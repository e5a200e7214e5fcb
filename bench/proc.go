// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// tick is USER_HZ of /proc, which Linux fixes at 100 for every architecture
// that Go runs on.
const tick = 10 * time.Millisecond

// stat is what is needed of /proc/PID/stat (proc(5)).
type stat struct {
	pid, parent int
	cpu         time.Duration // utime + stime
}

// parseStat reads a line of /proc/PID/stat. The second field is a name in
// parentheses that may itself contain spaces and parentheses.
func parseStat(line string) (s stat, err error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return s, fmt.Errorf("no process name in %q", line)
	}
	if s.pid, err = strconv.Atoi(strings.TrimSpace(line[:open])); err != nil {
		return s, err
	}
	f := strings.Fields(line[end+1:]) // from field 3
	if len(f) < 13 {
		return s, fmt.Errorf("%d fields after the name in %q", len(f), line)
	}
	if s.parent, err = strconv.Atoi(f[1]); err != nil {
		return s, err
	}
	for _, i := range []int{11, 12} { // fields 14 and 15
		n, err := strconv.ParseInt(f[i], 10, 64)
		if err != nil {
			return s, err
		}
		s.cpu += time.Duration(n) * tick
	}
	return s, nil
}

// tree are the processes that descend from roots, roots included.
func tree(roots []int) []stat {
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is right
	all := map[int]stat{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		if s, err := parseStat(string(b)); err == nil {
			all[s.pid] = s
		}
	}
	isRoot := map[int]bool{}
	for _, r := range roots {
		isRoot[r] = true
	}
	var out []stat
	for pid, s := range all {
		for at := pid; at > 1; at = all[at].parent {
			if isRoot[at] {
				out = append(out, s)
				break
			}
		}
	}
	return out
}

// cpu is the time that the tree of roots has used.
func cpu(roots []int) (sum time.Duration) {
	for _, s := range tree(roots) {
		sum += s.cpu
	}
	return sum
}

// memory is the resident memory of the tree of roots in KiB. What processes
// share counts once: a page is divided among those who map it.
func memory(roots []int) (sum int64) {
	for _, s := range tree(roots) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", s.pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
				n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
				sum += n
			}
		}
	}
	return sum
}

// facts are of the machine.
type facts struct {
	cpu, kernel, load string
	cores             int
}

func machine() facts {
	f := facts{cores: runtime.NumCPU(), cpu: "unknown"}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			name, value, _ := strings.Cut(line, ":")
			if strings.TrimSpace(name) == "model name" {
				f.cpu = strings.TrimSpace(value)
			}
		}
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		f.kernel = strings.TrimSpace(string(b))
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		f.load, _, _ = strings.Cut(string(b), " ")
	}
	return f
}

// slug makes a name fit for a file.
func slug(s string) string {
	words := strings.FieldsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	return strings.Join(words, "-")
}
