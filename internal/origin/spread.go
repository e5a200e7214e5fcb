// SPDX-License-Identifier: Apache-2.0

// A Spread asks one of the places that an origin's name leads to, such as the
// same API in several regions.
//
// Among the places that may be asked (rank) the near ones are those whose
// estimate is at most nearFactor times the best one's and nearSlack more. Of two
// of them, taken at random, the one with the smaller product of estimate and
// requests that wait is asked: power of two choices. With estimates of
//
//	eu 4 ms   eu-b 5 ms   us 90 ms
//
// eu and eu-b share the requests, and us gets none. An estimate is an average of
// the times to the first byte that moves, or the last one after a pause; one that is far above it counts as
// three times it, so that a slow page does not make a place far away. What has
// not been asked yet is asked once, and every exploreEvery-th request goes to a
// place that nobody has asked for exploreAfter: it may have come nearer. Only
// requests that can be repeated go exploring.
//
// A place that fails (no answer, or a status of 5xx) mostFails times in a row is
// ejected: for ejectBase at first, twice as long each time, and never more than
// half of the places at once. One failure after it ejects it again.
//
// A request that can be repeated goes to the next place when there is no
// answer, or 502, 503 or 504; when the health check of the place that it waits
// for turns, it is taken from there; and a second place is asked beside one that
// is silent (spreadhedge.go). For statuses and silence there is a budget, a tenth
// of the requests: a service that fails everywhere does not get twice the load.

package origin

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// Asker sends a request and reads the head of its answer: see Transport.Ask.
type Asker interface {
	Ask(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response, interim func(*httpmsg.Response)) error
}

// Candidate is a place that a name leads to.
type Candidate struct {
	ID     string
	Weight int  // of those that share by weight; the same for all: they share by time
	Spare  bool // asked when no other can be
	Down   bool // its health check says so; asked last
}

// SpreadOptions are what a Spread depends on.
type SpreadOptions struct {
	// Candidates are the places, with their state now. Required; it is called
	// for each request, and the places are always the same.
	Candidates func() []Candidate
	// To makes the way to a place, once for each when the Spread is made.
	// Required.
	To func(id string) (Asker, error)
	// Random gives a number below n. Nil: math/rand's.
	Random func(n int) int
}

const (
	nearFactor   = 1.5
	nearSlack    = 3 * time.Millisecond
	share        = 0.3 // of a new figure in an estimate
	outlier      = 3
	exploreEvery = 20
	exploreAfter = 10 * time.Second
	mostFails    = 5
	ejectBase    = 5 * time.Second
	ejectMost    = 5 * time.Minute
	budgetShare  = 0.1
	budgetMost   = 10.0
)

// Spread is a transport. It may be used by many at once.
type Spread struct {
	o SpreadOptions

	mu      sync.Mutex
	members map[string]*member
	asked   uint64
	budget  float64
}

// member is one of the places.
type member struct {
	id string
	to Asker

	// Under Spread.mu.
	estimate time.Duration // 0: not known
	at       time.Time     // of the estimate
	waiting  map[*attempt]struct{}
	coming   int // requests that have chosen it and do not wait yet
	fails    int // in a row
	ejected  int // times in a row
	until    time.Time
}

// call is what Ask was given.
type call struct {
	rq      *httpmsg.Request
	rs      *httpmsg.Response
	interim func(*httpmsg.Response)
	coming  bool // order has counted it
}

// attempt is a request that waits for the head of its answer.
type attempt struct {
	cancel  context.CancelCauseFunc // nil: it is not taken away
	waiting bool                    // under Spread.mu
}

// errTurned ends attempts at a place whose health check has turned.
var errTurned = errors.New("origin: the health check of the place has turned")

// NewSpread makes the transport of a name that leads to several places.
func NewSpread(o SpreadOptions) (*Spread, error) {
	if o.Random == nil {
		o.Random = rand.IntN
	}
	s := &Spread{o: o, members: map[string]*member{}, budget: budgetMost}
	for _, c := range o.Candidates() {
		to, err := o.To(c.ID)
		if err != nil {
			return nil, err
		}
		s.members[c.ID] = &member{id: c.ID, to: to, waiting: map[*attempt]struct{}{}}
	}
	return s, nil
}

// Ask asks one place, and others after it where the request can be repeated.
func (s *Spread) Ask(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response, interim func(*httpmsg.Response)) error {
	_, err := s.AskWho(ctx, rq, rs, interim)
	return err
}

