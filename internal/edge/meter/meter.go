// SPDX-License-Identifier: Apache-2.0

// Package meter counts what an edge does (row E14): by distribution, behavior,
// origin and edge function.
//
// The flow: all series are asked for when the edge is compiled, so that a hit
// only adds: to one counter each of its result, its status, its lookup and its
// bytes, and to one histogram. What is over is told by its Record. Labels are ids
// and path patterns of the template; nothing a viewer sends becomes one.
//
// Without a registry every meter is nil, and counts nothing.
//
// Concurrency: meters may be used by many at once; AddFunction before that.
package meter

import (
	"strconv"
	"time"

	"github.com/forelane/forelane/internal/metrics"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// Distribution counts the exchanges of one distribution.
type Distribution struct {
	requests       [record.ResultTypes]*metrics.Counter
	sent, received *metrics.Counter
	errors         [len(errorStatuses)]*metrics.Counter
	latency        *metrics.Histogram // of what the origin answered
	collapsed      *metrics.Counter
	refreshes      *metrics.Counter
	none           *Behavior // of what ended before it had a behavior
}

// errorStatuses are those that CloudFront has an error rate of its own for.
var errorStatuses = [...]int{401, 403, 404, 502, 503, 504}

// Behavior counts those of one behavior.
type Behavior struct {
	responses *metrics.ByClass
	lookups   [record.CacheStatuses]*metrics.Counter
	seconds   *metrics.Histogram
	functions [4]*function // by event; nil: none
}

// Origin counts what one origin of a distribution is asked.
type Origin struct {
	responses       *metrics.ByClass
	tries, failures *metrics.Counter
	failovers       *metrics.Counter
	seconds         *metrics.Histogram
}

// function counts the runs of a function at one event.
type function struct {
	runs, errors *metrics.Counter
	seconds      *metrics.Histogram
}

func label(name, value string) metrics.Label { return metrics.Label{Name: name, Value: value} }

// New is the meter of a distribution.
func New(r *metrics.Registry, m *model.Distribution) *Distribution {
	if r == nil {
		return nil
	}
	dist := label("distribution", m.ID)
	t := &Distribution{
		sent:      r.Counter("forelane_edge_sent_bytes_total", "Bytes sent to viewers, heads included.", dist),
		received:  r.Counter("forelane_edge_received_bytes_total", "Bytes of viewers' requests, heads included.", dist),
		latency:   r.Histogram("forelane_edge_origin_latency_seconds", "Time from a request to the first byte of its answer, of answers that came from an origin.", metrics.Latency(), dist),
		collapsed: r.Counter("forelane_edge_collapsed_requests_total", "Requests that waited for the fetch of another one and got its answer.", dist),
		refreshes: r.Counter("forelane_edge_refreshes_total", "Fetches without a viewer, to renew what was served stale.", dist),
	}
	for i := range t.requests {
		if result := record.ResultType(i); result != record.ResultNone {
			t.requests[i] = r.Counter("forelane_edge_requests_total", "Requests of viewers by x-edge-result-type.", dist, label("result", result.String()))
		}
	}
	for i, status := range errorStatuses {
		t.errors[i] = r.Counter("forelane_edge_errors_total", "Answers of the statuses that CloudFront has an error rate for.", dist, label("status", strconv.Itoa(status)))
	}
	t.none = NewBehavior(r, m, "none")
	return t
}

// NewBehavior is that of one of its behaviors.
func NewBehavior(r *metrics.Registry, m *model.Distribution, pattern string) *Behavior {
	if r == nil {
		return nil
	}
	of := []metrics.Label{label("distribution", m.ID), label("behavior", pattern)}
	t := &Behavior{
		responses: r.ByClass("forelane_edge_responses_total", "Answers to viewers by class of status; none: the viewer left before.", of...),
		seconds:   r.Histogram("forelane_edge_request_seconds", "Time from a request to the last byte of its answer.", metrics.Latency(), of...),
	}
	for i := range t.lookups {
		t.lookups[i] = r.Counter("forelane_edge_lookups_total", "Requests by what the cache had for them.", append(of, label("cache", record.CacheStatus(i).String()))...)
	}
	return t
}

// NewOrigin is that of one of its origins.
func NewOrigin(r *metrics.Registry, m *model.Distribution, o *model.Origin) *Origin {
	if r == nil {
		return nil
	}
	of := []metrics.Label{label("distribution", m.ID), label("origin", o.ID)}
	return &Origin{
		responses: r.ByClass("forelane_origin_responses_total", "Answers of an origin by class of status; none: there was no answer.", of...),
		tries:     r.Counter("forelane_origin_tries_total", "Requests sent to an origin, those that were tried again included.", of...),
		failures:  r.Counter("forelane_origin_failures_total", "Requests that an origin did not answer, after all tries.", of...),
		failovers: r.Counter("forelane_origin_failovers_total", "Requests that an origin got as the secondary of its group.", of...),
		seconds:   r.Histogram("forelane_origin_latency_seconds", "Time from sending a request to an origin to the head of its answer.", metrics.Latency(), of...),
	}
}

// AddFunction makes b count the runs of the function at an event.
func (b *Behavior) AddFunction(r *metrics.Registry, name string, event model.EdgeEvent) {
	if b == nil {
		return
	}
	of := []metrics.Label{label("function", name), label("event", event.String())}
	b.functions[event] = &function{
		runs:    r.Counter("forelane_edge_function_runs_total", "Runs of an edge function.", of...),
		errors:  r.Counter("forelane_edge_function_errors_total", "Runs that failed, or whose result was not valid.", of...),
		seconds: r.Histogram("forelane_edge_function_seconds", "Time of a run.", metrics.Latency(), of...),
	}
}

// Refreshed counts a fetch without a viewer.
func (t *Distribution) Refreshed() {
	if t != nil {
		t.refreshes.Inc()
	}
}

// Count counts an exchange that is over. of is nil where it ended before it had
// a behavior.
func (t *Distribution) Count(r *record.Record, of *Behavior) {
	if t == nil {
		return
	}
	if c := t.requests[r.Result.Type]; c != nil {
		c.Inc()
	}
	t.sent.Add(r.Response.Bytes)
	t.received.Add(r.Request.Bytes)
	if r.Response.Status >= 400 {
		for i, status := range errorStatuses {
			if status == r.Response.Status {
				t.errors[i].Inc()
			}
		}
	}
	if r.Origin.Tries > 0 && r.Time.FirstByte > 0 {
		t.latency.Observe(r.Time.FirstByte)
	}
	if r.Cache.Collapsed {
		t.collapsed.Inc()
	}
	if of == nil {
		of = t.none
	}
	of.responses.Count(r.Response.Status)
	of.lookups[r.Cache.Status].Inc()
	of.seconds.Observe(r.Time.Total)
}

// Count counts what an origin was asked once, with its tries. status is 0 where
// there was no answer.
func (t *Origin) Count(tries, status int, took time.Duration) {
	if t == nil {
		return
	}
	t.tries.Add(int64(tries))
	if status != 0 {
		t.seconds.Observe(took)
	} else {
		t.failures.Inc()
	}
	t.responses.Count(status)
}

// FailedOver counts a request that came because the primary had failed.
func (t *Origin) FailedOver() {
	if t != nil {
		t.failovers.Inc()
	}
}

// CountRun counts a run that is over.
func (b *Behavior) CountRun(event model.EdgeEvent, r *record.Function) {
	if b == nil || b.functions[event] == nil {
		return
	}
	t := b.functions[event]
	t.runs.Inc()
	if r.Error != "" {
		t.errors.Inc()
	}
	t.seconds.Observe(r.Time)
}
