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
