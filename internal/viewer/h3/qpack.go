// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"errors"

	"github.com/forelane/forelane/internal/viewer/mux"
)

// Field sections (RFC 9204 4.5) that use the static table only. Our SETTINGS
// allow no dynamic table, so a section that refers to one is an error, and
// none depends on what another stream brought.
//
//	00 00          required insert count 0, base 0
//	d1             :method GET      1 T=1 index 17
//	50 01 61       :authority a     01 N=0 T=1 index 0, then the value
//	21 78 01 79    x: y             001 N=0 H=0 length 1, then the value

var (
	errDynamic = errors.New("qpack: refers to a dynamic table, which was not offered")
	errIndex   = errors.New("qpack: no such table entry")
	errText    = errors.New("qpack: text cut off or wrongly coded")
)

// decoder decodes field sections. The texts that its sink is given live as
// long as the section and text.
type decoder struct {
	text []byte    // decoded Huffman texts
	lit  mux.Field // the literal being read
}

// decode reads one whole section into to.
func (d *decoder) decode(b []byte, to *mux.Head) error {
	count, b, err := mux.ReadInt(b, 8)
	if err != nil {
		return err
	}
	if count != 0 {
		return errDynamic
	}
	if len(b) > 0 && b[0]&0x80 != 0 { // a negative base
		return errDynamic
	}
	if _, b, err = mux.ReadInt(b, 7); err != nil {
		return err
	}
	d.text = d.text[:0]
	for len(b) > 0 {
		var e *mux.Field
		if e, b, err = d.line(b); err != nil {
			return err
		}
		to.Field(e)
	}
	return nil
}

// line reads one field line; the field is only lent.
func (d *decoder) line(b []byte) (_ *mux.Field, rest []byte, err error) {
	e := &d.lit
	switch c := b[0]; {
	case c&0x80 != 0: // indexed
		var of *mux.Field
		if of, b, err = entry(b, 6, c&0x40 != 0); err != nil {
			return nil, b, err
		}
		return of, b, nil
	case c&0x40 != 0: // literal with the name of an entry
		var of *mux.Field
		if of, b, err = entry(b, 4, c&0x10 != 0); err != nil {
			return nil, b, err
		}
		e.Name, e.Kind = of.Name, of.Kind
	case c&0x20 != 0: // literal
		if e.Name, b, err = d.string(b, 3); err != nil {
			return nil, b, err
		}
		e.Kind = mux.Classify(e.Name)
	default: // post-base
		return nil, b, errDynamic
	}
	e.Value, b, err = d.string(b, 7)
	e.Clean = mux.ValidValue(e.Value)
	return e, b, err
}

// entry reads an index of the static table.
func entry(b []byte, prefix int, ours bool) (*mux.Field, []byte, error) {
	i, b, err := mux.ReadInt(b, prefix)
	switch {
	case err != nil:
		return nil, b, err
	case !ours:
		return nil, b, errDynamic
	case i >= staticSize:
		return nil, b, errIndex
	}
	return &static[i], b, nil
}

// string reads a text whose length has a prefix of so many bits, the Huffman
// flag before them. What is not Huffman coded points into b.
func (d *decoder) string(b []byte, prefix int) (string, []byte, error) {
	if len(b) == 0 {
		return "", b, errText
	}
	coded := b[0]&(1<<prefix) != 0
	n, b, err := mux.ReadInt(b, prefix)
	if err != nil || n > len(b) {
		return "", b, errText
	}
	raw, b := b[:n], b[n:]
	if !coded {
		return mux.View(raw), b, nil
	}
	at := len(d.text)
	text, ok := mux.AppendHuffman(d.text, raw)
	if !ok {
		return "", b, errText
	}
	d.text = text
	return mux.View(text[at:]), b, nil
}
