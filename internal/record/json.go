// SPDX-License-Identifier: Apache-2.0

package record

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// AppendJSON appends r as one JSON object and a line feed, with the names of
// Tags. Cookies are never in it.
func AppendJSON(b []byte, r *Record) []byte {
	o := object{b: append(b, '{')} // by value: it must not move to the heap
	for i := range tags {
		o.name = tags[i].Name
		o = tags[i].put(o, r)
	}
	return append(o.b, '}', '\n')
}

// object appends members; name is that of the next one.
type object struct {
	b    []byte
	name string
	some bool
}

func (o object) key() object {
	if o.some {
		o.b = append(o.b, ',')
	}
	o.some = true
	o.b = append(o.b, '"')
	o.b = append(o.b, o.name...)
	o.b = append(o.b, '"', ':')
	return o
}

func (o object) text(s string) object {
	if s != "" {
		o = o.key()
		o.b = appendString(o.b, s)
	}
	return o
}

// texts is a list as one text, its members apart by commas.
func (o object) texts(list []string) object {
	switch len(list) {
	case 0:
		return o
	case 1:
		return o.text(list[0])
	}
	return o.text(strings.Join(list, ","))
}

// numbers is a list as one text, as texts writes it.
func (o object) numbers(list []int) object {
	if len(list) == 0 {
		return o
	}
	o = o.key()
	o.b = append(o.b, '"')
	for i, n := range list {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = strconv.AppendInt(o.b, int64(n), 10)
	}
	o.b = append(o.b, '"')
	return o
}

func (o object) textIf(cond bool, s string) object {
	if cond {
		return o.text(s)
	}
	return o
}

func (o object) enum(n uint8, s string) object {
	if n != 0 {
		return o.text(s)
	}
	return o
}

func (o object) number(n int64) object {
	if n != 0 {
		return o.always(n)
	}
	return o
}

func (o object) always(n int64) object {
	o = o.key()
	o.b = strconv.AppendInt(o.b, n, 10)
	return o
}

func (o object) flag(f bool) object {
	if f {
		o = o.key()
		o.b = append(o.b, "true"...)
	}
	return o
}

func (o object) millis(d time.Duration) object {
	if d != 0 {
		return o.millisAlways(d)
	}
	return o
}

func (o object) millisAlways(d time.Duration) object {
	o = o.key()
	o.b = appendMillis(o.b, d*1000) // milliseconds with three decimals
	return o
}

func (o object) time(t time.Time) object {
	o = o.key()
	o.b = append(o.b, '"')
	o.b = t.UTC().AppendFormat(o.b, "2006-01-02T15:04:05.000Z")
	o.b = append(o.b, '"')
	return o
}

func (o object) addr(a netip.AddrPort) object {
	if a.IsValid() {
		o = o.key()
		o.b = append(o.b, '"')
		o.b = netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port()).AppendTo(o.b)
		o.b = append(o.b, '"')
	}
	return o
}

// appendString appends a JSON string; bytes that are no UTF-8 become U+FFFD.
// U+2028 and U+2029 are escaped so that a line is one line everywhere.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < ' ' || c == '"' || c == '\\' || c == 0x7f {
				b = append(b, s[start:i]...)
				b = append(b, '\\', 'u', '0', '0', lowerHex[c>>4], lowerHex[c&15])
				start = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || r == 0x2028 || r == 0x2029 {
			b = append(b, s[start:i]...)
			switch r {
			case 0x2028:
				b = append(b, `\u2028`...)
			case 0x2029:
				b = append(b, `\u2029`...)
			default:
				b = append(b, "\uFFFD"...)
			}
			start = i + size
		}
		i += size
	}
	return append(append(b, s[start:]...), '"')
}

const lowerHex = "0123456789abcdef"
