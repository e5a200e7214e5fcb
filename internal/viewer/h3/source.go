// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"errors"
	"io"
)

// source reads one direction of a stream through a buffer. What was read of it
// by take stays where it is until keep or reset: texts of a request point there.
type source struct {
	from io.Reader
	buf  []byte
	r, w int
	end  bool // the viewer has ended the stream, buf has the rest
}

const firstRead = 2 << 10 // holds most heads

// fill reads what the stream has, at least one byte, or notes its end.
func (s *source) fill() error {
	if s.w == len(s.buf) {
		grown := make([]byte, max(firstRead, 2*len(s.buf)))
		copy(grown, s.buf[:s.w])
		s.buf = grown
	}
	n, err := s.from.Read(s.buf[s.w:])
	s.w += n
	if errors.Is(err, io.EOF) {
		s.end = true
		return nil
	}
	return err
}

// have is what is buffered and not taken.
func (s *source) have() []byte { return s.buf[s.r:s.w] }

// done tells that nothing is left and nothing comes.
func (s *source) done() bool { return s.end && s.r == s.w }

// take gives n bytes; io.ErrUnexpectedEOF when the stream ends before.
func (s *source) take(n int) ([]byte, error) {
	if s.r+n > len(s.buf) { // grow once, to what is needed
		grown := make([]byte, max(s.r+n, 2*len(s.buf)))
		copy(grown, s.buf[:s.w])
		s.buf = grown
	}
	for s.w-s.r < n {
		if s.end {
			return nil, io.ErrUnexpectedEOF
		}
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
	p := s.buf[s.r : s.r+n : s.r+n]
	s.r += n
	return p, nil
}

// varint reads an integer. io.EOF: the stream ended before its first byte.
func (s *source) varint() (uint64, error) {
	for {
		if v, n := readVarint(s.have()); n > 0 {
			s.r += n
			return v, nil
		}
		if s.end {
			if s.r == s.w {
				return 0, io.EOF
			}
			return 0, io.ErrUnexpectedEOF
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

// header reads type and length of a frame. io.EOF: there are no more frames.
func (s *source) header() (t frameType, length uint64, err error) {
	v, err := s.varint()
	if err != nil {
		return 0, 0, err
	}
	length, err = s.varint()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return frameType(v), length, err
}

// keep leaves what was taken to its users: what comes from now on goes to
// memory of its own.
func (s *source) keep() {
	rest := s.have()
	s.buf = append(make([]byte, 0, max(firstRead, len(rest))), rest...)
	s.buf = s.buf[:cap(s.buf)]
	s.r, s.w = 0, len(rest)
}

// rewind makes room again in a buffer that nobody's texts lie in.
func (s *source) rewind() {
	s.w = copy(s.buf, s.have())
	s.r = 0
}

// read gives up to len(p) bytes: what is buffered, or else of the stream itself.
func (s *source) read(p []byte) (int, error) {
	if s.r < s.w {
		n := copy(p, s.have())
		s.r += n
		return n, nil
	}
	if s.end {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := s.from.Read(p)
	if errors.Is(err, io.EOF) {
		s.end = true
		err = nil
		if n == 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// skip throws n bytes away.
func (s *source) skip(n uint64) error {
	for n > 0 {
		if s.r == s.w {
			if s.end {
				return io.ErrUnexpectedEOF
			}
			s.r, s.w = 0, 0
			if err := s.fill(); err != nil {
				return err
			}
		}
		step := min(n, uint64(s.w-s.r))
		s.r += int(step)
		n -= step
	}
	return nil
}
