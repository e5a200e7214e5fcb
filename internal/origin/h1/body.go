// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

var errClosed = errors.New("origin: read of a body that was closed")

// body is the body of one answer. It is not reused: who holds it after its end
// gets that end again, and not somebody else's bytes.
type body struct {
	sock  net.Conn
	mode  mode
	keep  bool // the connection may go on after the last byte
	mu    sync.Mutex
	c     *conn // nil: the answer is over
	err   error // how
	left  int64 // modeCounted: of the body; modeChunked: of the chunk
	chunk chunkReader
}

// Read reads on. The last bytes come with io.EOF.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	b.c.touch(time.Now())
	n, err := b.read(p)
	if err != nil {
		b.end(err)
	}
	return n, b.err
}

func (b *body) read(p []byte) (n int, err error) {
	switch b.mode {
	case modeCounted:
		n, err = b.data(p)
		if b.left == 0 && err == nil {
			err = io.EOF
		}
		return n, err
	case modeChunked:
		return b.readChunked(p)
	}
	c := b.c // modeUntilClose
	if n = b.buffered(p); n > 0 {
		return n, nil
	}
	return c.read(p)
}

// buffered takes what has been read along with the head.
func (b *body) buffered(p []byte) int {
	n := copy(p, b.c.in.b[b.c.r:b.c.w])
	b.c.r += n
	return n
}

// data takes bytes of the body or of the chunk, at most left. A large p is
// read into without a detour.
func (b *body) data(p []byte) (n int, err error) {
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	c := b.c
	if n = b.buffered(p); n == 0 {
		if len(p) >= len(c.in.b)/2 {
			n, err = c.read(p)
		} else if err = c.fill(); err == nil {
			n = b.buffered(p)
		}
	}
	b.left -= int64(n)
	return n, unexpected(err)
}

// Buffered is how many bytes of the body can be read without waiting; what it
// tells of a body in chunks is 0.
func (b *body) Buffered() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.c == nil || b.mode != modeCounted {
		return 0
	}
	return min(b.left, int64(b.c.w-b.c.r))
}

// end gives the connection back. b.mu is held.
func (b *body) end(err error) {
	c := b.c
	b.c, b.err = nil, err
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		b.err = io.EOF
		c.done(b.keep)
		return
	}
	b.err = c.cause(err)
	c.done(false)
}

// Close ends the reading. What is left of the body costs the connection,
// unless it has arrived already.
func (b *body) Close() error {
	if !b.mu.TryLock() { // somebody reads: the end is theirs to find
		return b.sock.Close()
	}
	defer b.mu.Unlock()
	if b.err != nil {
		return nil
	}
	c := b.c
	b.c, b.err = nil, errClosed
	if b.mode == modeCounted && int64(c.w-c.r) == b.left {
		c.r = c.w
		c.done(b.keep)
		return nil
	}
	c.done(false)
	return nil
}
