// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// region is a place that a test plays.
type region struct {
	id string

	mu     sync.Mutex
	takes  time.Duration
	status int   // 0: 200
	err    error // in place of an answer
	hole   bool  // requests wait for ever
	asked  int
}

func (r *region) Ask(ctx context.Context, _ *httpmsg.Request, rs *httpmsg.Response, _ func(*httpmsg.Response)) error {
	r.mu.Lock()
	r.asked++
	takes, status, err, hole := r.takes, r.status, r.err, r.hole
	r.mu.Unlock()
	if hole {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	<-time.After(takes)
	if err != nil {
		return err
	}
	rs.Status = or(status, 200)
	rs.Header.Add("Region", r.id)
	rs.Body = io.NopCloser(strings.NewReader(r.id))
	return nil
}

func (r *region) set(f func(*region)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
}

// count is how often it was asked since the last count.
func (r *region) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.asked
	r.asked = 0
	return n
}

type regions struct {
	t     *testing.T
	at    map[string]*region
	state []Candidate
	mu    sync.Mutex
	s     *Spread
}

func newRegions(t *testing.T, state ...Candidate) *regions {
	r := &regions{t: t, at: map[string]*region{}, state: state}
	for i, c := range state {
		r.at[c.ID] = &region{id: c.ID, takes: time.Duration(1+40*i) * time.Millisecond}
	}
	dice := rand.New(rand.NewPCG(1, 2))
	var lock sync.Mutex
	var err error
	r.s, err = NewSpread(SpreadOptions{
		Candidates: func() []Candidate {
			r.mu.Lock()
			defer r.mu.Unlock()
			return append([]Candidate(nil), r.state...)
		},
		To: func(id string) (Asker, error) { return r.at[id], nil },
		Random: func(n int) int {
			lock.Lock()
			defer lock.Unlock()
			return dice.IntN(n)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// get sends a request and gives who answered, and the status.
func (r *regions) get(ctx context.Context, method string, body io.ReadCloser) (string, int, error) {
	var rs httpmsg.Response
	if err := r.s.Ask(ctx, &httpmsg.Request{Method: method, Path: "/", Body: body}, &rs, nil); err != nil {
		return "", 0, err
	}
	defer rs.Body.Close()
	if _, err := io.ReadAll(rs.Body); err != nil {
		return "", 0, err
	}
	who := rs.Header.Get("Region")
	return who, rs.Status, nil
}

func (r *regions) many(n int) {
	r.t.Helper()
	for range n {
		if _, status, err := r.get(r.t.Context(), "GET", nil); err != nil || status != 200 {
			r.t.Fatalf("%d, %v", status, err)
		}
	}
}

func (r *regions) down(id string, down bool) {
	r.mu.Lock()
	for i := range r.state {
		if r.state[i].ID == id {
			r.state[i].Down = down
		}
	}
	r.mu.Unlock()
	r.s.Turned()
}

func three() []Candidate {
	return []Candidate{{ID: "eu", Weight: 1}, {ID: "us", Weight: 1}, {ID: "ap", Weight: 1}}
}

func TestSpreadGoesToTheNearest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegions(t, three()...)
		r.many(1000)
		if eu, us, ap := r.at["eu"].count(), r.at["us"].count(), r.at["ap"].count(); eu < 990 || us < 1 || ap < 1 {
			t.Errorf("eu %d us %d ap %d", eu, us, ap)
		}
		r.at["us"].set(func(g *region) { g.takes = time.Millisecond / 2 }) // it has come nearer
		<-time.After(time.Minute)
		r.many(1000)
		r.at["us"].count()
		r.many(300)
		if us := r.at["us"].count(); us < 100 {
			t.Errorf("us has come nearer and got %d of 300", us)
		}
		r.at["eu"].set(func(g *region) { g.takes = 2 * time.Second }) // and eu farther away
		r.many(50)
		r.at["eu"].count()
		r.many(200)
		if eu := r.at["eu"].count(); eu > 5 {
			t.Errorf("eu is far away and got %d of 200", eu)
		}
	})
}

func TestSpreadSharesAmongTheNear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegions(t, three()...)
		r.at["us"].set(func(g *region) { g.takes = 2 * time.Millisecond })
		r.many(10)
		var all sync.WaitGroup
		for range 400 {
			all.Go(func() { r.many(1) })
		}
		all.Wait()
		eu, us := r.at["eu"].count(), r.at["us"].count()
		if eu < 150 || us < 100 || r.at["ap"].count() > 5 {
			t.Errorf("eu %d us %d of 410", eu, us)
		}
	})
}

