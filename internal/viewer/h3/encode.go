// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"errors"
	"strconv"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/mux"
)

// Heads of answers are literals with names of the static table where it has
// them, as in room h2: no state, and bytes cost less than packing them.

var errValue = errors.New("h3: a field of the answer has control bytes")

const indexLength = 4 // content-length in the static table

// appendName begins a literal whose name stands in the static table.
func appendName(b []byte, index int) []byte { return mux.AppendInt(b, 0x50, 4, index) }

func appendText(b []byte, s string) []byte { return append(mux.AppendInt(b, 0, 7, len(s)), s...) }

func appendStatus(b []byte, status int) []byte {
	text := [3]byte{byte('0' + status/100%10), byte('0' + status/10%10), byte('0' + status%10)}
	if i, ok := statuses[string(text[:])]; ok {
		return mux.AppendInt(b, 0xc0, 6, i)
	}
	return append(append(appendName(b, names[":status"]), 3), text[:]...)
}

// appendField writes one field, its name in lower case. Fields that HTTP/3
// does not have (RFC 9114 4.2) are left out.
func appendField(b []byte, f httpmsg.Field) ([]byte, error) {
	if !mux.CleanValue(f.Value) {
		return b, errValue
	}
	at := len(b)
	b = mux.AppendInt(b, 0x20, 3, len(f.Name))
	from := len(b)
	b = append(b, f.Name...)
	name := b[from:]
	for i, c := range name {
		if c-'A' < 26 {
			name[i] = c | 0x20
		}
	}
	kind := mux.KindPlain
	i, known := names[string(name)]
	if known {
		kind = static[i].Kind
	} else {
		kind = mux.Classify(mux.View(name))
	}
	switch kind {
	case mux.KindConnection, mux.KindLength, mux.KindTE: // Content-Length stands in the Response
		return b[:at], nil
	case mux.KindBad, mux.KindMethod, mux.KindScheme, mux.KindAuthority, mux.KindPath, mux.KindProtocol:
		return b[:at], errValue
	}
	if known {
		b = appendName(b[:at], i)
	}
	return appendText(b, f.Value), nil
}

// appendSection writes the field section of an answer's head; length < 0
// leaves content-length out.
func appendSection(b []byte, rs *httpmsg.Response, length int64) ([]byte, error) {
	b = append(b, 0, 0)
	b = appendStatus(b, rs.Status)
	if length >= 0 {
		var room [20]byte
		digits := strconv.AppendInt(room[:0], length, 10)
		b = append(append(appendName(b, indexLength), byte(len(digits))), digits...)
	}
	var err error
	for f := range rs.Fields() {
		if b, err = appendField(b, f); err != nil {
			return b, err
		}
	}
	return b, nil
}

// appendHead writes a HEADERS frame. Its length is told in two bytes, which
// are put in when the section is there: heads are far smaller than 16 KB; one
// that is not is moved.
func appendHead(b []byte, rs *httpmsg.Response, length int64) ([]byte, error) {
	at := len(b)
	b = append(b, byte(frameHeaders), 0, 0)
	from := len(b)
	b, err := appendSection(b, rs, length)
	if err != nil {
		return b[:at], err
	}
	n := len(b) - from
	if n < 1<<14 {
		b[at+1], b[at+2] = byte(n>>8)|0x40, byte(n)
		return b, nil
	}
	section := append([]byte(nil), b[from:]...)
	return append(appendFrame(b[:at], frameHeaders, n), section...), nil
}
