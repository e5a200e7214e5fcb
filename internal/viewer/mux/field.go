// SPDX-License-Identifier: Apache-2.0

package mux

import (
	"encoding/binary"
	"unsafe"
)

// Kind is what a field name means to the engine.
type Kind uint8

const (
	KindPlain Kind = iota
	KindMethod
	KindScheme
	KindAuthority
	KindPath
	KindProtocol
	KindHost
	KindCookie
	KindLength     // content-length
	KindTE         // only trailers is allowed (RFC 9113 8.2.2)
	KindPriority   // RFC 9218
	KindExpect     // 100-continue
	KindConnection // connection-specific: the message is malformed
	KindBad        // no lower-case token, or an unknown pseudo-field
)

// Field is one field of a block, with what is known about it.
type Field struct {
	Name, Value string
	Kind        Kind
	Clean       bool // the value has been checked
}

// Classify is the kind of a name.
func Classify(name string) Kind {
	switch name {
	case ":method":
		return KindMethod
	case ":scheme":
		return KindScheme
	case ":authority":
		return KindAuthority
	case ":path":
		return KindPath
	case ":protocol":
		return KindProtocol
	case "host":
		return KindHost
	case "cookie":
		return KindCookie
	case "content-length":
		return KindLength
	case "te":
		return KindTE
	case "priority":
		return KindPriority
	case "expect":
		return KindExpect
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
		return KindConnection
	}
	if name == "" {
		return KindBad
	}
	for i := 0; i < len(name); i++ {
		if !lowerToken[name[i]] {
			return KindBad
		}
	}
	return KindPlain
}

// lowerToken has true for the bytes of a field name in HTTP/2: a token
// without upper-case letters (RFC 9113 8.2.1).
var lowerToken = func() (t [256]bool) {
	for _, c := range "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()

// CleanValue tells whether v can be the value of a field (RFC 9110 5.5): no
// control byte but tab. White space at the ends is another matter. Eight bytes
// are looked at together; a word that may have such a byte is looked at again.
func CleanValue(v string) bool {
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

// ValidValue is CleanValue that also refuses white space at the ends, as RFC
// 9113 8.2.1 asks of a request.
func ValidValue(v string) bool {
	if v == "" {
		return true
	}
	first, last := v[0], v[len(v)-1]
	return first != ' ' && first != '\t' && last != ' ' && last != '\t' && CleanValue(v)
}

// View is b as a string without a copy: b must not change while it is used.
func View(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
