// SPDX-License-Identifier: Apache-2.0

package h1

// The chunked coding (RFC 9112 7.1), strictly:
//
//	1a;name=value CRLF    chunkSize: hex digits, then at once CRLF or an extension
//	26 bytes              chunkData
//	CRLF                  chunkEnd
//	0 CRLF                chunkSize
//	Name: value CRLF      chunkTrailer: checked like a field, and dropped
//	CRLF
//
// Extensions are checked and passed over; a line, and all that is not data in
// sum, is bounded. White space after the size, which RFC 9112 calls bad, is
// refused.

import (
	"bytes"
	"errors"
	"io"

	"github.com/forelane/forelane/internal/httpspec"
)

type chunkState uint8

const (
	chunkNone chunkState = iota // the body is not chunked
	chunkSize
	chunkData
	chunkEnd
	chunkTrailer
)

const (
	maxChunkLine   = 1024
	maxTrailerLine = 2048
	maxChunkDigits = 15       // below 2^60
	maxChunkWaste  = 16 << 10 // what is not data, beyond 16 bytes and twice the data of each chunk
)

// chunkReader is where in the coding a body stands.
type chunkReader struct {
	state    chunkState
	waste    int64
	trailers int
	trailing int // bytes of trailers
}

// errWait tells that nothing more can be had without blocking.
var errWait = errors.New("h1: no complete line is buffered")

// readChunked fills p with data as far as it is buffered, and blocks only for
// the first byte.
func (b *body) readChunked(p []byte) (n int, err error) {
	for n < len(p) {
		if b.chunk.state == chunkData {
			if n > 0 && b.c.r == b.c.w {
				return n, nil
			}
			m, err := b.data(p[n:], b.left > smallBuffer/2)
			n += m
			if err != nil {
				return n, err
			}
			if b.left == 0 {
				b.chunk.state = chunkEnd
			}
			continue
		}
		if err := b.step(n == 0); err != nil {
			if errors.Is(err, errWait) {
				return n, nil
			}
			return n, err
		}
	}
	if b.chunk.state != chunkData { // take the end along when it is there
		for b.chunk.state != chunkData {
			if err := b.step(false); err != nil {
				if errors.Is(err, errWait) {
					return n, nil
				}
				return n, err
			}
		}
	}
	return n, nil
}

// step takes one line of the coding. io.EOF: it was the last.
func (b *body) step(block bool) error {
	switch b.chunk.state {
	case chunkEnd:
		line, err := b.line(0, ReasonChunk, block)
		if err != nil {
			return err
		}
		if len(line) != 0 {
			return &BodyError{Why: ReasonChunk}
		}
		b.chunk.state = chunkSize
	case chunkSize:
		line, err := b.line(maxChunkLine, ReasonChunk, block)
		if err != nil {
			return err
		}
		return b.size(line)
	default:
		line, err := b.line(maxTrailerLine, ReasonTrailer, block)
		if err != nil {
			return err
		}
		return b.trailer(line)
	}
	return nil
}

// size reads a chunk's first line.
func (b *body) size(line []byte) error {
	size, i := int64(0), 0
	for ; i < len(line); i++ {
		d := httpspec.Hex(line[i])
		if d < 0 {
			break
		}
		if i == maxChunkDigits {
			return &BodyError{Why: ReasonChunk}
		}
		size = size<<4 | int64(d)
	}
	if i == 0 || !extensions(line[i:]) {
		return &BodyError{Why: ReasonChunk}
	}
	b.chunk.waste = max(0, b.chunk.waste+int64(len(line))+4-16-2*size)
	if b.chunk.waste > maxChunkWaste {
		return &BodyError{Why: ReasonChunk}
	}
	b.left = size
	b.chunk.state = chunkData
	if size == 0 {
		b.chunk.state = chunkTrailer
	}
	return nil
}

// extensions tells whether b is a row of extensions: ;name, ;name=token or
// ;name="text" with escapes. White space around them, which RFC 9112 7.1.1
// calls bad too, is refused.
func extensions(b []byte) bool {
	for len(b) > 0 {
		if b[0] != ';' {
			return false
		}
		n := tokenLength(b[1:])
		if b = b[1+n:]; n == 0 {
			return false
		}
		if len(b) == 0 || b[0] != '=' {
			continue
		}
		b = b[1:]
		if n = tokenLength(b); n == 0 {
			n = quotedLength(b)
		}
		if n == 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

func tokenLength(b []byte) int {
	n := 0
	for n < len(b) && tokenByte[b[n]] {
		n++
	}
	return n
}

// quotedLength is the length of the quoted-string that b begins with, or 0.
func quotedLength(b []byte) int {
	if len(b) == 0 || b[0] != '"' {
		return 0
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '"':
			if visible(b[:i]) != ReasonNone {
				return 0
			}
			return i + 1
		case '\\':
			i++
		}
	}
	return 0
}

// trailer checks a trailer field and drops it.
func (b *body) trailer(line []byte) error {
	if len(line) == 0 {
		return io.EOF
	}
	b.chunk.trailers++
	b.chunk.trailing += len(line) + 2
	_, _, why := split(line)
	if why != ReasonNone || b.chunk.trailers > b.c.limits.Fields || b.chunk.trailing > b.c.limits.Head {
		return &BodyError{Why: ReasonTrailer}
	}
	return nil
}

// line takes one line of at most limit bytes without its CRLF. It lives until
// the next one is taken.
func (b *body) line(limit int, why Reason, block bool) ([]byte, error) {
	c := b.c
	scanned := 0
	for {
		in := c.in.b[c.r:c.w]
		if i := bytes.IndexByte(in[scanned:], '\n'); i >= 0 {
			i += scanned
			if i == 0 || i > limit+1 || in[i-1] != '\r' {
				return nil, &BodyError{Why: why}
			}
			c.r += i + 1
			return in[:i-1], nil
		}
		if len(in) > limit+1 {
			return nil, &BodyError{Why: why}
		}
		if !block {
			return nil, errWait
		}
		scanned = len(in)
		if err := b.more(); err != nil {
			return nil, err
		}
	}
}
