// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// v2 is a header of version 2 with a payload.
func v2(command, family byte, payload string) string {
	b := append([]byte(start2), command, family)
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	return string(b) + payload
}

const (
	four   = "\xc0\x00\x02\x01\xc6\x33\x64\x01\x13\x88\x01\xbb" // 192.0.2.1:5000 to 198.51.100.1:443
	six    = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" + "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02" + "\x13\x88\x01\xbb"
	fields = "\x04\x00\x03abc" // a field that says nothing
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		from     string // "": the balancer speaks for itself
		rest     string // what follows is left
		err      error
	}{
		{"TCP4", "PROXY TCP4 192.0.2.1 198.51.100.1 5000 443\r\nGET", "192.0.2.1:5000", "GET", nil},
		{"TCP6", "PROXY TCP6 2001:db8::1 2001:db8::2 5000 443\r\n", "[2001:db8::1]:5000", "", nil},
		{"TCP6 with an IPv4 address in it", "PROXY TCP6 ::ffff:192.0.2.1 ::1 5000 443\r\n", "192.0.2.1:5000", "", nil},
		{"the longest line", "PROXY UNKNOWN " + strings.Repeat("f", 91) + "\r\n", "", "", nil},
		{"UNKNOWN", "PROXY UNKNOWN\r\nx", "", "x", nil},
		{"UNKNOWN with addresses", "PROXY UNKNOWN 192.0.2.1 198.51.100.1 5000 443\r\n", "", "", nil},
		{"line too long", "PROXY UNKNOWN " + strings.Repeat("f", 92) + "\r\n", "", "", errLong},
		{"bare LF", "PROXY TCP4 192.0.2.1 198.51.100.1 5000 443\n", "", "", errLine},
		{"CR within", "PROXY UNKNOWN a\rb\r\n", "", "", errLine},
		{"family of the other kind", "PROXY TCP6 192.0.2.1 198.51.100.1 5000 443\r\n", "", "", errLine},
		{"other family", "PROXY UDP4 192.0.2.1 198.51.100.1 5000 443\r\n", "", "", errLine},
		{"two spaces", "PROXY  TCP4 192.0.2.1 198.51.100.1 5000 443\r\n", "", "", errLine},
		{"too few words", "PROXY TCP4 192.0.2.1 198.51.100.1 5000\r\n", "", "", errLine},
		{"too many words", "PROXY TCP4 192.0.2.1 198.51.100.1 5000 443 \r\n", "", "", errLine},
		{"no word", "PROXY \r\n", "", "", errLine},
		{"address with leading zeros", "PROXY TCP4 192.0.02.1 198.51.100.1 5000 443\r\n", "", "", errLine},
		{"address with a zone", "PROXY TCP6 fe80::1%eth0 2001:db8::2 5000 443\r\n", "", "", errLine},
		{"wrong destination", "PROXY TCP4 192.0.2.1 nobody 5000 443\r\n", "", "", errLine},
		{"port with a sign", "PROXY TCP4 192.0.2.1 198.51.100.1 +5000 443\r\n", "", "", errLine},
		{"port with a zero", "PROXY TCP4 192.0.2.1 198.51.100.1 05000 443\r\n", "", "", errLine},
		{"port too large", "PROXY TCP4 192.0.2.1 198.51.100.1 65536 443\r\n", "", "", errLine},
		{"destination port too large", "PROXY TCP4 192.0.2.1 198.51.100.1 5000 65536\r\n", "", "", errLine},
		{"no host's address", "PROXY TCP4 0.0.0.0 198.51.100.1 5000 443\r\n", "", "", errAddress},
		{"a group's address", "PROXY TCP6 ff02::1 2001:db8::2 5000 443\r\n", "", "", errAddress},
		{"lower case", "proxy TCP4 192.0.2.1 198.51.100.1 5000 443\r\n", "", "", ErrNone},
		{"a request", "GET / HTTP/1.1\r\n", "", "", ErrNone},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", "", ErrNone},
		{"a ClientHello", "\x16\x03\x01\x02\x00\x01", "", "", ErrNone},

		{"v2 TCP4", v2(proxied2, tcp4, four) + "GET", "192.0.2.1:5000", "GET", nil},
		{"v2 TCP4 with fields", v2(proxied2, tcp4, four+fields), "192.0.2.1:5000", "", nil},
		{"v2 TCP6", v2(proxied2, tcp6, six) + "x", "[2001:db8::1]:5000", "x", nil},
		{"v2 UNIX", v2(proxied2, unix, strings.Repeat("\x00", unixSize)), "", "", nil},
		{"v2 of no family", v2(proxied2, unspec2, fields), "", "", nil},
		{"v2 LOCAL", v2(local2, unspec2, "") + "x", "", "x", nil},
		{"v2 LOCAL with addresses", v2(local2, tcp4, four) + "x", "", "x", nil},
		{"v2 LOCAL of no known family", v2(local2, 0x77, "abc"), "", "", nil},
		{"v2 the longest", v2(proxied2, tcp4, four+strings.Repeat("x", 2048-12)), "192.0.2.1:5000", "", nil},
		{"v2 too long", v2(proxied2, tcp4, four+strings.Repeat("x", 2048-11)), "", "", errLong},
		{"v2 LOCAL too long", v2(local2, tcp4, strings.Repeat("x", 2049)), "", "", errLong},
		{"v2 TCP4 too short", v2(proxied2, tcp4, four[1:]), "", "", errBinary},
		{"v2 TCP6 too short", v2(proxied2, tcp6, six[1:]), "", "", errBinary},
		{"v2 UNIX too short", v2(proxied2, unix, "/tmp"), "", "", errBinary},
		{"v2 UDP", v2(proxied2, 0x12, four), "", "", errBinary},
		{"v2 of no known family", v2(proxied2, 0x41, six), "", "", errBinary},
		{"v2 of no known command", v2(0x22, tcp4, four), "", "", errBinary},
		{"version 3", v2(0x31, tcp4, four), "", "", errBinary},
		{"v2 no host's address", v2(proxied2, tcp4, strings.Repeat("\x00", 12)), "", "", errAddress},
	} {
		t.Run(tt.name, func(t *testing.T) {
			from, n, err := Parse([]byte(tt.in))
			if !errors.Is(err, tt.err) || err == nil && n != len(tt.in)-len(tt.rest) {
				t.Fatalf("%v %d %v", from, n, err)
			}
			if tt.from == "" && from.IsValid() || tt.from != "" && from != netip.MustParseAddrPort(tt.from) {
				t.Errorf("%v, want %s", from, tt.from)
			}
		})
	}
}

