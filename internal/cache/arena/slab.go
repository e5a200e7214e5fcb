// SPDX-License-Identifier: Apache-2.0

package arena

// A slab is free (on the spare list or never used), or cut into slots of one
// class. Slots are cut one after the other as they are wanted, so that a slab
// costs nothing to begin; those that come back form a list through their heads.
// A class lists its slabs that have room.

const none = ^uint32(0)

type slab struct {
	class      uint8
	touched    bool   // has memory of the system
	listed     bool   // in its class's list
	skip       bool   // could not be emptied the last time
	live       uint32 // slots in use
	cut        uint32 // slots from this one on were never used
	free       Ref    // list of slots that came back
	prev, next uint32 // of its class's list, or the spare list
}

type class struct {
	partial, tail uint32 // slabs with room
	slabs         int
	live          int // slots in use
}

func (a *Arena) perSlab(k int) uint32 { return uint32(a.slab / a.kinds.size[k]) }

// take finds a slot of class k, or a somewhat larger one when no slab is to be
// had. The caller holds a.mu.
func (a *Arena) take(k int) (Ref, bool) {
	if a.class[k].partial == none && !a.cutSlab(k) {
		want := a.kinds.size[k]
		for k++; k < len(a.class) && a.kinds.size[k] <= want+want/4; k++ {
			if a.class[k].partial != none {
				return a.slot(k), true
			}
		}
		return 0, false
	}
	return a.slot(k), true
}

// slot takes a slot from the first slab of class k that has room.
func (a *Arena) slot(k int) Ref {
	i := a.class[k].partial
	s := &a.slabs[i]
	r := s.free
	if r != 0 {
		s.free = a.at(r).next
	} else {
		off := int(i)*a.slab + int(s.cut)*a.kinds.size[k]
		r = Ref(off/unit + 1)
		s.cut++
	}
	s.live++
	a.class[k].live++
	a.filled += int64(a.kinds.size[k])
	if s.live == a.perSlab(k) {
		a.unlist(i)
	}
	return r
}

// cutSlab gives class k one more slab.
func (a *Arena) cutSlab(k int) bool {
	if a.used >= a.limit {
		return false
	}
	i := a.spare
	if i != none {
		a.spare = a.slabs[i].next
	} else if a.fresh < len(a.slabs) {
		i = uint32(a.fresh)
		a.fresh++
	} else {
		return false
	}
	a.slabs[i] = slab{class: uint8(k), touched: true}
	a.used++
	a.class[k].slabs++
	a.list(i)
	return true
}

// put takes a slot back. The caller holds a.mu.
func (a *Arena) put(r Ref) {
	i := a.slabOf(r)
	s := &a.slabs[i]
	k := int(s.class)
	h := a.at(r)
	if a.poison {
		poison(a.payload(r, a.kinds.size[k]-headSize))
	}
	h.refs.Store(0)
	h.owner, h.used, h.next = freed, 0, s.free
	s.free = r
	s.live--
	a.class[k].live--
	a.filled -= int64(a.kinds.size[k])
	switch {
	case s.live == 0:
		if s.listed {
			a.unlist(i)
		}
		a.class[k].slabs--
		a.used--
		s.next, a.spare = a.spare, i
	case !s.listed:
		a.list(i)
	}
}

func poison(p []byte) {
	for i := range p {
		p[i] = 0xDB
	}
}

func (a *Arena) slabOf(r Ref) uint32 { return uint32((int(r) - 1) * unit / a.slab) }

// list enters a slab at the tail of its class's list: the slabs at the front
// are filled up first, those at the back may run empty.
func (a *Arena) list(i uint32) {
	s := &a.slabs[i]
	c := &a.class[s.class]
	s.listed, s.prev, s.next = true, c.tail, none
	if c.tail == none {
		c.partial = i
	} else {
		a.slabs[c.tail].next = i
	}
	c.tail = i
}

func (a *Arena) unlist(i uint32) {
	s := &a.slabs[i]
	c := &a.class[s.class]
	if s.prev == none {
		c.partial = s.next
	} else {
		a.slabs[s.prev].next = s.next
	}
	if s.next == none {
		c.tail = s.prev
	} else {
		a.slabs[s.next].prev = s.prev
	}
	s.listed = false
}
