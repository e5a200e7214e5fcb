// SPDX-License-Identifier: Apache-2.0

package httpmsg

import "strings"

// appendLiteral appends a field as a literal without indexing (RFC 7541 6.2.2):
// its name by the static table where it stands there, else in lower case. Texts
// are not Huffman coded: bytes cost less than the work of packing them.
func appendLiteral(b []byte, name string, value []byte) []byte {
	if i := staticIndex(strings.ToLower(name)); i != 0 {
		b = appendPrefixed(b, 4, i)
	} else {
		b = appendPrefixed(append(b, 0), 7, len(name))
		for i := 0; i < len(name); i++ {
			c := name[i]
			if c-'A' < 26 {
				c |= 0x20
			}
			b = append(b, c)
		}
	}
	b = appendPrefixed(b, 7, len(value))
	return append(b, value...)
}

// appendPrefixed appends an integer with a prefix of so many bits, the bits
// before it zero (RFC 7541 5.1).
func appendPrefixed(b []byte, prefix, v int) []byte {
	most := 1<<prefix - 1
	if v < most {
		return append(b, byte(v))
	}
	b = append(b, byte(most))
	for v -= most; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

// staticIndex is the place of a field of answers in HPACK's static table
// (RFC 7541 appendix A); 0: it is not in it.
func staticIndex(name string) int {
	switch name {
	case "accept-ranges":
		return 18
	case "access-control-allow-origin":
		return 20
	case "age":
		return 21
	case "allow":
		return 22
	case "cache-control":
		return 24
	case "content-disposition":
		return 25
	case "content-encoding":
		return 26
	case "content-language":
		return 27
	case "content-location":
		return 29
	case "content-range":
		return 30
	case "content-type":
		return 31
	case "date":
		return 33
	case "etag":
		return 34
	case "expires":
		return 36
	case "last-modified":
		return 44
	case "link":
		return 45
	case "location":
		return 46
	case "proxy-authenticate":
		return 48
	case "refresh":
		return 52
	case "retry-after":
		return 53
	case "server":
		return 54
	case "set-cookie":
		return 55
	case "strict-transport-security":
		return 56
	case "vary":
		return 59
	case "via":
		return 60
	case "www-authenticate":
		return 61
	}
	return 0
}