func TestSpreadRepeatsWhatMayBeRepeated(t *testing.T) {
	for _, tt := range []struct {
		name   string
		method string
		body   io.ReadCloser
		fault  func(*region)
		fails  bool
		status int
	}{
		{"GET after an error", "GET", nil, func(g *region) { g.err = errors.New("reset") }, false, 200},
		{"DELETE after an error", "DELETE", nil, func(g *region) { g.err = errors.New("reset") }, false, 200},
		{"POST after an error", "POST", nil, func(g *region) { g.err = errors.New("reset") }, true, 0},
		{"PUT with a body after an error", "PUT", io.NopCloser(strings.NewReader("x")), func(g *region) { g.err = errors.New("reset") }, true, 0},
		{"GET after 503", "GET", nil, func(g *region) { g.status = 503 }, false, 200},
		{"DELETE after 503", "DELETE", nil, func(g *region) { g.status = 503 }, false, 503},
		{"GET after 500", "GET", nil, func(g *region) { g.status = 500 }, false, 500},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRegions(t, three()...)
				r.many(20)
				r.at["eu"].set(tt.fault)
				_, status, err := r.get(t.Context(), tt.method, tt.body)
				if (err != nil) != tt.fails || status != tt.status {
					t.Errorf("%d, %v", status, err)
				}
			})
		})
	}
}

func TestSpreadHasABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegions(t, three()...)
		for _, g := range r.at {
			g.set(func(g *region) { g.status = 503 })
		}
		for range 400 {
			if _, status, err := r.get(t.Context(), "GET", nil); err != nil || status != 503 {
				t.Fatal(status, err)
			}
		}
		if n := r.at["eu"].count() + r.at["us"].count() + r.at["ap"].count(); n > 460 {
			t.Errorf("400 requests became %d", n)
		}
	})
}

func TestSpreadEjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegions(t, three()...)
		r.many(20)
		r.at["eu"].set(func(g *region) { g.err = errors.New("refused") })
		r.at["eu"].count()
		for range 100 { // 4 s with what us takes
			r.many(1)
		}
		if n := r.at["eu"].count(); n != mostFails {
			t.Errorf("a place that fails was asked %d times", n)
		}
		<-time.After(ejectBase)
		r.many(20)
		if n := r.at["eu"].count(); n != 1 {
			t.Errorf("after its time it was asked %d times, once to see", n)
		}
		<-time.After(ejectBase + time.Second) // the second time is twice as long
		r.many(5)
		if n := r.at["eu"].count(); n != 0 {
			t.Errorf("it was asked %d times too early", n)
		}
		r.at["eu"].set(func(g *region) { g.err = nil })
		<-time.After(2 * ejectBase)
		r.many(50)
		r.at["eu"].count()
		r.many(50)
		if n := r.at["eu"].count(); n < 40 {
			t.Errorf("it is well again and got %d of 50", n)
		}
	})
}

func TestSpreadEjectsHalfAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegions(t, three()...)
		for _, g := range r.at {
			g.set(func(g *region) { g.err = errors.New("refused") })
		}
		for range 50 {
			if _, _, err := r.get(t.Context(), "GET", nil); err == nil {
				t.Fatal("an answer")
			}
		}
		out := 0
		for _, p := range r.s.State() {
			if p.Ejected {
				out++
			}
		}
		if out != 1 {
			t.Errorf("%d of 3 are ejected", out)
		}
	})
}

