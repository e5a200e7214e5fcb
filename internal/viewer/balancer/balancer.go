// SPDX-License-Identifier: Apache-2.0

// Package balancer reads what a load balancer says before a connection of the
// viewer whom it carries: the PROXY protocol, versions 1 (a line of text) and
// 2 (binary).
//
// The flow: Parse looks at the first bytes of a connection, and again with
// more of them until it has found the end of the announcement, or a fault.
//
// What it does not do: it reads no connection and trusts nobody: who may
// announce is the caller's to know. Destination addresses, UNIX sockets and
// the fields after the addresses of version 2 are passed over.
//
// Refuse rather than repair: what the grammar does not have is an error, for
// an address that is guessed wrong is an address that a viewer has chosen.
//
// Concurrency: pure functions.
package balancer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// Most is the length of the longest announcement that is taken: addresses and
// fields of version 2 may be 64 KiB, but are some hundred bytes.
const Most = head2 + 2048

// ErrNone: the connection begins with something else.
var ErrNone = errors.New("no PROXY protocol")

var (
	errLine    = errors.New("PROXY protocol: malformed line")
	errBinary  = errors.New("PROXY protocol: malformed version 2")
	errLong    = errors.New("PROXY protocol: too long")
	errAddress = errors.New("PROXY protocol: no address that a viewer can have")
)

const (
	start1    = "PROXY "
	longest1  = 107 // with CRLF
	start2    = "\r\n\r\n\x00\r\nQUIT\n"
	head2     = 16
	local2    = 0x20 // version 2, the balancer speaks for itself
	proxied2  = 0x21
	unspec2   = 0x00
	tcp4      = 0x11
	tcp6      = 0x21
	unix      = 0x31
	tcp4Size  = 4 + 4 + 2 + 2
	tcp6Size  = 16 + 16 + 2 + 2
	unixSize  = 108 + 108
	wordsLine = 6
)

// Parse reads the announcement that b begins with. n is its length; 0 without
// an error means that b holds only a part of it. From is the viewer; it is
// invalid when the balancer speaks for itself or does not know.
func Parse(b []byte) (from netip.AddrPort, n int, err error) {
	switch {
	case begins(b, start1):
		return line(b)
	case begins(b, start2):
		return binary2(b)
	}
	return from, 0, ErrNone
}

// begins tells whether b is the beginning of something that starts with s.
func begins(b []byte, s string) bool {
	n := min(len(b), len(s))
	return string(b[:n]) == s[:n]
}

// line reads version 1: PROXY TCP4 192.0.2.1 198.51.100.1 5000 443, CRLF.
func line(b []byte) (from netip.AddrPort, n int, err error) {
	end := bytes.IndexByte(b[:min(len(b), longest1)], '\n')
	switch {
	case end < 0 && len(b) >= longest1:
		return from, 0, errLong
	case end < 0:
		return from, 0, nil
	case end == 0 || b[end-1] != '\r':
		return from, 0, errLine
	}
	text := string(b[:end-1])
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return from, 0, errLine
	}
	words := strings.Split(text, " ")
	if words[1] == "UNKNOWN" {
		return from, end + 1, nil
	}
	if len(words) != wordsLine || words[1] != "TCP4" && words[1] != "TCP6" {
		return from, 0, errLine
	}
	six := words[1] == "TCP6"
	source, ok1 := address(words[2], six)
	_, ok2 := address(words[3], six)
	number, ok3 := port(words[4])
	_, ok4 := port(words[5])
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return from, 0, errLine
	}
	return viewer(netip.AddrPortFrom(source, number), end+1)
}

func address(s string, six bool) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	return a, err == nil && a.Is6() == six && a.Zone() == ""
}

// port is a decimal number without sign or leading zero.
func port(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil && s == strconv.FormatUint(n, 10)
}

// binary2 reads version 2.
func binary2(b []byte) (from netip.AddrPort, n int, err error) {
	if len(b) < head2 {
		return from, 0, nil
	}
	command, family, size := b[12], b[13], int(binary.BigEndian.Uint16(b[14:]))
	if command != local2 && command != proxied2 {
		return from, 0, errBinary
	}
	n = head2 + size
	if n > Most {
		return from, 0, errLong
	}
	if command == local2 { // whatever the rest says
		return from, whole(b, n), nil
	}
	least := 0
	switch family {
	case unspec2:
	case tcp4:
		least = tcp4Size
	case tcp6:
		least = tcp6Size
	case unix:
		least = unixSize
	default: // datagrams do not come over TCP; others are not assigned
		return from, 0, errBinary
	}
	if size < least {
		return from, 0, errBinary
	}
	if len(b) < n {
		return from, 0, nil
	}
	at := b[head2:n]
	switch family {
	case tcp4:
		return viewer(netip.AddrPortFrom(netip.AddrFrom4([4]byte(at)), binary.BigEndian.Uint16(at[8:])), n)
	case tcp6:
		return viewer(netip.AddrPortFrom(netip.AddrFrom16([16]byte(at)), binary.BigEndian.Uint16(at[32:])), n)
	}
	return from, n, nil
}

// whole is n when b has that many bytes, else 0.
func whole(b []byte, n int) int {
	if len(b) < n {
		return 0
	}
	return n
}

// viewer refuses addresses that nobody connects from.
func viewer(from netip.AddrPort, n int) (netip.AddrPort, int, error) {
	a := from.Addr().Unmap()
	if a.IsUnspecified() || a.IsMulticast() {
		return netip.AddrPort{}, 0, errAddress
	}
	return netip.AddrPortFrom(a, from.Port()), n, nil
}
