// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
)

const (
	keyOne = "0123456789abcdefghijONE"
	keyTwo = "0123456789abcdefghijTWO"
)

// keyedStack is a REST API whose method requires a key, and a plan that has one
// of two keys.
func keyedStack() *model.Stack {
	rt := newRoute("GET /pets", lambda(""))
	rt.APIKeyRequired = true
	s := stackOf(restAPI(rt))
	rate, burst := 1e6, 1_000_000
	wide := model.Throttle{Rate: &rate, Burst: &burst}
	s.APIKeys = []*model.APIKey{{LogicalID: "One", ID: "one0000000", Enabled: true, Value: keyOne}, {LogicalID: "Two", ID: "two0000000", Enabled: true, Value: keyTwo}}
	s.UsagePlans = []*model.UsagePlan{{
		ID: "plan00", Keys: []string{"one0000000"}, Throttle: wide, Quota: &model.Quota{Limit: 1 << 40, Period: "MONTH"},
		Stages: []model.PlanStage{{API: s.APIs[0].ID, Stage: "prod", Routes: map[string]model.Throttle{"GET /pets": wide}}},
	}}
	s.APIs[0].Stages[0].Throttle = wide
	return s
}

// atRoute is the exchange of a request to a keyedStack that has found its route.
func atRoute(t testing.TB, s *model.Stack, limits *Limits) *exchange {
	t.Helper()
	g, err := Compile(s, Deps{Invoke: &fake{}, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest("GET", restHost+"/prod/pets", nil)
	if err != nil {
		t.Fatal(err)
	}
	x := open(req, time.Now())
	x.api = g.hosts[x.call.Domain]
	x.call.API = &x.api.facts
	if !x.findStage() || !x.findRoute() {
		t.Fatal(x.refused)
	}
	return x
}

// TestA15KeyFromAuthorizer fills in what an authorizer would.
func TestA15KeyFromAuthorizer(t *testing.T) {
	s := keyedStack()
	s.APIs[0].APIKeyFromAuth = true
	for _, tt := range []struct {
		name, key string
		want      error
	}{
		{"a subscriber's", keyOne, nil},
		{"none", "", errNoUsageKey},
		{"of no plan", keyTwo, errKeyElsewhere},
		{"unknown", keyOne + "x", errUnknownKey},
		{"longer than a key", strings.Repeat("x", longestKey+1), errUnknownKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := atRoute(t, s, nil)
			x.call.Header.Set("X-Api-Key", keyOne) // counts for nothing here
			x.usageKey = tt.key
			if ok := x.identifyKey(); ok != (tt.want == nil) || x.refused.detail != tt.want {
				t.Fatalf("%v, %v", ok, x.refused)
			}
			if tt.want == nil && (x.call.APIKeyID != "one0000000" || x.call.APIKey != keyOne || !x.throttle()) {
				t.Errorf("%+v %v", x.subscriber, x.refused)
			}
		})
	}
}

// TestA15NoKeyWithoutValue: a key that nobody knows the value of opens nothing,
// not even to a request with an empty one.
func TestA15NoKeyWithoutValue(t *testing.T) {
	s := keyedStack()
	s.APIKeys[0].Value = ""
	x := atRoute(t, s, nil)
	x.call.Header["X-Api-Key"] = []string{""}
	if x.identifyKey() || x.refused.reason != ReasonAPIKey {
		t.Errorf("%v", x.refused)
	}
}

// TestA15RecordsHaveNoKey sends right and wrong keys and looks for them in
// everything that is told of the request.
func TestA15RecordsHaveNoKey(t *testing.T) {
	var told []string
	g, err := Compile(keyedStack(), Deps{Invoke: &fake{}, Log: func(r *Record) { told = append(told, fmt.Sprintf("%+v %v", *r, r.Detail)) }})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, g: g}
	for _, key := range []string{keyOne, keyTwo, "0123456789abcdefghijWRONG"} {
		r.do("GET", restHost+"/prod/pets", "", "X-Api-Key: "+key)
	}
	for _, n := range append(told, g.Notes()...) {
		if strings.Contains(n, "0123456789abcdefghij") {
			t.Errorf("a key is told: %s", n)
		}
	}
	if len(told) != 3 || !strings.Contains(told[0], "one0000000") {
		t.Errorf("%q", told)
	}
}

// TestA15Account: the limit of all APIs can be set, and taken away.
func TestA15Account(t *testing.T) {
	number := func(f float64) *float64 { return &f }
	count := func(n int) *int { return &n }
	for _, tt := range []struct {
		name    string
		account model.Throttle
		want    int // of 6000 at once
	}{
		{"AWS's own", model.Throttle{}, 5000},
		{"another burst", model.Throttle{Burst: count(10)}, 10},
		{"another rate", model.Throttle{Rate: number(1)}, 5000},
		{"none", model.Throttle{Rate: number(-1)}, 6000},
		{"nothing", model.Throttle{Rate: number(0)}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := keyedStack()
			s.APIs[0].Stages[0].Throttle = model.Throttle{}
			l := NewLimits()
			l.Account = tt.account
			x := atRoute(t, s, l)
			now, got := time.Now(), 0
			for range 6000 {
				if x.api.account.take(now) {
					got++
				}
			}
			if got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}

// TestA15NoAllocation: finding the key and taking from five limits costs none.
func TestA15NoAllocation(t *testing.T) {
	l := NewLimits()
	many := 1e9
	burst := 1 << 30
	l.Account = model.Throttle{Rate: &many, Burst: &burst}
	x := atRoute(t, keyedStack(), l)
	x.call.Header.Set("X-Api-Key", keyOne)
	if n := testing.AllocsPerRun(1000, func() {
		if !x.identifyKey() || !x.throttle() {
			t.Fatal(x.refused)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLimits(b *testing.B) {
	l := NewLimits()
	l.Account = model.Throttle{Rate: new(float64), Burst: new(int)}
	*l.Account.Rate, *l.Account.Burst = 1e9, 1<<30
	x := atRoute(b, keyedStack(), l)
	x.call.Header.Set("X-Api-Key", keyOne)
	b.ReportAllocs()
	for b.Loop() {
		x.identifyKey()
		x.throttle()
	}
}