// AskWho is Ask that tells which member it was that answered, or was the last
// one that did not.
func (s *Spread) AskWho(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response, interim func(*httpmsg.Response)) (who string, err error) {
	again := rq.Body == nil && repeatable(rq.Method)
	order, few := s.order(again)
	if len(order) == 0 {
		return "", errors.New("origin: the name leads nowhere")
	}
	for i, p := range order {
		var next *member
		if again && i+1 < len(order) {
			next = order[i+1]
		}
		who, err = s.try(ctx, p, next, i+1 < few, call{rq, rs, interim, i == 0})
		last := next == nil || ctx.Err() != nil
		switch {
		case err != nil && last:
			return who, err
		case err != nil:
		case last || !broken(rs.Status) || !safe(rq.Method) || !s.afford():
			return who, nil
		case rs.Body != nil:
			_, _ = io.CopyN(io.Discard, rs.Body, 16<<10) // so that its connection may be used again
			_ = rs.Body.Close()
		}
		h := rs.Header
		h.Reset()
		*rs = httpmsg.Response{Header: h}
	}
	return who, nil
}

// try asks one place; next, if there is one, may be asked in its place, and
// beside it if they are of one rank.
func (s *Spread) try(ctx context.Context, p, next *member, beside bool, c call) (who string, err error) {
	if next == nil {
		return p.id, s.once(ctx, p, &attempt{}, c)
	}
	a := &attempt{}
	var within context.Context
	within, a.cancel = context.WithCancelCause(ctx)
	var h *hedge
	if beside && safe(c.rq.Method) {
		h = s.hedge(ctx, p, next, a, c.rq)
	}
	rs := c.rs
	err = s.once(within, p, a, c)
	if err == nil && rs.Status == http.StatusSwitchingProtocols {
		a.cancel = nil // it ends with the request's own context
	}
	switch {
	case a.cancel == nil:
	case err != nil || rs.Body == nil:
		a.cancel(nil)
	default:
		rs.Body = &ended{rs.Body, a.cancel}
	}
	if h != nil && h.settle(err, rs) {
		return next.id, nil
	}
	return p.id, err
}

// RoundTrip is Ask for those who speak net/http.
func (s *Spread) RoundTrip(rq *http.Request) (*http.Response, error) { return roundTrip(s.Ask, rq) }

func repeatable(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE": // RFC 9110 9.2.2
		return true
	}
	return false
}

func safe(method string) bool { return method == "GET" || method == "HEAD" || method == "OPTIONS" }

func broken(status int) bool { return status == 502 || status == 503 || status == 504 }

// afford takes a repetition out of the budget.
func (s *Spread) afford() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.budget < 1 {
		return false
	}
	s.budget--
	return true
}

// once asks one place and learns from it. Until it returns, a may be cancelled.
func (s *Spread) once(ctx context.Context, p *member, a *attempt, c call) error {
	s.mu.Lock()
	a.waiting = true
	p.waiting[a] = struct{}{}
	if c.coming {
		p.coming--
	}
	s.mu.Unlock()
	begin := time.Now()
	err := p.to.Ask(ctx, c.rq, c.rs, c.interim)
	now := time.Now()
	s.mu.Lock()
	delete(p.waiting, a)
	a.waiting = false
	cause := context.Cause(ctx)
	if cause != nil && err == nil { // cancelled in the last moment: its body would fail
		err = cause
		if c.rs.Body != nil {
			_ = c.rs.Body.Close()
		}
	}
	if cause == nil || errors.Is(cause, errTurned) || errors.Is(cause, errOvertaken) && a.cancel != nil { // the viewer's leaving says nothing of the place
		s.learn(p, now, now.Sub(begin), err != nil, err == nil && c.rs.Status >= 500)
	}
	s.mu.Unlock()
	return err
}

// ended lets go of an attempt's context with its body.
type ended struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

// Close closes the body.
func (e *ended) Close() error {
	err := e.ReadCloser.Close()
	e.cancel(nil)
	return err
}

// Turned takes the requests that wait for places whose health check says that
// they are down away from there. It is called when a health check has turned.
func (s *Spread) Turned() {
	up := 0
	now := s.o.Candidates()
	for _, c := range now {
		if !c.Down {
			up++
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range now {
		p := s.members[c.ID]
		if !c.Down || up == 0 || p == nil {
			continue
		}
		for a := range p.waiting {
			if a.cancel != nil {
				a.cancel(errTurned)
			}
		}
	}
}
