// SPDX-License-Identifier: Apache-2.0

package runtimeapi

// The frames of Forelane's own clients, over a socket that the process
// inherits as file descriptor 3. One HTTP exchange costs a client in Node or
// Python more than everything else together; a frame costs next to nothing.
//
//	frame   = length (4 bytes, big endian, of all that follows) kind body
//	to the process:
//	  'I'  head length (4 bytes) head (JSON) payload
//	from the process:
//	  'N'  ready for the first call
//	  'R'  payload: the answer, and ready for the next
//	  'E'  error type, NUL, error object: failed, and ready for the next
//	  'X'  error type, NUL, error object: cannot start
//	  'S'  content type: the answer comes in pieces …
//	  'D'  piece
//	  'Z'  … and ends, ready for the next
//	  'F'  error type, NUL, error object: … and breaks off, ready for the next
//	  'U'  error type, NUL, error object: failed for good, the process ends

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"sync"
)

// maxFrame bounds what a process may say at once; more than MaxPayload is
// read and dropped.
const maxFrame = 1 << 30

// Frames is the frame side of one process.
type Frames struct {
	desk *Desk
	rw   io.ReadWriter

	mu  sync.Mutex // one frame at a time
	buf []byte
}

// NewFrames makes the frame side of a desk.
func NewFrames(d *Desk, rw io.ReadWriter) *Frames { return &Frames{desk: d, rw: rw} }

func (f *Frames) deliver(c *Call) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := append(f.buf[:0], 0, 0, 0, 0, 'I', 0, 0, 0, 0)
	b = append(b, `{"id":`...)
	b = appendString(b, c.ID)
	b = append(b, `,"deadline":`...)
	b = strconv.AppendInt(b, c.Deadline.UnixMilli(), 10)
	b = append(b, `,"arn":`...)
	b = appendString(b, c.ARN)
	if c.TraceID != "" {
		b = append(b, `,"trace":`...)
		b = appendString(b, c.TraceID)
	}
	if c.ClientContext != "" {
		b = append(b, `,"client":`...)
		b = appendString(b, c.ClientContext)
	}
	if c.Identity != "" {
		b = append(b, `,"identity":`...)
		b = appendString(b, c.Identity)
	}
	b = append(b, '}')
	binary.BigEndian.PutUint32(b[5:], uint32(len(b)-9))
	b = append(b, c.Payload...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	if cap(b) <= 1<<20 {
		f.buf = b
	}
	_, err := f.rw.Write(b)
	return err
}

// appendString writes s as a JSON string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			q, err := json.Marshal(s)
			if err != nil {
				q = []byte(`""`)
			}
			return append(b, q...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// Serve reads what the process says until it ends.
func (f *Frames) Serve() error {
	br := bufio.NewReaderSize(f.rw, 16<<10)
	var stream *relay
	for {
		kind, n, err := f.head(br)
		if err != nil {
			return err
		}
		if kind == 'D' && stream != nil {
			if _, err := io.CopyN(stream, br, n); err != nil {
				return fmt.Errorf("frame: %w", err)
			}
			continue
		}
		body, size, err := take(br, n)
		if err != nil {
			return err
		}
		stream = f.say(kind, body, size, stream)
	}
}

func (f *Frames) head(br *bufio.Reader) (kind byte, n int64, err error) {
	h, err := br.Peek(5)
	if err != nil {
		return 0, 0, err
	}
	n = int64(binary.BigEndian.Uint32(h)) - 1
	kind = h[4]
	if n < 0 || n > maxFrame {
		return 0, 0, fmt.Errorf("frame: length %d out of bounds", n)
	}
	_, err = br.Discard(5)
	return kind, n, err
}

// take reads a frame's body; of one that is too large only the size is kept.
func take(br *bufio.Reader, n int64) (body []byte, size int64, err error) {
	if n > MaxPayload {
		_, err = io.CopyN(io.Discard, br, n)
		return nil, n, err
	}
	body = make([]byte, n)
	_, err = io.ReadFull(br, body)
	return body, n, err
}

// say acts on one frame and returns the stream that is open after it.
func (f *Frames) say(kind byte, body []byte, size int64, stream *relay) *relay {
	switch kind {
	case 'N':
		f.desk.park(f)
	case 'R':
		if c, no := f.desk.claim(""); no == refuseNothing {
			f.desk.finish(c, Result{Payload: body, Size: size, TooLarge: size > MaxPayload}, f)
		}
	case 'E', 'U':
		if c, no := f.desk.claim(""); no == refuseNothing {
			again := port(f)
			if kind == 'U' {
				again = nil
			}
			f.desk.finish(c, failure(body), again)
		}
	case 'X':
		f.desk.failInit(failure(body))
	case 'S':
		if c, no := f.desk.claim(""); no == refuseNothing {
			return newRelay(f.desk, c, string(body))
		}
	case 'Z', 'F':
		if stream != nil {
			var failed *Result
			if kind == 'F' {
				r := failure(body)
				failed = &r
			}
			stream.close(failed, f)
		}
	default:
		return stream
	}
	return nil
}

func failure(body []byte) Result {
	typ, object, _ := bytes.Cut(body, []byte{0})
	return Result{Failed: true, ErrorType: string(typ), Payload: object}
}
