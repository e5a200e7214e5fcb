// SPDX-License-Identifier: Apache-2.0

package server

import (
	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/metrics"
)

// apiMeters count the requests of APIs and function URLs (row A26), from what
// the gateway tells of each when it is over. Names of APIs, stages and routes
// are the template's.
type apiMeters struct {
	routes   metrics.Kept[apiRoute, *apiMeter]
	refusals metrics.Kept[apiRefusal, *metrics.Counter]
}

type apiRoute struct{ api, stage, route string }

type apiRefusal struct {
	api, stage string
	reason     gateway.Reason
}

type apiMeter struct {
	responses            *metrics.ByClass
	latency, integration *metrics.Histogram
	throttles, processed *metrics.Counter
}

func newAPIMeters(r *metrics.Registry) *apiMeters {
	m := &apiMeters{}
	m.routes.Make = func(k apiRoute) *apiMeter {
		of := []metrics.Label{label("api", orNone(k.api)), label("stage", orNone(k.stage)), label("route", orNone(k.route))}
		return &apiMeter{
			responses:   r.ByClass("forelane_api_requests_total", "Requests of APIs and function URLs by class of status; none: the caller left before.", of...),
			latency:     r.Histogram("forelane_api_latency_seconds", "Time from a request to the head of its answer.", metrics.Latency(), of...),
			integration: r.Histogram("forelane_api_integration_latency_seconds", "Time that the integration took of it.", metrics.Latency(), of...),
			throttles:   r.Counter("forelane_api_throttles_total", "Requests over a limit or a quota.", of...),
			processed:   r.Counter("forelane_api_processed_bytes_total", "Bytes of the bodies of requests and answers, as far as their length is known.", of...),
		}
	}
	m.refusals.Make = func(k apiRefusal) *metrics.Counter {
		return r.Counter("forelane_api_refusals_total", "Requests that the gateway itself answered, by reason.",
			label("api", orNone(k.api)), label("stage", orNone(k.stage)), label("reason", k.reason.String()))
	}
	m.routes.Get(apiRoute{}) // they are shown before the first request
	return m
}

func label(name, value string) metrics.Label { return metrics.Label{Name: name, Value: value} }

// orNone is a label's value for what may not be known.
func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// count counts a request that is over; nil counts nothing.
func (m *apiMeters) count(r *gateway.Record) {
	if m == nil {
		return
	}
	t := m.routes.Get(apiRoute{r.APIID, r.Stage, r.Route})
	t.responses.Count(r.Status)
	t.latency.Observe(r.Latency)
	t.processed.Add(r.Received + r.Sent)
	if r.IntegrationLatency > 0 {
		t.integration.Observe(r.IntegrationLatency)
	}
	if r.Reason == gateway.ReasonNone {
		return
	}
	m.refusals.Get(apiRefusal{r.APIID, r.Stage, r.Reason}).Inc()
	if r.Reason == gateway.ReasonRate || r.Reason == gateway.ReasonQuota {
		t.throttles.Inc()
	}
}
