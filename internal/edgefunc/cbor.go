// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// A little of CBOR (RFC 8949), what web tokens are made of: integers, texts,
// byte strings, arrays, maps with keys that are integers or texts, floats and
// simple values, of definite length. Keys are texts here: 4 and "4" are one,
// and a map that has both is refused, as is anything that could be read in two
// ways. Depth and size are bounded: tokens come from viewers.

const maxCBORDepth = 16

// Values: int64, float64, string, []byte, bool, nil, []any, *cborMap, cborTag.
type (
	cborMap struct {
		keys   []string
		values []any
	}
	cborTag struct {
		number uint64
		value  any
	}
)

func (m *cborMap) get(key string) (any, bool) {
	for i, k := range m.keys {
		if k == key {
			return m.values[i], true
		}
	}
	return nil, false
}

var (
	errCBORShort = errors.New("it ends too early")
	errCBORForm  = errors.New("it is encoded in a form that is not supported")
)

// decodeCBOR reads one value that is all of b.
func decodeCBOR(b []byte) (any, error) {
	d := cborReader{b}
	v, err := d.value(0)
	if err == nil && len(d.rest) > 0 {
		err = errors.New("there is something behind its end")
	}
	return v, err
}

type cborReader struct{ rest []byte }

func (d *cborReader) take(n uint64) ([]byte, error) {
	if n > uint64(len(d.rest)) {
		return nil, errCBORShort
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b, nil
}

// head reads major type, the five bits behind it, and the number that they say.
func (d *cborReader) head() (major, info byte, n uint64, err error) {
	b, err := d.take(1)
	if err != nil {
		return 0, 0, 0, err
	}
	major, info = b[0]>>5, b[0]&31
	if info < 24 {
		return major, info, uint64(info), nil
	}
	if info > 27 { // reserved, or an indefinite length
		return 0, 0, 0, errCBORForm
	}
	if b, err = d.take(1 << (info - 24)); err != nil {
		return 0, 0, 0, err
	}
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return major, info, n, nil
}

func (d *cborReader) value(depth int) (any, error) {
	if depth > maxCBORDepth {
		return nil, errors.New("it is too deep")
	}
	major, info, n, err := d.head()
	if err != nil {
		return nil, err
	}
	switch major {
	case 0, 1:
		if n >= 1<<53 { // more than JavaScript's numbers hold
			return nil, errCBORForm
		}
		if major == 1 {
			return -1 - int64(n), nil
		}
		return int64(n), nil
	case 2:
		return d.take(n)
	case 3:
		b, err := d.take(n)
		if err == nil && !utf8.Valid(b) {
			err = errCBORForm
		}
		return string(b), err
	case 4:
		return d.array(n, depth)
	case 5:
		return d.fields(n, depth)
	case 6:
		v, err := d.value(depth + 1)
		return cborTag{n, v}, err
	}
	return simpleCBOR(info, n)
}

func (d *cborReader) array(n uint64, depth int) (any, error) {
	if n > uint64(len(d.rest)) { // each has a byte at least
		return nil, errCBORShort
	}
	list := make([]any, n)
	for i := range list {
		var err error
		if list[i], err = d.value(depth + 1); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (d *cborReader) fields(n uint64, depth int) (any, error) {
	if n > uint64(len(d.rest))/2 {
		return nil, errCBORShort
	}
	m := &cborMap{}
	for range n {
		k, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		key := ""
		switch k := k.(type) {
		case int64:
			key = strconv.FormatInt(k, 10)
		case string:
			key = k
		default:
			return nil, errCBORForm
		}
		if _, twice := m.get(key); twice {
			return nil, fmt.Errorf("key %q stands there twice", clip(key, 30))
		}
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		m.keys, m.values = append(m.keys, key), append(m.values, v)
	}
	return m, nil
}

func simpleCBOR(info byte, n uint64) (any, error) {
	switch info {
	case 20, 21:
		return info == 21, nil
	case 22, 23: // null, undefined
		return nil, nil
	case 25:
		return halfFloat(uint16(n)), nil
	case 26:
		return float64(math.Float32frombits(uint32(n))), nil
	case 27:
		return math.Float64frombits(n), nil
	}
	return nil, errCBORForm
}

// halfFloat reads RFC 8949's binary16 (appendix D).
func halfFloat(h uint16) float64 {
	exp, mant := int(h>>10)&31, float64(h&1023)
	var v float64
	switch exp {
	case 0:
		v = math.Ldexp(mant, -24)
	case 31:
		if v = math.Inf(1); mant != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(mant+1024, exp-25)
	}
	if h&0x8000 != 0 {
		return -v
	}
	return v
}

func appendCBORHead(b []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

// appendCBOR writes a value. Keys that look like integers are integers.
func appendCBOR(b []byte, v any) []byte {
	switch v := v.(type) {
	case int64:
		if v < 0 {
			return appendCBORHead(b, 1, uint64(-1-v))
		}
		return appendCBORHead(b, 0, uint64(v))
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 7<<5|27), math.Float64bits(v))
	case string:
		return append(appendCBORHead(b, 3, uint64(len(v))), v...)
	case []byte:
		return append(appendCBORHead(b, 2, uint64(len(v))), v...)
	case bool:
		if v {
			return append(b, 7<<5|21)
		}
		return append(b, 7<<5|20)
	case []any:
		b = appendCBORHead(b, 4, uint64(len(v)))
		for _, x := range v {
			b = appendCBOR(b, x)
		}
		return b
	case *cborMap:
		b = appendCBORHead(b, 5, uint64(len(v.keys)))
		for i, k := range v.keys {
			b = appendCBOR(appendCBOR(b, cborKey(k)), v.values[i])
		}
		return b
	case cborTag:
		return appendCBOR(appendCBORHead(b, 6, v.number), v.value)
	}
	return append(b, 7<<5|22)
}

// cborKey is an integer when that is what the text is, as it is written.
func cborKey(k string) any {
	if n, err := strconv.ParseInt(k, 10, 54); err == nil && strconv.FormatInt(n, 10) == k {
		return n
	}
	return k
}
