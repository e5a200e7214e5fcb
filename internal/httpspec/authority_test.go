// SPDX-License-Identifier: Apache-2.0

package httpspec

import (
	"strings"
	"testing"
)

func TestValidAuthority(t *testing.T) {
	for s, want := range map[string]bool{
		"h": true, "h:8080": true, "h:": true, "a_b.example": true, "a~b": true, "192.0.2.1": true, "[2001:db8::1]:80": true, "[::1]": true,
		strings.Repeat("a", 255): true,
		"":                       false, ":80": false, "h:http": false, "h:65536": false, "h:080808": false, "h:80:80": false, "a b": false, "a,b": false,
		"a/b": false, "u@h": false, "h#f": false, "h?q": false, "h\\x": false, "http://h": false, "h%41": false, "\xc3\xa9": false, "[::1": false,
		"[::1]x": false, "[::1%25eth0]": false, "[192.0.2.1]": false, "2001:db8::1": false, "<h>": false, "h'": false,
		strings.Repeat("a", 256): false,
	} {
		if ValidAuthority(s) != want {
			t.Errorf("ValidAuthority(%q) is not %v", s, want)
		}
	}
}

func TestValidEscapes(t *testing.T) {
	for s, want := range map[string]bool{"/": true, "/%2f%2F%00": true, "/%c3%A9x": true, "%": false, "/%2": false, "/%zz": false, "/%g0": false, "/a%4": false, "/%25%": false} {
		if ValidEscapes(s) != want {
			t.Errorf("ValidEscapes(%q) is not %v", s, want)
		}
	}
}
