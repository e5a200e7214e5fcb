// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"crypto/rand"
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// All numbers on disk are little-endian. Checksums are CRC32C.
//
//	store        magic version salt seed…            one, written once
//	segment-N    header, then records, each at a multiple of 64
//	body-N       a large body, then its table of checksums (large.go)
//	journal      invalidations and deletions (journal.go)
//	checkpoint   the index (checkpoint.go)
//
// A record is
//
//	 0 magic    4  8 body length   24 hash     40 segment   48 body-N, or 0
//	 4 key len  2 16 sequence      32 …        44 offset/64 56 checksum of 0…56
//	 6 (zero)   2                  32 meta len 36 (zero)    60 checksum of what follows
//	64 key, meta, table; then the body if it is within; zeros up to 64
//
// The table has a checksum for each 64 KiB of the body; of a body-N, one for
// each page of that file's own table. A checksum starts from the store's salt
// and from what the piece belongs to, so that a piece of another record, of
// another place, or one that somebody put into a body, does not pass.

const (
	version    = 1
	align      = 64
	headLen    = 64
	chunkLen   = 64 << 10
	pageLen    = 4 << 10 // of a table
	maxKey     = 64<<10 - 1
	maxMeta    = 1 << 20
	inlineMax  = 4 << 20 // longer bodies are files of their own
	storeMagic = 0x53444c46
	segMagic   = 0x47444c46
	recMagic   = 0x52444c46
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var le = binary.LittleEndian

// identity is the content of the file "store": it tells this store's bytes
// from those of any other, and keys the hash.
type identity struct {
	salt uint32
	seed [2]uint64
}

func newIdentity() identity {
	var b [20]byte
	rand.Read(b[:])
	return identity{le.Uint32(b[:]), [2]uint64{le.Uint64(b[4:]), le.Uint64(b[12:])}}
}

func (id identity) encode() []byte {
	b := le.AppendUint32(nil, storeMagic)
	b = le.AppendUint32(b, version)
	b = le.AppendUint32(b, id.salt)
	b = le.AppendUint64(b, id.seed[0])
	b = le.AppendUint64(b, id.seed[1])
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func parseIdentity(b []byte) (identity, bool) {
	if len(b) != 32 || le.Uint32(b) != storeMagic || le.Uint32(b[4:]) != version ||
		le.Uint32(b[28:]) != crc32.Checksum(b[:28], castagnoli) {
		return identity{}, false
	}
	return identity{le.Uint32(b[8:]), [2]uint64{le.Uint64(b[12:]), le.Uint64(b[20:])}}, true
}

// hash is never 0: that marks a free slot. It is keyed, so that nobody can
// choose keys that collide.
func (id identity) hash(key []byte) uint64 {
	h := id.seed[0] ^ uint64(len(key))*0x9e3779b97f4a7c15
	for len(key) > 0 {
		var a, b uint64
		if len(key) >= 16 {
			a, b = le.Uint64(key), le.Uint64(key[8:])
			key = key[16:]
		} else {
			var last [16]byte
			copy(last[:], key)
			a, b = le.Uint64(last[:]), le.Uint64(last[8:])
			key = nil
		}
		h = fold(a^h, b^id.seed[1]) + bits.RotateLeft64(h, 23)
	}
	if h = fold(h^id.seed[1], h^0xa0761d6478bd642f); h == 0 {
		return 1
	}
	return h
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// sum is the checksum of piece i of what owner numbers.
func (id identity) sum(owner uint64, i int, b []byte) uint32 {
	x := (owner + uint64(i)*0x9e3779b97f4a7c15) * 0xd6e8feb86659fd93
	return crc32.Update(id.salt^uint32(x>>32)^uint32(x), castagnoli, b)
}

// segmentHead is the header of segment n, begun when the sequence was first.
func (id identity) segmentHead(n uint32, first uint64) []byte {
	b := make([]byte, headLen)
	le.PutUint32(b, segMagic)
	le.PutUint32(b[4:], version)
	le.PutUint32(b[8:], n)
	le.PutUint64(b[12:], first)
	le.PutUint32(b[60:], id.sum(0, 0, b[:60]))
	return b
}

func (id identity) isSegment(b []byte, n uint32) bool {
	return len(b) == headLen && le.Uint32(b) == segMagic && le.Uint32(b[4:]) == version &&
		le.Uint32(b[8:]) == n && le.Uint32(b[60:]) == id.sum(0, 0, b[:60])
}

// head is the fixed part of a record.
type head struct {
	keyLen, metaLen int
	body            int64 // its length
	seq, hash       uint64
	seg             uint32
	off             uint32 // in units of align
	file            uint64 // number of the body's file; 0: the body is within
	rest            uint32 // checksum of key, meta and table
}

func pieces(n, size int64) int64 { return (n + size - 1) / size }

func roundUp(n, size int64) int64 { return pieces(n, size) * size }

// table is how many checksums the record holds.
func (h *head) table() int64 {
	n := pieces(h.body, chunkLen)
	if h.file != 0 {
		n = pieces(n*4, pageLen)
	}
	return n
}

// prefix is the length of all but the body.
func (h *head) prefix() int64 {
	return headLen + int64(h.keyLen) + int64(h.metaLen) + 4*h.table()
}

// size is the room that the record takes in its segment.
func (h *head) size() int64 {
	n := h.prefix()
	if h.file == 0 {
		n += h.body
	}
	return roundUp(n, align)
}

// seal writes the head in front of rec, whose key, meta, table and body stand.
func (id identity) seal(h *head, rec []byte) {
	h.rest = id.sum(h.seq, -1, rec[headLen:h.prefix()])
	le.PutUint32(rec, recMagic)
	le.PutUint16(rec[4:], uint16(h.keyLen))
	le.PutUint16(rec[6:], 0)
	le.PutUint64(rec[8:], uint64(h.body))
	le.PutUint64(rec[16:], h.seq)
	le.PutUint64(rec[24:], h.hash)
	le.PutUint32(rec[32:], uint32(h.metaLen))
	le.PutUint32(rec[36:], 0)
	le.PutUint32(rec[40:], h.seg)
	le.PutUint32(rec[44:], h.off)
	le.PutUint64(rec[48:], h.file)
	le.PutUint32(rec[56:], id.sum(0, 1, rec[:56]))
	le.PutUint32(rec[60:], h.rest)
}

// parse reads the fixed part of a record.
func (id identity) parse(b []byte) (h head, ok bool) {
	if len(b) < headLen || le.Uint32(b) != recMagic || le.Uint32(b[56:]) != id.sum(0, 1, b[:56]) {
		return h, false
	}
	h = head{
		keyLen: int(le.Uint16(b[4:])), metaLen: int(le.Uint32(b[32:])), body: int64(le.Uint64(b[8:])),
		seq: le.Uint64(b[16:]), hash: le.Uint64(b[24:]),
		seg: le.Uint32(b[40:]), off: le.Uint32(b[44:]), file: le.Uint64(b[48:]), rest: le.Uint32(b[60:]),
	}
	ok = h.metaLen <= maxMeta && h.body >= 0 && h.body < 1<<50 && (h.file != 0 || h.body <= inlineMax) && h.hash != 0
	return h, ok
}

// whole tells whether rec, which begins with the whole prefix, passes.
func (id identity) whole(h *head, rec []byte) bool {
	return int64(len(rec)) >= h.prefix() && h.rest == id.sum(h.seq, -1, rec[headLen:h.prefix()])
}
