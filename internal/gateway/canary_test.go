// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

// aliases counts invocations by qualifier.
type aliases struct{ main, canary atomic.Int64 }

func (a *aliases) Invoke(_ context.Context, in *model.Invocation) (*model.InvocationResult, error) {
	if _, q := model.SplitFunctionRef(in.Function); q == "new" {
		a.canary.Add(1)
	} else {
		a.main.Add(1)
	}
	return &model.InvocationResult{Payload: []byte(`{"statusCode":200}`)}, nil
}

// TestA17Share: over many requests the canary gets its share.
func TestA17Share(t *testing.T) {
	in := lambda("")
	in.Function += ":${stageVariables.alias}"
	api := restAPI(newRoute("GET /", in))
	api.Stages[0].Variables = map[string]string{"alias": "old"}
	for _, percent := range []float64{0, 0.5, 12.5, 50, 100} {
		api.Stages[0].Canary = &model.Canary{Percent: percent, Variables: map[string]string{"alias": "new"}}
		fn := &aliases{}
		g, err := Compile(stackOf(api), Deps{Invoke: fn, Chance: rand.New(rand.NewPCG(1, 2)).Float64})
		if err != nil {
			t.Fatal(err)
		}
		const n = 4000
		rq, err := http.NewRequest("GET", restHost+"/prod", nil)
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			resp, err := g.RoundTrip(rq)
			if err != nil || resp.StatusCode != 200 {
				t.Fatal(resp, err)
			}
		}
		got := float64(fn.canary.Load()) / n * 100
		if fn.canary.Load()+fn.main.Load() != n || got < percent-2 || got > percent+2 || percent == 0 && got != 0 || percent == 100 && got != 100 {
			t.Errorf("%g %% of the requests, want %g", got, percent)
		}
	}
}

// TestA17InheritsGates: a canary is no way around what a stage demands.
func TestA17InheritsGates(t *testing.T) {
	open := newRoute("GET /", lambda(""))
	closed := newRoute("GET /closed", lambda(""))
	closed.Authorization = "AWS_IAM"
	api := restAPI(open, closed)
	api.Stages[0].Canary = &model.Canary{Percent: 100}
	r := newRig(t, api)
	if resp, _ := r.do("GET", restHost+"/prod/closed", ""); resp.StatusCode != 403 {
		t.Errorf("status %d", resp.StatusCode)
	}
	if resp, _ := r.do("GET", restHost+"/prod", ""); resp.StatusCode != 200 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// TestA17InheritsLimits: requests to a canary use up what the stage and a usage
// plan allow to the route, and not an allowance of their own.
func TestA17InheritsLimits(t *testing.T) {
	rate, burst := 1.0/86400, 2
	free, paid := newRoute("GET /free", lambda("")), newRoute("GET /paid", lambda(""))
	paid.APIKeyRequired = true
	api := restAPI(free, paid)
	api.Stages[0].RouteThrottles = map[string]model.Throttle{"GET /free": {Rate: &rate, Burst: &burst}}
	api.Stages[0].Canary = &model.Canary{Percent: 50}
	s := stackOf(api)
	s.APIKeys = []*model.APIKey{{LogicalID: "K", ID: "k", Enabled: true, Value: "0123456789abcdefghij"}}
	s.UsagePlans = []*model.UsagePlan{{LogicalID: "P", ID: "p", Keys: []string{"k"}, Stages: []model.PlanStage{{
		API: api.ID, Stage: "prod", Routes: map[string]model.Throttle{"GET /paid": {Rate: &rate, Burst: &burst}},
	}}}}
	canary := false
	g, err := Compile(s, Deps{Invoke: &fake{}, Chance: func() float64 {
		canary = !canary
		return map[bool]float64{true: 0, false: 0.9}[canary]
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/free", "/paid"} {
		for i := range 4 {
			rq, err := http.NewRequest("GET", restHost+"/prod"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			rq.Header.Set("X-Api-Key", "0123456789abcdefghij")
			resp, err := g.RoundTrip(rq)
			if want := map[bool]int{true: 200, false: 429}[i < burst]; err != nil || resp.StatusCode != want {
				t.Errorf("%s, request %d: %d, want %d (%v)", path, i, resp.StatusCode, want, err)
			}
		}
	}
}