// TestSpreadLeavesACutRegion: requests wait for a place that does not answer;
// when its health check turns they go on elsewhere, and none is lost.
func TestSpreadLeavesACutRegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegions(t, three()...)
		r.many(20)
		r.at["eu"].count()
		r.at["eu"].set(func(g *region) { g.hole = true })
		type result struct {
			who string
			err error
		}
		got := make(chan result, 12)
		for i := range 12 {
			method := "DELETE" // it may be repeated, and is not hedged
			if i >= 10 {
				method = "POST"
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			go func() {
				who, _, err := r.get(ctx, method, nil)
				got <- result{who, err}
			}()
		}
		<-time.After(10 * time.Second)
		r.down("eu", true)
		begin := time.Now()
		for range 10 {
			if g := <-got; g.err != nil || g.who != "us" {
				t.Errorf("%+v", g)
			}
		}
		if took := time.Since(begin); took > 200*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		for range 2 { // what may not be repeated ends with the viewer's patience
			if g := <-got; !errors.Is(g.err, context.DeadlineExceeded) {
				t.Errorf("a POST: %+v", g)
			}
		}
		r.many(10)
		if n := r.at["eu"].count(); n != 12 {
			t.Errorf("a place that is down was asked %d times", n)
		}
		r.at["eu"].set(func(g *region) { g.hole = false })
		r.down("eu", false)
		r.many(20)
		if n := r.at["eu"].count(); n < 15 {
			t.Errorf("it is back and got %d of 20", n)
		}
	})
}

// TestSpreadHedges: a place that has vanished costs a second until it is
// ejected, whatever its health check says.
func TestSpreadHedges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegions(t, three()...)
		r.many(20)
		r.at["eu"].set(func(g *region) { g.hole = true })
		for i := range 30 {
			begin := time.Now()
			who, _, err := r.get(t.Context(), "GET", nil)
			took := time.Since(begin)
			if err != nil || who != "us" || took > hedgeAfter+200*time.Millisecond || i >= mostFails && took > 200*time.Millisecond {
				t.Errorf("request %d: %s %v after %v", i, who, err, took)
			}
		}
		// A slow page is asked for twice while the budget lasts, and ejects nobody.
		r = newRegions(t, three()...)
		r.many(20)
		for _, g := range r.at {
			g.count()
			g.set(func(g *region) { g.takes = 3 * time.Second })
		}
		for range 100 {
			if _, _, err := r.get(t.Context(), "GET", nil); err != nil {
				t.Error(err)
			}
		}
		if n := r.at["eu"].count() + r.at["us"].count() + r.at["ap"].count(); n > 125 {
			t.Errorf("100 requests became %d", n)
		}
		for _, p := range r.s.State() {
			if p.Ejected || p.Waiting != 0 {
				t.Errorf("%+v", p)
			}
		}
	})
}

func TestSpreadByWeightAndRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegions(t, Candidate{ID: "a", Weight: 30}, Candidate{ID: "b", Weight: 10}, Candidate{ID: "c", Weight: 0})
		r.many(1000)
		if a, b, c := r.at["a"].count(), r.at["b"].count(), r.at["c"].count(); a < 680 || a > 820 || b < 180 || c != 0 {
			t.Errorf("a %d b %d c %d", a, b, c)
		}
		r = newRegions(t, Candidate{ID: "first", Weight: 1}, Candidate{ID: "second", Weight: 1, Spare: true})
		r.at["first"].set(func(g *region) { g.takes = time.Second })
		r.many(50)
		if n := r.at["second"].count(); n != 0 {
			t.Errorf("the secondary was asked %d times", n)
		}
		r.down("first", true)
		r.many(10)
		if n := r.at["first"].count(); n != 50 {
			t.Errorf("the primary is down and was asked %d times", n)
		}
		r.down("second", true) // all are down: as if none were
		r.many(10)
	})
}
