// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"errors"
	"strings"

	"github.com/forelane/forelane/internal/viewer/mux"
)

// tableSize is the size of the dynamic table that viewers may use: the
// default of RFC 9113 6.5.2, so that it needs no announcement.
const tableSize = 4096

// entryCost is what an entry counts beside its texts (RFC 7541 4.1).
const entryCost = 32

var (
	errIndex    = errors.New("hpack: no such table entry")
	errString   = errors.New("hpack: string cut off or wrongly coded")
	errSizeLate = errors.New("hpack: table size update after a field, or larger than allowed")
)

// sink takes the fields of one block. What it is pointed to is only lent.
type sink interface{ Field(e *mux.Field) }

// decoder decodes header blocks (RFC 7541) into a sink. The zero decoder is
// not usable: newDecoder.
//
// The texts that the sink is given live until the next decode: they point
// into the block, into text, or are entries of a table.
type decoder struct {
	ring    []mux.Field // the dynamic table; its length is a power of two
	newest  int         // place of the newest entry in ring
	n       int         // entries
	size    int         // their cost
	maximum int         // what the viewer has set by a size update
	text    []byte      // decoded Huffman texts of this block
	lit     mux.Field   // the literal being read
}

func newDecoder() decoder { return decoder{maximum: tableSize} }

// decode reads one whole block. After an error the tables of both ends
// differ: the connection is lost (COMPRESSION_ERROR).
func (d *decoder) decode(b []byte, to sink) error {
	d.text = d.text[:0]
	updates, fields := 0, false
	lit := &d.lit // not on the stack: it would escape into the sink
	for len(b) > 0 {
		var err error
		switch c := b[0]; {
		case c&0x80 != 0: // indexed
			var i int
			if i, b, err = mux.ReadInt(b, 7); err != nil {
				return err
			}
			e := d.at(i)
			if e == nil {
				return errIndex
			}
			to.Field(e)
		case c&0xe0 == 0x20: // size update
			var size int
			if size, b, err = mux.ReadInt(b, 5); err != nil {
				return err
			}
			if updates++; fields || updates > 2 || size > tableSize {
				return errSizeLate
			}
			d.maximum = size
			d.evict(size)
			continue
		default:
			indexed, prefix := c&0x40 != 0, 4
			if indexed {
				prefix = 6
			}
			if b, err = d.literal(b, prefix, lit); err != nil {
				return err
			}
			to.Field(lit)
			if indexed {
				d.add(*lit)
			}
		}
		fields = true
	}
	return nil
}

// literal reads a literal field whose name has an index of prefix bits.
func (d *decoder) literal(b []byte, prefix int, e *mux.Field) ([]byte, error) {
	i, b, err := mux.ReadInt(b, prefix)
	if err != nil {
		return b, err
	}
	if i != 0 {
		of := d.at(i)
		if of == nil {
			return b, errIndex
		}
		e.Name, e.Kind = of.Name, of.Kind
	} else {
		if e.Name, b, err = d.string(b); err != nil {
			return b, err
		}
		e.Kind = mux.Classify(e.Name)
	}
	e.Value, b, err = d.string(b)
	e.Clean = mux.ValidValue(e.Value)
	return b, err
}

// string reads a string literal. A text that is not Huffman coded points into b.
func (d *decoder) string(b []byte) (string, []byte, error) {
	if len(b) == 0 {
		return "", b, errString
	}
	coded := b[0]&0x80 != 0
	n, b, err := mux.ReadInt(b, 7)
	if err != nil || n > len(b) {
		return "", b, errString
	}
	raw, b := b[:n], b[n:]
	if !coded {
		return mux.View(raw), b, nil
	}
	at := len(d.text)
	text, ok := mux.AppendHuffman(d.text, raw)
	if !ok {
		return "", b, errString
	}
	d.text = text
	return mux.View(text[at:]), b, nil
}

// at is the entry of an index, nil when there is none.
func (d *decoder) at(i int) *mux.Field {
	if i <= staticSize {
		if i <= 0 {
			return nil
		}
		return &static[i]
	}
	if i -= staticSize + 1; i >= d.n {
		return nil
	}
	return &d.ring[(d.newest-i)&(len(d.ring)-1)]
}

// add enters a field as the newest one, with texts of its own: it is the one
// place of the decoder that allocates.
func (d *decoder) add(e mux.Field) {
	cost := len(e.Name) + len(e.Value) + entryCost
	if cost > d.maximum {
		d.evict(0) // RFC 7541 4.4: not an error
		return
	}
	if i := staticName(e.Name); i != 0 && static[i].Name == e.Name {
		e.Name = static[i].Name
	} else {
		e.Name = strings.Clone(e.Name)
	}
	e.Value = strings.Clone(e.Value)
	d.evict(d.maximum - cost)
	if d.n == len(d.ring) {
		d.grow()
	}
	d.newest = (d.newest + 1) & (len(d.ring) - 1)
	d.ring[d.newest] = e
	d.n, d.size = d.n+1, d.size+cost
}

// evict drops the oldest entries until the rest costs no more than room.
func (d *decoder) evict(room int) {
	for d.size > room {
		oldest := &d.ring[(d.newest-d.n+1)&(len(d.ring)-1)]
		d.size -= len(oldest.Name) + len(oldest.Value) + entryCost
		*oldest = mux.Field{}
		d.n--
	}
}

// grow doubles the ring. 128 places are enough for every table of tableSize.
func (d *decoder) grow() {
	ring := make([]mux.Field, max(8, 2*len(d.ring)))
	for i := range d.n {
		ring[d.n-1-i] = *d.at(staticSize + 1 + i)
	}
	d.ring, d.newest = ring, d.n-1
	if d.n == 0 {
		d.newest = len(ring) - 1
	}
}
