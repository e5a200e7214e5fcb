// SPDX-License-Identifier: Apache-2.0

package arena

// Compaction keeps slabs from staying with a class that needs them no more.
//
// Blocks leave in the order of the policy, not in that of slabs. After a change
// of the workload, say from 1 KB to 64 KB, every slab of the old class would
// have some blocks left and none would be free. Compact therefore takes the
// emptiest slab of a class whose free slots would hold all that is left in it,
// moves that into the other slabs, and the slab is free. It copies at most one
// slab. Blocks that somebody holds stay, and so does their slab.
//
// Example, slots of 1 KB, 64 a slab: three slabs with 30, 40 and 50 blocks have
// 72 free slots. The 30 of the first move into the two others.

// Compact frees one slab; it tells whether it could. moved is called with
// Arena.mu held for each block whose first piece has a new place. The caller
// holds the owner's lock.
func (a *Arena) Compact(moved func(owner uint32, to Ref)) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	best, room := -1, 0
	for k := range a.class {
		c := &a.class[k]
		free := (c.slabs*int(a.perSlab(k)) - c.live) * a.kinds.size[k]
		if free >= a.slab && free > room && c.slabs > 1 {
			best, room = k, free
		}
	}
	if best < 0 {
		return false
	}
	for range 4 { // slabs with blocks that are held are passed over
		i := a.emptiest(best)
		if i == none {
			return false
		}
		a.unlist(i)
		if a.empty(i, moved) {
			return true
		}
		a.list(i)
		a.slabs[i].skip = true
	}
	return false
}

// emptiest is the slab of class k that takes the least to empty.
func (a *Arena) emptiest(k int) uint32 {
	best := none
	for i := a.class[k].partial; i != none; i = a.slabs[i].next {
		if !a.slabs[i].skip && (best == none || a.slabs[i].live < a.slabs[best].live) {
			best = i
		}
	}
	if best == none { // all were passed over: look at them anew the next time
		for i := a.class[k].partial; i != none; i = a.slabs[i].next {
			a.slabs[i].skip = false
		}
	}
	return best
}

// empty moves everything out of slab i, which is not listed.
func (a *Arena) empty(i uint32, moved func(owner uint32, to Ref)) bool {
	s := &a.slabs[i]
	k := int(s.class)
	size := a.kinds.size[k]
	for j := range s.cut {
		r := Ref((int(i)*a.slab+int(j)*size)/unit + 1)
		h := a.at(r)
		if h.owner == freed {
			continue
		}
		first := r
		if h.refs.Load() == further {
			first = Ref(h.owner)
		}
		f := a.at(first)
		if f.owner >= freed || f.refs.Load() != 1 || a.class[k].partial == none {
			return false
		}
		last := s.live == 1
		a.move(r, first, a.slot(k), moved)
		if s.listed {
			a.unlist(i) // put entered it, for it has room now
		}
		if last {
			return true
		}
	}
	return false
}

// move takes one piece of the block first from r to a free slot.
func (a *Arena) move(r, first, to Ref, moved func(owner uint32, to Ref)) {
	from, h := a.at(r), a.at(to)
	h.refs.Store(from.refs.Load())
	h.owner, h.next, h.used = from.owner, from.next, from.used
	copy(a.payload(to, int(h.used)), a.payload(r, int(h.used)))
	if r == first {
		for p := h.next; p != 0; p = a.at(p).next {
			a.at(p).owner = uint32(to)
		}
		moved(h.owner, to)
	} else {
		p := first
		for a.at(p).next != r {
			p = a.at(p).next
		}
		a.at(p).next = to
	}
	a.put(r)
}
