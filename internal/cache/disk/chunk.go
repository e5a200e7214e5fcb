// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"io"
)

// ErrDamaged is what a read meets whose bytes do not pass their checksum. The
// object is not found any more.
var ErrDamaged = errors.New("disk: checksum mismatch")

// chunks reads a body and lets no byte pass whose chunk was not verified.
type chunks struct {
	f     File
	base  int64 // where the body begins in f
	size  int64
	id    identity
	owner uint64                    // what the checksums start from
	sum   func(int) (uint32, error) // the checksum of chunk i

	buf  []byte // the chunk that was read last in part
	have int64  // its number + 1
}

func (c *chunks) readAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("disk: negative offset")
	}
	for n < len(p) && off < c.size {
		i := off / chunkLen
		lo := i * chunkLen
		length := min(c.size-lo, chunkLen)
		if off == lo && int64(len(p)-n) >= length {
			if err := c.load(p[n:n+int(length)], i); err != nil {
				return n, err
			}
			n += int(length)
			off += length
			continue
		}
		if c.have != i+1 {
			if c.buf == nil {
				c.buf = make([]byte, min(c.size, chunkLen))
			}
			c.have = 0
			if err := c.load(c.buf[:length], i); err != nil {
				return n, err
			}
			c.have = i + 1
		}
		k := copy(p[n:], c.buf[off-lo:length])
		n += k
		off += int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// load reads chunk i into b and verifies it.
func (c *chunks) load(b []byte, i int64) error {
	want, err := c.sum(int(i))
	if err != nil {
		return err
	}
	if err := fill(c.f, b, c.base+i*chunkLen); err != nil {
		return err
	}
	if c.id.sum(c.owner, int(i), b) != want {
		clear(b)
		return ErrDamaged
	}
	return nil
}

// fill reads all of b; a file that is too short is damaged.
func fill(f File, b []byte, off int64) error {
	n, err := f.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return ErrDamaged
	}
	return err
}
