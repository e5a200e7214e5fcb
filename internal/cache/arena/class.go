// SPDX-License-Identifier: Apache-2.0

package arena

// Size classes.
//
// A slab is cut into equal slots of one class. The sizes are chosen from the
// slab's side: a slot is a slab divided by a whole number, so that nothing is
// left over at a slab's end. From the largest down each is 8/9 of the one before
// or more, where division allows. Example for slabs of 64 KiB: 65536,
// 32768, 21840, 16384, 13104, 10912, 9360, 8192, 7280, 6544 … 80, 64.
//
// Between the largest classes the steps are wide. A block that would leave
// more than an eighth of itself unused in one slot takes several instead:
// 40,000 bytes are one slot of 32,768 and one of 7,280.

const (
	unit     = 16 // what offsets and sizes are multiples of
	minSlot  = 64
	maxSplit = 8 // waste of more than 1/maxSplit of a block is avoided
)

// classes are the slot sizes of one slab size, ascending.
type classes struct {
	size []int   // of slots, the piece's head included
	by   []uint8 // by[n/unit, rounded up] is the smallest class of n bytes
}

func newClasses(slab int) *classes {
	var down []int
	for size := slab; size >= minSlot; {
		down = append(down, size)
		k := max(slab/(size*8/9), slab/size+1)
		next := slab / k &^ (unit - 1)
		if size > slab/8 { // each divisor there is
			next = slab / (slab/size + 1) &^ (unit - 1)
		}
		if next == size {
			next -= unit
		}
		size = next
	}
	c := &classes{by: make([]uint8, slab/unit+1)}
	for i := len(down) - 1; i >= 0; i-- {
		c.size = append(c.size, down[i])
	}
	k := 0
	for i := range c.by {
		if i*unit > c.size[k] {
			k++
		}
		c.by[i] = uint8(k)
	}
	return c
}

// pick is the class of the next piece of a block: rest bytes are still to be
// placed, of total. The piece takes min(rest, its room).
func (c *classes) pick(rest, total int) int {
	need := rest + headSize
	if last := len(c.size) - 1; need >= c.size[last] {
		return last
	}
	k := int(c.by[(need+unit-1)/unit])
	if k > 0 && c.size[k]-need > max(total/maxSplit, 2*minSlot) {
		return k - 1
	}
	return k
}
