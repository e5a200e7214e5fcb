// SPDX-License-Identifier: Apache-2.0

package function

import (
	"github.com/forelane/forelane/internal/metrics"
)

// meter counts one function. Its series outlive the function's revisions.
type meter struct {
	invocations, errors, throttles, cold *metrics.Counter
	duration, init                       *metrics.Histogram
	running                              *metrics.Gauge
}

func newMeter(r *metrics.Registry, name string) *meter {
	if r == nil {
		r = new(metrics.Registry) // nobody reads it
	}
	of := metrics.Label{Name: "function", Value: name}
	return &meter{
		invocations: r.Counter("forelane_function_invocations_total", "Invocations of a function, throttled ones not among them.", of),
		errors:      r.Counter("forelane_function_errors_total", "Invocations that failed: an error of the function, a crash, a time limit, a start that failed.", of),
		throttles:   r.Counter("forelane_function_throttles_total", "Invocations that found no concurrency left.", of),
		cold:        r.Counter("forelane_function_cold_starts_total", "Processes that were started.", of),
		duration:    r.Histogram("forelane_function_duration_seconds", "Time that the function had an invocation.", metrics.Latency(), of),
		init:        r.Histogram("forelane_function_init_seconds", "Time that a process took to become ready.", metrics.Latency(), of),
		running:     r.Gauge("forelane_function_concurrent_executions", "Invocations that run now.", of),
	}
}

// failed counts an invocation that failed.
func (f *function) failed() {
	f.errs.Add(1)
	f.meter.errors.Inc()
}
