// SPDX-License-Identifier: Apache-2.0

package h1

// The chunked coding (RFC 9112 7.1), strictly:
//
//	1a;name=value CRLF    chunkSize: hex digits, then at once an extension, or white space
//	26 bytes              chunkData
//	CRLF                  chunkEnd
//	0 CRLF                chunkSize
//	Name: value CRLF      chunkTrailer: checked like a field, and dropped
//	CRLF
//
// Extensions are passed over unread, but for control bytes. White space behind
// the size is let through: old servers fill the line up with it.

import (
	"bytes"
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
	maxChunkLine  = 1024
	maxTrailers   = 16 << 10
	maxDigits     = 15       // below 2^60
	maxChunkWaste = 16 << 10 // what is no data, beyond 16 bytes and twice the data of each chunk
)

// chunkReader is where in the coding a body stands.
type chunkReader struct {
	state    chunkState
	waste    int64
	trailing int // bytes of trailers
}

// readChunked fills p as far as data is buffered, and blocks only for the
// first byte. The end of the body is taken along when it has come.
func (b *body) readChunked(p []byte) (n int, err error) {
	for {
		switch {
		case b.chunk.state != chunkData:
			if n > 0 && !b.hasLine() {
				return n, nil
			}
			if err := b.step(); err != nil {
				return n, err
			}
		case n == len(p) || n > 0 && b.c.r == b.c.w:
			return n, nil
		default:
			m, err := b.data(p[n:])
			if n += m; err != nil {
				return n, err
			}
			if b.left == 0 {
				b.chunk.state = chunkEnd
			}
		}
	}
}

// hasLine tells whether step would not block.
func (b *body) hasLine() bool {
	return bytes.IndexByte(b.c.in.b[b.c.r:b.c.w], '\n') >= 0
}

// step takes one line of the coding. io.EOF: it was the last.
func (b *body) step() error {
	line, err := b.line()
	if err != nil {
		return err
	}
	switch b.chunk.state {
	case chunkEnd:
		if len(line) != 0 {
			return &Fault{FaultChunk}
		}
		b.chunk.state = chunkSize
		return nil
	case chunkSize:
		return b.size(line)
	}
	if len(line) == 0 {
		return io.EOF
	}
	b.chunk.trailing += len(line) + 2
	if _, _, why := split(string(line)); why != FaultNone || b.chunk.trailing > maxTrailers {
		return &Fault{FaultTrailer}
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
		if i == maxDigits {
			return &Fault{FaultChunk}
		}
		size = size<<4 | int64(d)
	}
	rest := line[i:]
	if len(rest) > 0 && rest[0] != ';' {
		rest = bytes.TrimLeft(rest, " \t")
		if len(rest) > 0 {
			return &Fault{FaultChunk}
		}
	}
	if i == 0 || !visible(string(rest)) {
		return &Fault{FaultChunk}
	}
	b.chunk.waste = max(0, b.chunk.waste+int64(len(line))+4-16-2*size)
	if b.chunk.waste > maxChunkWaste {
		return &Fault{FaultChunk}
	}
	b.left, b.chunk.state = size, chunkData
	if size == 0 {
		b.chunk.state = chunkTrailer
	}
	return nil
}

// line takes one line without its CRLF. It lives until the next read.
func (b *body) line() ([]byte, error) {
	c := b.c
	for scanned := 0; ; {
		in := c.in.b[c.r:c.w]
		if i := bytes.IndexByte(in[scanned:], '\n'); i >= 0 {
			i += scanned
			if i == 0 || i > maxChunkLine+1 || in[i-1] != '\r' {
				return nil, &Fault{FaultChunk}
			}
			c.r += i + 1
			return in[:i-1], nil
		}
		if len(in) > maxChunkLine+1 {
			return nil, &Fault{FaultChunk}
		}
		scanned = len(in)
		if err := c.more(); err != nil {
			return nil, unexpected(err)
		}
	}
}
