// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"slices"
	"time"
)

// rank is in which order kinds of places are asked: all of one kind come
// before any of the next. A closed list.
type rank uint8

const (
	ready rank = iota
	spare
	ejected // by failures
	down    // by its health check
	ranks
)

// order is whom to ask first, and then whom; the first few of them are of one
// rank.
func (s *Spread) order(again bool) (out []*member, few int) {
	all := s.o.Candidates()
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	s.budget = min(s.budget+budgetShare, budgetMost)
	var by [ranks][]*member
	weights := map[*member]int{}
	weighted := false
	for _, c := range all {
		p := s.members[c.ID]
		if p == nil {
			continue
		}
		r := ready
		switch {
		case c.Down:
			r = down
		case p.until.After(now):
			r = ejected
		case c.Spare:
			r = spare
		}
		by[r] = append(by[r], p)
		weights[p] = c.Weight
		weighted = weighted || c.Weight != all[0].Weight
	}
	out = make([]*member, 0, len(all))
	for r := range ranks {
		ps := by[r]
		if len(ps) == 0 {
			continue
		}
		first := ps[0]
		switch {
		case len(ps) == 1:
		case weighted:
			first = s.byWeight(ps, weights)
		default:
			first = s.byTime(ps, now, again && len(out) == 0)
		}
		out = append(out, first)
		rest := slices.DeleteFunc(slices.Clone(ps), func(p *member) bool { return p == first })
		slices.SortStableFunc(rest, func(a, b *member) int { return int(a.guess() - b.guess()) })
		if out = append(out, rest...); few == 0 {
			few = len(out)
		}
	}
	if len(out) > 0 {
		out[0].coming++ // so that who chooses next sees it
	}
	return out, few
}

// guess is the estimate; what is not known comes last.
func (p *member) guess() time.Duration {
	if p.estimate == 0 {
		return time.Hour
	}
	return p.estimate
}

func (s *Spread) byWeight(ps []*member, weights map[*member]int) *member {
	sum := 0
	for _, p := range ps {
		sum += weights[p]
	}
	if sum == 0 {
		return ps[s.o.Random(len(ps))]
	}
	n := s.o.Random(sum)
	for _, p := range ps {
		if n -= weights[p]; n < 0 {
			return p
		}
	}
	return ps[0]
}

// byTime is power of two choices among the near ones.
func (s *Spread) byTime(ps []*member, now time.Time, explore bool) *member {
	best := time.Duration(0)
	for _, p := range ps {
		if p.estimate == 0 {
			if explore && len(p.waiting)+p.coming == 0 {
				return p
			}
			continue
		}
		if explore && s.asked%exploreEvery == 0 && now.Sub(p.at) > exploreAfter {
			return p
		}
		if best == 0 || p.estimate < best {
			best = p.estimate
		}
	}
	limit := time.Duration(float64(best)*nearFactor) + nearSlack
	near := slices.DeleteFunc(slices.Clone(ps), func(p *member) bool { return best > 0 && p.guess() > limit })
	a := near[s.o.Random(len(near))]
	if len(near) == 1 {
		return a
	}
	rest := slices.DeleteFunc(near, func(p *member) bool { return p == a })
	if b := rest[s.o.Random(len(rest))]; b.cost() < a.cost() {
		return b
	}
	return a
}

func (p *member) cost() time.Duration { return p.guess() * time.Duration(len(p.waiting)+p.coming+1) }

// learn takes what came of a request to p. The caller holds mu.
func (s *Spread) learn(p *member, now time.Time, took time.Duration, silent, failed bool) {
	if !silent {
		switch {
		case p.estimate == 0:
			p.estimate = max(took, 1)
		default:
			took = min(took, outlier*p.estimate+nearSlack)
			part := share
			if now.Sub(p.at) > exploreAfter { // what was known is old
				part = 1
			}
			p.estimate += time.Duration(part * float64(took-p.estimate))
		}
		p.at = now
	}
	if !silent && !failed {
		p.fails = 0
		if p.ejected > 0 && now.Sub(p.until) > ejectBase {
			p.ejected = 0
		}
		return
	}
	if p.until.After(now) {
		return // it was asked for want of another
	}
	if p.fails++; p.fails < mostFails {
		return
	}
	out := 0
	for _, o := range s.members {
		if o.until.After(now) {
			out++
		}
	}
	if out+1 > max(len(s.members)/2, 1) || len(s.members) == 1 {
		return
	}
	p.until = now.Add(min(ejectBase<<min(p.ejected, 10), ejectMost))
	p.ejected++
	p.fails = mostFails - 1 // one more after it
}

// MemberState is one place for people.
type MemberState struct {
	ID       string
	Estimate time.Duration
	Waiting  int
	Ejected  bool
}

// State is that of all places, sorted by id.
func (s *Spread) State() []MemberState {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []MemberState
	for _, p := range s.members {
		out = append(out, MemberState{p.id, p.estimate, len(p.waiting), p.until.After(now)})
	}
	slices.SortFunc(out, func(a, b MemberState) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return out
}
