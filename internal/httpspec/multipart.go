// SPDX-License-Identifier: Apache-2.0

package httpspec

// Multipart is the framing of a multipart/byteranges body (RFC 9110 14.6):
// several ranges of one representation, in the order of Spans. Example, with
// the boundary B, of "hello":
//
//	--B
//	Content-Type: text/plain
//	Content-Range: bytes 0-0/5
//
//	h
//	--B
//	Content-Type: text/plain
//	Content-Range: bytes 2-3/5
//
//	ll
//	--B--
type Multipart struct {
	// Boundary must not occur in the representation: a long random text.
	Boundary string
	// Type is the representation's Content-Type; "" is left out.
	Type string
	// Size is the representation's length.
	Size  int64
	Spans []Span
}

// ContentType is that of the whole answer.
func (m *Multipart) ContentType() string { return "multipart/byteranges; boundary=" + m.Boundary }

// AppendHead appends what stands before part i.
func (m *Multipart) AppendHead(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, "\r\n"...)
	}
	b = append(append(append(b, "--"...), m.Boundary...), "\r\n"...)
	if m.Type != "" {
		b = append(append(append(b, "Content-Type: "...), m.Type...), "\r\n"...)
	}
	b = AppendContentRange(append(b, "Content-Range: "...), m.Spans[i], m.Size)
	return append(b, "\r\n\r\n"...)
}

// AppendEnd appends what stands behind the last part.
func (m *Multipart) AppendEnd(b []byte) []byte {
	return append(append(append(b, "\r\n--"...), m.Boundary...), "--\r\n"...)
}

// Length is that of the whole body.
func (m *Multipart) Length() int64 {
	var room []byte
	n := int64(len(m.AppendEnd(nil)))
	for i, s := range m.Spans {
		room = m.AppendHead(room[:0], i)
		n += int64(len(room)) + s.Len()
	}
	return n
}

// Cutter makes the body of a Multipart from the representation, which is given
// to it piece by piece from the first byte of the first span on. Spans ascend
// and do not overlap. Example, ranges 0-0 and 2-3 of "hello": from "hell" are
// written head 0, "h", head 1, "ll", end; "e" lies in no range.
type Cutter struct {
	Multipart

	at   int64 // position behind the first span's first byte
	next int   // the span that at is in, or comes next
	open bool  // the head of next is written
}

// Write passes on what of b lies in ranges, with what stands between them.
func (c *Cutter) Write(b []byte, put func([]byte) error) error {
	for len(b) > 0 && c.next < len(c.Spans) {
		s, at := c.Spans[c.next], c.Spans[0].First+c.at
		if skip := min(s.First-at, int64(len(b))); skip > 0 {
			c.at, b = c.at+skip, b[skip:]
			continue
		}
		if !c.open {
			c.open = true
			if err := put(c.AppendHead(nil, c.next)); err != nil {
				return err
			}
		}
		n := min(s.Last+1-at, int64(len(b)))
		if err := put(b[:n]); err != nil {
			return err
		}
		if c.at, b = c.at+n, b[n:]; at+n <= s.Last {
			continue
		}
		if c.next, c.open = c.next+1, false; c.next == len(c.Spans) {
			return put(c.AppendEnd(nil))
		}
	}
	return nil
}
