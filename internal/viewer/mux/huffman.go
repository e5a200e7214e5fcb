// SPDX-License-Identifier: Apache-2.0

package mux

import (
	"strings"

	"golang.org/x/net/http2/hpack"
)

// The Huffman code of RFC 7541 Appendix B is canonical: codes of one length
// are consecutive numbers, and a longer code is a larger number when both are
// aligned to the left. So two tables decode it: one, indexed by the next ten
// bits, has the symbols of the codes up to that length (all letters and
// digits); for longer ones, the first code of each length and the symbols in
// order. Both are computed from the encoder of x/net: the code of a byte is
// read off the encoding of eight copies, whose size in bytes is its length in
// bits.
//
//	'a' = 00011        short[00011xxxxx] = {symbol 'a', length 5}
//	'|' = 11111111100  length 11: first = 11111111010, symbols "'+|": third

const (
	shortBits = 10 // width of the table of short codes
	longest   = 30 // bits of the longest code
)

type shortCode struct{ symbol, bits uint8 } // bits 0: a longer code

// longCodes are the codes of one length.
type longCodes struct {
	first   uint32
	symbols []byte
}

type huffmanTable struct {
	short [1 << shortBits]shortCode
	long  [longest + 1]longCodes
}

var huffman = func() *huffmanTable {
	t := new(huffmanTable)
	for s := range 256 {
		eight := strings.Repeat(string([]byte{byte(s)}), 8)
		bits := int(hpack.HuffmanEncodeLength(eight))
		encoded := hpack.AppendHuffmanString(nil, eight)
		code := uint32(0)
		for i := range bits {
			code = code<<1 | uint32(encoded[i/8]>>(7-i%8)&1)
		}
		if bits <= shortBits {
			first := code << (shortBits - bits)
			for i := range uint32(1) << (shortBits - bits) {
				t.short[first+i] = shortCode{uint8(s), uint8(bits)}
			}
			continue
		}
		l := &t.long[bits]
		if len(l.symbols) == 0 || code < l.first {
			l.first = code
		}
		// Within a length codes ascend with their symbols.
		l.symbols = append(l.symbols, byte(s))
	}
	return t
}()

// AppendHuffman decodes src onto dst. ok is false when a code does not exist,
// EOS is in it, or the padding is not the beginning of EOS (RFC 7541 5.2).
func AppendHuffman(dst, src []byte) (_ []byte, ok bool) {
	var acc uint64 // the low n bits are still to be decoded
	n := 0
	for {
		for n <= 56 && len(src) > 0 {
			acc = acc<<8 | uint64(src[0])
			src, n = src[1:], n+8
		}
		if n < shortBits && len(src) == 0 {
			return finishHuffman(dst, acc, n)
		}
		c := huffman.short[acc>>(n-shortBits)&(1<<shortBits-1)]
		if c.bits != 0 {
			dst, n = append(dst, c.symbol), n-int(c.bits)
			continue
		}
		symbol, bits := longSymbol(acc, n)
		if bits == 0 {
			// Ten ones and more: no padding is that long.
			return dst, false
		}
		dst, n = append(dst, symbol), n-bits
	}
}

// longSymbol is the symbol of a code longer than shortBits at the head of the
// n bits of acc; bits is 0 when there is none.
func longSymbol(acc uint64, n int) (symbol byte, bits int) {
	for bits = shortBits + 1; bits <= longest && bits <= n; bits++ {
		l := &huffman.long[bits]
		i := uint32(acc>>(n-bits)&(1<<bits-1)) - l.first
		if int64(i) < int64(len(l.symbols)) {
			return l.symbols[i], bits
		}
	}
	return 0, 0
}

// finishHuffman decodes the last bits, fewer than shortBits.
func finishHuffman(dst []byte, acc uint64, n int) ([]byte, bool) {
	for n > 0 {
		ones := uint64(1)<<n - 1
		// Filled up with ones, what is no whole code looks like none.
		c := huffman.short[(acc&ones)<<(shortBits-n)|(1<<(shortBits-n)-1)]
		if c.bits == 0 || int(c.bits) > n {
			return dst, n < 8 && acc&ones == ones
		}
		dst, n = append(dst, c.symbol), n-int(c.bits)
	}
	return dst, true
}
