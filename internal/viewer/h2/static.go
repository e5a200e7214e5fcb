// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"encoding/binary"
	"unsafe"

	"github.com/forelane/forelane/internal/httpmsg"

	"golang.org/x/net/http2/hpack"
)

// staticSize is the number of entries of the static table (RFC 7541 A).
const staticSize = 61

// kind is what a field name means to the engine.
type kind uint8

const (
	kindPlain kind = iota
	kindMethod
	kindScheme
	kindAuthority
	kindPath
	kindProtocol
	kindHost
	kindCookie
	kindLength     // content-length
	kindTE         // only trailers is allowed (RFC 9113 8.2.2)
	kindPriority   // RFC 9218
	kindExpect     // 100-continue
	kindConnection // connection-specific: the message is malformed
	kindBad        // no lower-case token, or an unknown pseudo-field
)

// entry is one field of a table, with what is known about it.
type entry struct {
	name, value string
	kind        kind
	clean       bool // the value has been checked
}

// static is the static table; its first index is 1.
var static = func() (t [staticSize + 1]entry) {
	i := 0
	d := hpack.NewDecoder(0, func(f hpack.HeaderField) {
		t[i] = entry{f.Name, f.Value, classify(f.Name), true}
	})
	for i = 1; i <= staticSize; i++ {
		if _, err := d.Write([]byte{0x80 | byte(i)}); err != nil {
			return t // the tests would see an empty entry
		}
	}
	return t
}()

// classify is the kind of a name.
func classify(name string) kind {
	switch name {
	case ":method":
		return kindMethod
	case ":scheme":
		return kindScheme
	case ":authority":
		return kindAuthority
	case ":path":
		return kindPath
	case ":protocol":
		return kindProtocol
	case "host":
		return kindHost
	case "cookie":
		return kindCookie
	case "content-length":
		return kindLength
	case "te":
		return kindTE
	case "priority":
		return kindPriority
	case "expect":
		return kindExpect
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
		return kindConnection
	}
	if name == "" {
		return kindBad
	}
	for i := 0; i < len(name); i++ {
		if !lowerToken[name[i]] {
			return kindBad
		}
	}
	return kindPlain
}

// lowerToken has true for the bytes of a field name in HTTP/2: a token
// without upper-case letters (RFC 9113 8.2.1).
var lowerToken = func() (t [256]bool) {
	for _, c := range "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()

// The names of the static table by hash, for encoding: a chain of at most
// four places from the hash on, 0 ends it.
const nameSlots = 256

var staticNames = func() (t [nameSlots + 64]uint8) {
	for i := staticSize; i > 0; i-- {
		name := static[i].name
		if name == "" || name == static[i-1].name { // the first index of a name
			continue
		}
		slot := nameHash(name)
		for t[slot] != 0 {
			slot++
		}
		t[slot] = uint8(i)
	}
	return t
}()

func nameHash(name string) int {
	n := len(name)
	first, middle, last := name[0]|0x20, name[n/2]|0x20, name[n-1]|0x20
	return (n*31 + int(first)*7 + int(middle)*17 + int(last)*3) % nameSlots
}

// staticName is the first index of a name in the static table, whatever its
// case, or 0.
func staticName(name string) int {
	if name == "" {
		return 0
	}
	for slot := nameHash(name); staticNames[slot] != 0; slot++ {
		if i := int(staticNames[slot]); httpmsg.EqualFold(static[i].name, name) {
			return i
		}
	}
	return 0
}

// cleanValue tells whether v can be the value of a field (RFC 9110 5.5): no
// control byte but tab. White space at the ends is another matter. Eight bytes
// are looked at together; a word that may have such a byte is looked at again.
func cleanValue(v string) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	b := unsafe.Slice(unsafe.StringData(v), len(v))
	for len(b) >= 8 {
		x := binary.LittleEndian.Uint64(b)
		del := x ^ ones*0x7f
		if ((x-ones*' ')&^x|(del-ones)&^del)&tops != 0 && !cleanBytes(b[:8]) {
			return false
		}
		b = b[8:]
	}
	return cleanBytes(b)
}

func cleanBytes(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// validValue is cleanValue that also refuses white space at the ends, as RFC
// 9113 8.2.1 asks of a request.
func validValue(v string) bool {
	if v == "" {
		return true
	}
	first, last := v[0], v[len(v)-1]
	return first != ' ' && first != '\t' && last != ' ' && last != '\t' && cleanValue(v)
}
