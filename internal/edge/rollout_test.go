// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/edge/meter"
	"github.com/forelane/forelane/internal/metrics"
	"github.com/forelane/forelane/internal/model"
)

// staged is a world with a staging distribution.
func staged(t *testing.T, p model.ContinuousDeployment) *world {
	w := newWorld(t)
	p.Enabled, p.Staging = true, "E2"
	w.dist.Deployment = &p
	s := *w.dist
	s.LogicalID, s.ID, s.DomainName, s.Staging, s.Deployment = "Next", "E2", "d2.cloudfront.net", true, nil
	s.Origins = []*model.Origin{{ID: "o", DomainName: "next.example.com", Attempts: 1}}
	w.stack.Distributions = append(w.stack.Distributions, &s)
	w.reply = func(rq *http.Request) (*http.Response, error) {
		return answer(200, rq.URL.Host, "Cache-Control", "max-age=60"), nil
	}
	return w.compile()
}

func TestE9PartOfTheRequests(t *testing.T) {
	w := staged(t, model.ContinuousDeployment{Weight: 0.25})
	const all = 4000
	n := 0
	for range all {
		if v := w.do("/a"); strings.Contains(v.String(), "next.example.com") {
			n++
		}
	}
	if n < all/5 || n > all*3/10 { // 0.25 ± 0.05: eight standard deviations
		t.Errorf("staging answered %d of %d", n, all)
	}
	if len(w.calls) != 2 {
		t.Errorf("%d requests to origins: each side has a cache of its own", len(w.calls))
	}
}

// TestE9SessionsStay: who sends its cookie back stays on its side.
func TestE9SessionsStay(t *testing.T) {
	w := staged(t, model.ContinuousDeployment{Weight: 0.5, Idle: 5 * time.Minute, Max: time.Hour})
	sides := map[string]int{}
	for range 40 {
		first := w.do("/a")
		sides[first.String()]++
		cookie, _, _ := strings.Cut(first.header.Get("Set-Cookie"), ";")
		for range 10 {
			if v := w.do("/a", "Cookie", cookie); v.String() != first.String() {
				t.Fatalf("%s: %s, then %s", cookie, first, v)
			}
		}
	}
	if len(sides) != 2 {
		t.Errorf("all viewers on one side: %v", sides)
	}
}

func TestE9AHitDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector makes pools forget: what is counted then says nothing")
		return
	}
	for name, p := range map[string]model.ContinuousDeployment{
		"header":  {Header: "aws-cf-cd-next", Value: "yes"},
		"weight":  {Weight: 0.5},
		"session": {Weight: 0.5, Idle: 5 * time.Minute, Max: time.Hour},
	} {
		w := staged(t, p)
		w.edge.deps.Record = nil
		for _, d := range w.edge.dists {
			d.meter = meter.New(new(metrics.Registry), d.m)
		}
		for range 64 {
			w.do("/a")
		}
		w.do("/a", "aws-cf-cd-next", "yes")
		ctx := t.Context()
		rq := request("/a", "Accept", "*/*", "aws-cf-cd-next", "yes")
		n := testing.AllocsPerRun(500, func() {
			if w.edge.Begin(ctx, rq, nothing{}) != nil {
				t.Fatal("a hit left its connection")
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations for a hit", name, n)
		}
	}
}
