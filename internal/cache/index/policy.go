// SPDX-License-Identifier: Apache-2.0

package index

// The eviction policy is S3-FIFO (Yang et al., SOSP 2023), by bytes.
//
// A new entry goes to the tail of the small queue, a fortieth of the budget.
// When something must leave and the small queue is over its part, its head
// leaves: to the main queue if it was asked for since it came, else out, and
// the hash of its key is remembered in the ghost (ghost.go), which holds half as
// many as there are entries. A key found in the ghost enters main at once. The
// head of main goes back to the tail as often as it was asked for (at most
// three times), else out.
//
// A scan of objects that are asked for once therefore passes through the small
// queue and never touches main. Example, budget 40 objects: A and B are hit
// and sit in main; C1…C1000 come once each; A and B are still there.
//
// The paper gives the small queue a tenth, and the ghost as many as there are
// entries. On our traces (policy_test.go) that is on a par with W-TinyLFU, and
// the smaller numbers are ahead of both: fewer of the many that are asked for
// twice, far apart, get into main. docs/decisions/0007-two-tiers.md has figures.
//
// Size-aware admission: when it is full, a block larger than the small queue is
// admitted on its second appearance only; the first leaves its hash in the
// ghost. It would sweep many small ones out.

type queueID uint8

const (
	unused queueID = iota
	small
	main
)

const maxFreq = 3

// queue is a list of entries: first leaves first.
type queue struct {
	first, last Slot
	cost        int64
}

func (q *queue) bytes() int64 { return q.cost * 16 }

// Touch tells that an entry was asked for.
func (x *Index) Touch(s Slot) {
	if e := &x.entries[s]; e.freq < maxFreq {
		e.freq++
	}
}

// Proven tells that an entry has been asked for often enough to have got into
// main.
func (e *Entry) Proven() bool { return e.queue == main }

// Victim is the entry that leaves next, or None when there is none. The caller
// removes it.
func (x *Index) Victim() Slot {
	for {
		s, out := x.step()
		if out || s == None {
			return s
		}
	}
}

// step makes one step of the policy: an entry moves, or is to leave.
func (x *Index) step() (s Slot, out bool) {
	q := &x.queues[small]
	if s = q.first; s != None && (q.bytes() > x.budget/40 || x.queues[main].first == None) {
		e := &x.entries[s]
		if e.freq == 0 {
			x.ghost.add(e.Hash, x.count)
			return s, true
		}
		e.freq = 0
		x.unlink(s)
		x.push(main, s)
		return s, false
	}
	if s = x.queues[main].first; s == None {
		return None, false
	}
	e := &x.entries[s]
	if e.freq == 0 {
		return s, true
	}
	e.freq--
	x.unlink(s)
	x.push(main, s)
	return s, false
}

func (x *Index) push(id queueID, s Slot) {
	q, e := &x.queues[id], &x.entries[s]
	e.queue, e.prev, e.next = id, q.last, None
	if q.last == None {
		q.first = s
	} else {
		x.entries[q.last].next = s
	}
	q.last = s
	q.cost += int64(e.cost)
}

func (x *Index) unlink(s Slot) {
	e := &x.entries[s]
	q := &x.queues[e.queue]
	if e.prev == None {
		q.first = e.next
	} else {
		x.entries[e.prev].next = e.next
	}
	if e.next == None {
		q.last = e.prev
	} else {
		x.entries[e.next].prev = e.prev
	}
	q.cost -= int64(e.cost)
}
