// SPDX-License-Identifier: Apache-2.0

package httpspec

import (
	"net/netip"
	"strings"
)

// ValidAuthority tells whether s is a name or an address, with a port or
// without, as Host and :authority have it. It is stricter than RFC 3986:
// sub-delims and escapes, which no resolvable name has, are refused; the
// underscore is let through. The port may be empty after its colon (RFC 3986
// 3.2.3).
func ValidAuthority(s string) bool {
	host, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return false
		}
		a, err := netip.ParseAddr(s[1:end])
		if err != nil || !a.Is6() || a.Zone() != "" {
			return false
		}
		if rest := s[end+1:]; rest != "" {
			return rest[0] == ':' && validPort(rest[1:])
		}
		return true
	}
	if i := strings.IndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i+1:]
	}
	if host == "" || len(host) > 255 {
		return false
	}
	for i := 0; i < len(host); i++ {
		c := host[i]
		if c|0x20-'a' >= 26 && c-'0' >= 10 && c != '-' && c != '.' && c != '_' && c != '~' {
			return false
		}
	}
	return validPort(port)
}

func validPort(s string) bool {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i]-'0' >= 10 || i == 5 {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n <= 65535
}

// ValidEscapes tells whether each % of a path is followed by two hex digits.
func ValidEscapes(path string) bool {
	for {
		i := strings.IndexByte(path, '%')
		if i < 0 {
			return true
		}
		if i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2]) {
			return false
		}
		path = path[i+3:]
	}
}

func isHex(c byte) bool { return c-'0' < 10 || c|0x20-'a' < 6 }
