// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"errors"
	"strconv"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/mux"
)

// Heads of answers use the static table and literals without indexing: the
// block of a head then depends on nothing but the head, so that it can be
// stored ready made, and no viewer can make the engine remember anything.
// Texts are not Huffman coded: bytes cost less than the work of packing them.

var errValue = errors.New("a field of the answer has control bytes")

// Indexes of the static table that are written by hand.
const (
	indexStatus = 8
	indexLength = 28
)

func appendStatus(b []byte, status int) []byte {
	switch status {
	case 200:
		return append(b, 0x80|8)
	case 204:
		return append(b, 0x80|9)
	case 206:
		return append(b, 0x80|10)
	case 304:
		return append(b, 0x80|11)
	case 400:
		return append(b, 0x80|12)
	case 404:
		return append(b, 0x80|13)
	case 500:
		return append(b, 0x80|14)
	}
	return append(b, indexStatus, 3, byte('0'+status/100%10), byte('0'+status/10%10), byte('0'+status%10))
}

func appendLength(b []byte, n int64) []byte {
	b = mux.AppendInt(b, 0, 4, indexLength)
	at := len(b)
	b = strconv.AppendInt(append(b, 0), n, 10)
	b[at] = byte(len(b) - at - 1)
	return b
}

// appendField writes one field, its name in lower case. Fields that HTTP/2
// does not have (RFC 9113 8.2.2) are left out.
func appendField(b []byte, f httpmsg.Field) ([]byte, error) {
	if !mux.CleanValue(f.Value) {
		return b, errValue
	}
	if i := staticName(f.Name); i != 0 {
		switch static[i].Kind {
		case mux.KindConnection, mux.KindLength, mux.KindTE: // Content-Length stands in the Response
			return b, nil
		}
		b = mux.AppendInt(b, 0, 4, i)
	} else {
		at := len(b)
		b = mux.AppendInt(b, 0, 4, 0)
		b = mux.AppendInt(b, 0, 7, len(f.Name))
		b = append(b, f.Name...)
		name := b[len(b)-len(f.Name):]
		for i, c := range name {
			if c-'A' < 26 {
				name[i] = c | 0x20
			}
		}
		switch mux.Classify(mux.View(name)) {
		case mux.KindBad:
			return b, errValue
		case mux.KindConnection, mux.KindTE:
			return b[:at], nil
		}
	}
	b = mux.AppendInt(b, 0, 7, len(f.Value))
	return append(b, f.Value...), nil
}

// appendHead writes the block of an answer's head; length < 0 leaves
// content-length out.
func appendHead(b []byte, rs *httpmsg.Response, length int64) ([]byte, error) {
	b = appendStatus(b, rs.Status)
	if length >= 0 {
		b = appendLength(b, length)
	}
	for i := range rs.Fixed {
		b = append(b, rs.Fixed[i].Block()...)
	}
	var err error
	for _, f := range rs.Header.Fields() {
		if b, err = appendField(b, f); err != nil {
			return b, err
		}
	}
	return b, nil
}
