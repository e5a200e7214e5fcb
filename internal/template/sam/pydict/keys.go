// SPDX-License-Identifier: Apache-2.0

// Package pydict reproduces two habits of the first SAM transform on which
// logical ids still depend: the order in which it walked maps, and the text
// that it made of a definition before hashing it.
//
// That transform ran on Python 2.7. A dictionary there is a hash table that is
// walked slot by slot, so the order follows from the hashes of the keys, from
// the order of insertion (on a collision) and from the size of the table. The
// id of an AWS::ApiGateway::Deployment carries the SHA-1 of the definition as
// printed in that order, and a stack whose id changes is redeployed; so the
// order lives on, whatever runs the transform.
//
// The flow:
//
//  1. Keys is the table: keys go in and out, and are listed in order.
//  2. Order lists the entries of a map node, Copy copies a tree as the
//     original copied it (which may change the order), Repr prints it.
//
// In the text a string that the user wrote is u'…' and one that the transform
// made is '…'. The two are told apart by position: a node (or key) with a line
// number was written by the user.
//
// What it does not do: numbers, tuples and other types as keys. All functions
// are pure; Keys belongs to one goroutine.
package pydict

import "slices"

const (
	minSize = 8
	shift   = 5
	large   = 50_000 // above it a table doubles instead of quadrupling
)

// slot is one place of a table. A dummy held a key that was removed; it is
// skipped in a walk and keeps the chain of collisions intact.
type slot struct {
	key         string
	used, dummy bool
}

// Keys is the table of a dictionary. The zero value is not ready: use NewKeys.
type Keys struct {
	slots []slot
	live  int // keys present
	fill  int // keys and dummies
}

// NewKeys makes a table and adds keys one by one.
func NewKeys(keys ...string) *Keys {
	k := &Keys{slots: make([]slot, minSize)}
	for _, s := range keys {
		k.Add(s)
	}
	return k
}

// hash is Python 2's hash of a string, as an unsigned 64-bit number.
func hash(s string) uint64 {
	rs := []rune(s)
	if len(rs) == 0 {
		return 0
	}
	x := uint64(rs[0]) << 7
	for _, r := range rs {
		x = 1000003*x ^ uint64(r)
	}
	return x ^ uint64(len(rs))
}

// find is the slot where s is, or where it goes.
func (k *Keys) find(s string) int {
	h := hash(s)
	mask := uint64(len(k.slots) - 1)
	i := h & mask
	free := -1
	// The last shift leaves a linear walk over all slots, and a table is never
	// full, so the loop ends.
	for walk, perturb := i, h; ; perturb >>= shift {
		p := &k.slots[i]
		switch {
		case !p.used:
			if free >= 0 {
				return free
			}
			return int(i)
		case p.dummy:
			if free < 0 {
				free = int(i)
			}
		case p.key == s:
			return int(i)
		}
		walk = walk<<2 + walk + perturb + 1
		i = walk & mask
	}
}

// Add puts s in; it does nothing if s is there.
func (k *Keys) Add(s string) {
	p := &k.slots[k.find(s)]
	switch {
	case !p.used:
		k.fill++
	case !p.dummy:
		return
	}
	*p = slot{key: s, used: true}
	k.live++
	if k.fill*3 >= len(k.slots)*2 {
		factor := 4
		if k.live > large {
			factor = 2
		}
		k.resize(k.live * factor)
	}
}

// Remove takes s out.
func (k *Keys) Remove(s string) {
	if p := &k.slots[k.find(s)]; p.used && !p.dummy {
		*p = slot{used: true, dummy: true}
		k.live--
	}
}

// Merge adds many keys at once, as an update of a dictionary by another does:
// the table is made large enough first.
func (k *Keys) Merge(keys []string) {
	if len(keys) == 0 {
		return
	}
	if (k.fill+len(keys))*3 >= len(k.slots)*2 {
		k.resize((k.live + len(keys)) * 2)
	}
	for _, s := range keys {
		k.Add(s)
	}
}

func (k *Keys) resize(more int) {
	size := minSize
	for size <= more {
		size <<= 1
	}
	old := k.List()
	k.slots = make([]slot, size)
	k.live, k.fill = 0, 0
	for _, s := range old {
		k.Add(s)
	}
}

// List returns the keys in the order of a walk.
func (k *Keys) List() []string {
	out := make([]string, 0, k.live)
	for _, p := range k.slots {
		if p.used && !p.dummy {
			out = append(out, p.key)
		}
	}
	return out
}

// Clone copies the table as it is.
func (k *Keys) Clone() *Keys {
	c := *k
	c.slots = slices.Clone(k.slots)
	return &c
}