// FuzzParse: an announcement is the same whatever follows, each part of it is
// incomplete, and what is refused is refused with more bytes too.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"PROXY TCP4 192.0.2.1 198.51.100.1 5000 443\r\nGET", "PROXY UNKNOWN\r\n", v2(proxied2, tcp4, four+fields), v2(proxied2, tcp6, six),
		v2(local2, 0, ""), "GET / HTTP/1.1\r\n", "PROXY TCP6 ::1 ::1 0 0\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		from, n, err := Parse(b)
		if n < 0 || n > len(b) || n > Most || n > 0 && err != nil || n == 0 && from.IsValid() {
			t.Fatalf("%v %d %v", from, n, err)
		}
		if err != nil {
			if _, _, again := Parse(append(b[:len(b):len(b)], '\n')); again == nil {
				t.Error("more bytes mended it")
			}
			return
		}
		if n == 0 {
			if len(b) >= Most {
				t.Error("it goes on for ever")
			}
			return
		}
		for i := range n {
			if f, m, err := Parse(b[:i]); m != 0 || err != nil || f.IsValid() {
				t.Fatalf("%d bytes of %d: %v %d %v", i, n, f, m, err)
			}
		}
		if f, m, err := Parse(b[:n]); f != from || m != n || err != nil {
			t.Errorf("alone: %v %d %v", f, m, err)
		}
	})
}
