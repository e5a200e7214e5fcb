// SPDX-License-Identifier: Apache-2.0

// A body is parsed once into a flat list of nodes in document order: a node
// says where its bytes are and which node comes after everything in it.
//
//	{"a":[1,2]}      0 object [0,11) after 5
//	                 1 string "a"    (a member's name, then its value)
//	                 2 array  [5,10) after 5
//	                 3 number 1, 4 number 2
//
// 16 bytes a value, no maps, no copies of text: a body of 10 MB that is all
// brackets and digits costs 80 MB and not a gigabyte.

package schema

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep a body may be nested.
const maxDepth = 1000

type node struct {
	start, end uint32 // of its bytes
	after      uint32 // the next node that is not in this one
	kind       types  // one bit
}

// document is a parsed body.
type document struct {
	data  []byte
	nodes []node
	pos   int
}

// guess is how many values there are at most, up to a number that costs 4 MB:
// each but the first follows one of four characters.
func (d *document) guess() int {
	n := 1
	for _, c := range []byte(",:[{") {
		n += bytes.Count(d.data, []byte{c})
	}
	return min(n, 1<<18)
}

var errJSON = errors.New("the body is no JSON")

// parse reads all of data.
func (d *document) parse() error {
	if uint64(len(d.data)) > 1<<31 {
		return fmt.Errorf("%w: too long", errJSON)
	}
	d.space()
	if err := d.value(0); err != nil {
		return err
	}
	if d.space(); d.pos != len(d.data) {
		return fmt.Errorf("%w: something follows it at byte %d", errJSON, d.pos)
	}
	return nil
}

func (d *document) space() {
	for d.pos < len(d.data) {
		switch d.data[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

// next is the byte at the position, 0 at the end.
func (d *document) next() byte {
	if d.pos < len(d.data) {
		return d.data[d.pos]
	}
	return 0
}

func (d *document) wrong() error {
	return fmt.Errorf("%w at byte %d", errJSON, d.pos)
}

// value reads one value; white space before it has been read.
func (d *document) value(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w of at most %d levels", errJSON, maxDepth)
	}
	i := len(d.nodes)
	d.nodes = append(d.nodes, node{start: uint32(d.pos)})
	var kind types
	var err error
	switch c := d.next(); {
	case c == '{':
		kind, err = typeObject, d.members(depth)
	case c == '[':
		kind, err = typeArray, d.elements(depth)
	case c == '"':
		kind, err = typeString, d.text()
	case c == '-' || c >= '0' && c <= '9':
		kind, err = d.number()
	case c == 't':
		kind, err = typeBoolean, d.word("true")
	case c == 'f':
		kind, err = typeBoolean, d.word("false")
	case c == 'n':
		kind, err = typeNull, d.word("null")
	default:
		err = d.wrong()
	}
	n := &d.nodes[i]
	n.kind, n.end, n.after = kind, uint32(d.pos), uint32(len(d.nodes))
	return err
}

func (d *document) word(w string) error {
	if len(d.data)-d.pos < len(w) || string(d.data[d.pos:d.pos+len(w)]) != w {
		return d.wrong()
	}
	d.pos += len(w)
	return nil
}

func (d *document) members(depth int) error {
	d.pos++
	if d.space(); d.next() == '}' {
		d.pos++
		return nil
	}
	for {
		if d.next() != '"' {
			return d.wrong()
		}
		if err := d.value(depth + 1); err != nil {
			return err
		}
		if d.space(); d.next() != ':' {
			return d.wrong()
		}
		d.pos++
		d.space()
		if err := d.value(depth + 1); err != nil {
			return err
		}
		if done, err := d.comma('}'); done || err != nil {
			return err
		}
	}
}

func (d *document) elements(depth int) error {
	d.pos++
	if d.space(); d.next() == ']' {
		d.pos++
		return nil
	}
	for {
		if err := d.value(depth + 1); err != nil {
			return err
		}
		if done, err := d.comma(']'); done || err != nil {
			return err
		}
	}
}

// comma reads what follows a member or an element.
func (d *document) comma(end byte) (done bool, err error) {
	d.space()
	switch d.next() {
	case ',':
		d.pos++
		d.space()
		return false, nil
	case end:
		d.pos++
		return true, nil
	}
	return false, d.wrong()
}

func (d *document) text() error {
	for d.pos++; d.pos < len(d.data); d.pos++ {
		switch c := d.data[d.pos]; {
		case c == '"':
			d.pos++
			return nil
		case c < ' ':
			return d.wrong()
		case c == '\\':
			d.pos++
			switch d.next() {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if _, ok := hex4(d.data[d.pos+1:]); !ok {
					return d.wrong()
				}
				d.pos += 4
			default:
				return d.wrong()
			}
		}
	}
	return d.wrong()
}

func (d *document) digits() bool {
	from := d.pos
	for c := d.next(); c >= '0' && c <= '9'; c = d.next() {
		d.pos++
	}
	return d.pos > from
}

// number reads a number. One that is written without point and exponent is an
// integer in draft 4, and 1.0 is none.
func (d *document) number() (types, error) {
	kind := typeInteger
	if d.next() == '-' {
		d.pos++
	}
	if zero := d.next() == '0'; zero {
		d.pos++
	} else if !d.digits() {
		return 0, d.wrong()
	}
	if d.next() == '.' {
		d.pos++
		kind = typeNumber
		if !d.digits() {
			return 0, d.wrong()
		}
	}
	if d.next()|0x20 == 'e' {
		d.pos++
		kind = typeNumber
		if c := d.next(); c == '+' || c == '-' {
			d.pos++
		}
		if !d.digits() {
			return 0, d.wrong()
		}
	}
	return kind, nil
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[:4]), 16, 16)
	return rune(n), err == nil
}

