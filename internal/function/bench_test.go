// SPDX-License-Identifier: Apache-2.0

package function

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// goFunction is the Go program of testdata; its binary is kept between runs.
func goFunction(name string) *model.Function {
	f := inline(name, "provided.al2023", "")
	f.Handler = "bootstrap"
	f.Code = model.Code{Dir: "testdata/gofn", Build: "go"}
	return f
}

func bench(b *testing.B, f *model.Function, parallel int) {
	s, _ := service(b, func(o *Options) {
		o.Dir, o.Log, o.Concurrency, o.Queue = sharedDir(), nil, 4, 1000
	}, f)
	if err := s.Prepare(b.Context(), f.Name); err != nil {
		b.Fatal(err)
	}
	in := &model.Invocation{Function: f.Name, Payload: []byte(`{"text":"hello"}`)}
	one := func() {
		if res, err := s.Invoke(context.Background(), in); err != nil || res.Error != "" {
			b.Error(errors.Join(err), res)
		}
	}
	for range 100 {
		one()
	}
	b.ReportAllocs()
	before := cpu(s)
	if parallel == 0 {
		for b.Loop() {
			one()
		}
	} else {
		b.SetParallelism(parallel)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				one()
			}
		})
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	b.ReportMetric(float64((cpu(s)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// cpu is the time that this process and the workers have used: unlike the
// elapsed time it says the same on a busy machine.
func cpu(s *Service) time.Duration {
	var own syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &own) != nil {
		return 0
	}
	sum := time.Duration(own.Utime.Nano() + own.Stime.Nano())
	s.mu.RLock()
	defer s.mu.RUnlock()
	for w := range s.workers {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.proc.Pid()))
		if f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])); err == nil && len(f) > 12 {
			user, _ := strconv.Atoi(f[11])
			system, _ := strconv.Atoi(f[12])
			sum += time.Duration(user+system) * 10 * time.Millisecond
		}
	}
	return sum
}

const trivial = `exports.handler = async (event) => ({statusCode: 200, body: event.text})`

func BenchmarkInvokeGo(b *testing.B)         { bench(b, goFunction("gofn"), 0) }
func BenchmarkInvokeGoParallel(b *testing.B) { bench(b, goFunction("gofn"), 4) }
func BenchmarkInvokeNode(b *testing.B)       { bench(b, node("trivial", trivial), 4) }
func BenchmarkInvokeNodeOne(b *testing.B)    { bench(b, node("trivial", trivial), 0) }
func BenchmarkInvokePython(b *testing.B) {
	bench(b, python("trivial", "def handler(event, context):\n    return event['text']\n"), 4)
}
