// SPDX-License-Identifier: Apache-2.0

// Package geotest writes small databases in MaxMind's format for tests: prefixes
// and what is known of them. The form is that of the MaxMind DB specification,
// version 2.0: a tree of nodes of two records of 24 bits, sixteen zero bytes, the
// data, a mark, the metadata.
package geotest

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
)

// Map is an object of a record: values are Map, []Map, string, float64, uint32.
type Map map[string]any

// Write makes a database of what is known by prefix (IPv4 and IPv6).
func Write(records map[string]Map) []byte {
	tree := []node{{}}
	var data []byte
	for _, text := range slices.Sorted(maps.Keys(records)) {
		p := netip.MustParsePrefix(text)
		at := uint32(len(data))
		data = appendValue(data, records[text])
		insert(&tree, p, at)
	}
	n := uint32(len(tree))
	var out []byte
	for _, nd := range tree {
		for _, r := range nd {
			v := n // nothing
			switch {
			case r.leaf:
				v = n + 16 + r.value
			case r.value != 0:
				v = r.value
			}
			out = append(out, byte(v>>16), byte(v>>8), byte(v))
		}
	}
	out = append(out, make([]byte, 16)...)
	out = append(out, data...)
	out = append(out, "\xab\xcd\xefMaxMind.com"...)
	return appendValue(out, Map{
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0), "build_epoch": uint64(1),
		"database_type": "Test", "description": Map{"en": "test"}, "ip_version": uint16(6), "languages": []string{"en"},
		"node_count": n, "record_size": uint16(24),
	})
}

type record struct {
	value uint32 // a node, or with leaf an offset into the data
	leaf  bool
}

type node [2]record

// insert puts a prefix into the tree; IPv4 lies below ::/96.
func insert(tree *[]node, p netip.Prefix, data uint32) {
	bits := p.Bits()
	var addr [16]byte
	if p.Addr().Is4() {
		a := p.Addr().As4()
		copy(addr[12:], a[:])
		bits += 96
	} else {
		addr = p.Addr().As16()
	}
	at := uint32(0)
	for i := range bits {
		bit := addr[i/8] >> (7 - i%8) & 1
		if i == bits-1 {
			(*tree)[at][bit] = record{data, true}
			return
		}
		if (*tree)[at][bit].value == 0 || (*tree)[at][bit].leaf {
			*tree = append(*tree, node{})
			(*tree)[at][bit] = record{value: uint32(len(*tree) - 1)}
		}
		at = (*tree)[at][bit].value
	}
}

// Types of the format.
const (
	typeString = 2
	typeDouble = 3
	typeUint16 = 5
	typeUint32 = 6
	typeMap    = 7
	typeUint64 = 9
	typeArray  = 11
)

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case Map:
		b = appendControl(b, typeMap, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			b = appendValue(appendValue(b, k), v[k])
		}
	case []Map:
		b = appendControl(b, typeArray, len(v))
		for _, one := range v {
			b = appendValue(b, one)
		}
	case []string:
		b = appendControl(b, typeArray, len(v))
		for _, one := range v {
			b = appendValue(b, one)
		}
	case string:
		b = append(appendControl(b, typeString, len(v)), v...)
	case float64:
		b = binary.BigEndian.AppendUint64(appendControl(b, typeDouble, 8), math.Float64bits(v))
	case uint16:
		b = binary.BigEndian.AppendUint16(appendControl(b, typeUint16, 2), v)
	case uint32:
		b = binary.BigEndian.AppendUint32(appendControl(b, typeUint32, 4), v)
	case uint64:
		b = binary.BigEndian.AppendUint64(appendControl(b, typeUint64, 8), v)
	default:
		panic(fmt.Sprintf("geotest: %T", v))
	}
	return b
}

func appendControl(b []byte, kind, size int) []byte {
	if size > 28 {
		panic("geotest: larger than the short form takes")
	}
	if kind <= 7 {
		return append(b, byte(kind<<5|size))
	}
	return append(b, byte(size), byte(kind-7))
}
