// SPDX-License-Identifier: Apache-2.0

package peer

import "math/bits"

// Rendezvous hashing: each node has a weight for each key, and the one with the
// greatest owns it. When a node leaves, only its keys find new owners, spread
// over all the others; when it comes back it has the same ones again. All nodes
// agree without a word, for the hash is the same in every process.

// Node is an edge of the region.
type Node struct {
	Name string // the same everywhere; in its certificate
	Addr string // host:port for other nodes
}

// Pick is the index of the owner of key; -1 when there are no nodes. skip leaves
// nodes out; nil leaves none.
func Pick(nodes []Node, key []byte, skip func(Node) bool) int {
	k, best, most := hash(key), -1, uint64(0)
	for i, n := range nodes {
		if skip != nil && skip(n) {
			continue
		}
		if w := mix(k ^ hash(n.Name)); best < 0 || w > most || w == most && n.Name < nodes[best].Name {
			best, most = i, w
		}
	}
	return best
}

// hash is FNV-1a, spread by mix: it needs no secret, for who chooses keys gains
// nothing but a busy owner.
func hash[T string | []byte](b T) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(b) {
		h = (h ^ uint64(b[i])) * 1099511628211
	}
	return mix(h)
}

func mix(h uint64) uint64 {
	hi, lo := bits.Mul64(h^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	h = hi ^ lo
	hi, lo = bits.Mul64(h^0xa0761d6478bd642f, 0xe7037ed1a0b428db)
	return hi ^ lo
}
