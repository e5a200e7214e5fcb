// SPDX-License-Identifier: Apache-2.0

package index

import "container/list"

// The policies that ours is compared with, written plainly: LRU, and W-TinyLFU
// as in the paper (Einziger, Friedman, Manes 2017): a window of one percent, a
// segmented main space whose protected part has four fifths, and a count-min
// sketch with four rows of counters up to 15, halved every ten times the
// number of objects.

type policy interface {
	get(n uint32, size int64) bool
}

type item struct {
	n     uint32
	size  int64
	where int
	el    *list.Element
}

type lru struct {
	budget, bytes int64
	items         map[uint32]*item
	queue         *list.List
}

func newLRU(budget int64) *lru {
	return &lru{budget: budget, items: map[uint32]*item{}, queue: list.New()}
}

func (p *lru) get(n uint32, size int64) bool {
	if it := p.items[n]; it != nil {
		p.queue.MoveToBack(it.el)
		return true
	}
	it := &item{n: n, size: size + Overhead}
	it.el, p.items[n] = p.queue.PushBack(it), it
	for p.bytes += it.size; p.bytes > p.budget; {
		out := p.queue.Remove(p.queue.Front()).(*item)
		delete(p.items, out.n)
		p.bytes -= out.size
	}
	return false
}

type sketch struct {
	counters []uint8
	adds     int
	reset    int
}

func newSketch(objects int) *sketch {
	w := 64
	for w < 4*objects {
		w *= 2
	}
	return &sketch{counters: make([]uint8, w), reset: 10 * objects}
}

func (s *sketch) rows(n uint32) (rows [4]uint64) {
	for i := range rows {
		rows[i] = mix(uint64(n)+uint64(i+1)<<34) & uint64(len(s.counters)-1)
	}
	return rows
}

func (s *sketch) estimate(n uint32) uint8 {
	least := uint8(15)
	for _, i := range s.rows(n) {
		least = min(least, s.counters[i])
	}
	return least
}

func (s *sketch) add(n uint32) {
	if least := s.estimate(n); least < 15 {
		for _, i := range s.rows(n) {
			if s.counters[i] == least {
				s.counters[i]++
			}
		}
	}
	if s.adds++; s.adds >= s.reset {
		for i := range s.counters {
			s.counters[i] /= 2
		}
		s.adds /= 2
	}
}

const (
	window = iota
	probation
	protected
)

type tinyLFU struct {
	budget int64
	bytes  [3]int64
	queues [3]*list.List
	items  map[uint32]*item
	sketch *sketch
}

func newTinyLFU(budget int64, objects int) *tinyLFU {
	p := &tinyLFU{budget: budget, items: map[uint32]*item{}, sketch: newSketch(objects)}
	for i := range p.queues {
		p.queues[i] = list.New()
	}
	return p
}

func (p *tinyLFU) enter(it *item, where int) {
	it.where, it.el = where, p.queues[where].PushBack(it)
	p.bytes[where] += it.size
}

func (p *tinyLFU) leave(it *item) {
	p.queues[it.where].Remove(it.el)
	p.bytes[it.where] -= it.size
}

func (p *tinyLFU) get(n uint32, size int64) bool {
	p.sketch.add(n)
	if it := p.items[n]; it != nil {
		p.leave(it)
		p.enter(it, []int{window, protected, protected}[it.where])
		for p.bytes[protected] > p.budget*99/100*8/10 {
			down := p.queues[protected].Front().Value.(*item)
			p.leave(down)
			p.enter(down, probation)
		}
		return true
	}
	it := &item{n: n, size: size + Overhead}
	p.items[n] = it
	p.enter(it, window)
	for p.bytes[window] > max(p.budget/100, size) {
		candidate := p.queues[window].Front().Value.(*item)
		p.leave(candidate)
		p.enter(candidate, probation)
		p.admit(candidate)
	}
	return false
}

// admit makes room for a candidate, or drops it when a victim is more popular.
func (p *tinyLFU) admit(candidate *item) {
	for p.bytes[window]+p.bytes[probation]+p.bytes[protected] > p.budget {
		victim := candidate
		if el := p.queues[probation].Front(); el != nil && el != candidate.el {
			victim = el.Value.(*item)
		} else if el := p.queues[protected].Front(); el != nil {
			victim = el.Value.(*item)
		}
		if victim == candidate || p.sketch.estimate(candidate.n) <= p.sketch.estimate(victim.n) {
			victim = candidate
		}
		p.leave(victim)
		delete(p.items, victim.n)
		if victim == candidate {
			return
		}
	}
}
