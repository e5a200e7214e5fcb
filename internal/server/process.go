// SPDX-License-Identifier: Apache-2.0

package server

import (
	"runtime/metrics"
	"time"
)

// process is what the runtime and the system say of this process, read once a
// scrape.
type process struct {
	goroutines, heap, memory, gcCycles, gcSeconds float64

	cpuSeconds, resident, files float64 // 0 where the system does not tell
	diskFree, diskSize          float64 // of the file system with Data
}

var runtimeNames = [...]string{
	"/sched/goroutines:goroutines", "/memory/classes/heap/objects:bytes", "/memory/classes/total:bytes",
	"/gc/cycles/total:gc-cycles", "/cpu/classes/gc/total:cpu-seconds",
}

func lookAtProcess(data string) process {
	var s [len(runtimeNames)]metrics.Sample
	for i, name := range runtimeNames {
		s[i].Name = name
	}
	metrics.Read(s[:])
	var v [len(runtimeNames)]float64
	for i := range s {
		switch s[i].Value.Kind() {
		case metrics.KindUint64:
			v[i] = float64(s[i].Value.Uint64())
		case metrics.KindFloat64:
			v[i] = s[i].Value.Float64()
		case metrics.KindBad, metrics.KindFloat64Histogram: // another runtime
		}
	}
	p := process{goroutines: v[0], heap: v[1], memory: v[2], gcCycles: v[3], gcSeconds: v[4]}
	p.askSystem(data)
	return p
}

// seconds is a moment as Prometheus has it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