// raw are a node's bytes.
func (d *document) raw(i uint32) []byte { return d.data[d.nodes[i].start:d.nodes[i].end] }

// decoded is the text of a string node. What is no UTF-8 becomes U+FFFD.
func (d *document) decoded(i uint32) string {
	b := d.raw(i)
	b = b[1 : len(b)-1]
	if !slices.Contains(b, '\\') && utf8.Valid(b) {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		if b[0] != '\\' {
			r, n := utf8.DecodeRune(b)
			out, b = utf8.AppendRune(out, r), b[n:]
			continue
		}
		c := b[1]
		b = b[2:]
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r, _ := hex4(b)
			b = b[4:]
			if len(b) >= 6 && b[0] == '\\' && b[1] == 'u' && utf16.IsSurrogate(r) {
				low, _ := hex4(b[2:])
				if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
					r, b = pair, b[6:]
				}
			}
			out = utf8.AppendRune(out, r) // half a surrogate pair is U+FFFD
			continue
		}
		out = append(out, c)
	}
	return string(out)
}

// canonical appends a value so that equal values have equal bytes: members
// sorted by name, numbers by their value.
func (d *document) canonical(b []byte, i uint32) []byte {
	n := d.nodes[i]
	switch n.kind {
	case typeInteger, typeNumber:
		return parseDecimal(d.raw(i)).appendTo(append(b, '#'))
	case typeString:
		return strconv.AppendQuote(b, d.decoded(i))
	case typeArray:
		b = append(b, '[')
		for c := i + 1; c < n.after; c = d.nodes[c].after {
			b = append(d.canonical(b, c), ',')
		}
		return append(b, ']')
	case typeObject:
		type member struct {
			name string
			at   uint32
		}
		var members []member
		for c := i + 1; c < n.after; c = d.nodes[c+1].after {
			members = append(members, member{d.decoded(c), c + 1})
		}
		slices.SortStableFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
		b = append(b, '{')
		for k, m := range members {
			if k+1 < len(members) && members[k+1].name == m.name {
				continue // a name that stands twice has its last value
			}
			b = append(strconv.AppendQuote(b, m.name), ':')
			b = append(d.canonical(b, m.at), ',')
		}
		return append(b, '}')
	}
	return append(b, d.raw(i)...)
}
