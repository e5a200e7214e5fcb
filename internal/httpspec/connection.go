// SPDX-License-Identifier: Apache-2.0

package httpspec

import "strings"

// Connection are the options of a Connection field that HTTP/1 engines act on
// (RFC 9110 7.6.1).
type Connection struct{ Close, KeepAlive, Upgrade bool }

// Add takes the options of one more field line.
func (c *Connection) Add(value string) {
	for value != "" {
		var item string
		item, value, _ = strings.Cut(value, ",")
		switch item = trim(item); len(item) {
		case len("close"):
			c.Close = c.Close || equalFold(item, "close")
		case len("upgrade"):
			c.Upgrade = c.Upgrade || equalFold(item, "upgrade")
		case len("keep-alive"):
			c.KeepAlive = c.KeepAlive || equalFold(item, "keep-alive")
		}
	}
}

// Digits reads a Content-Length as strict engines do: decimal digits, and
// nothing else. More than 18 are not ok.
func Digits(s string) (n int64, ok bool) { return digits(s) }

// Hex is the value of a hexadecimal digit, or -1.
func Hex(c byte) int {
	switch {
	case c-'0' < 10:
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
