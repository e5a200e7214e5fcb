// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// formatted tells whether a text has a format of draft 4; formats that it does
// not know take every text.
func formatted(format, s string) bool {
	switch format {
	case "date-time":
		// a leap second is a valid one, which package time does not know
		_, err := time.Parse(time.RFC3339Nano, strings.Replace(strings.ToUpper(s), ":60", ":59", 1))
		return err == nil
	case "email":
		a, err := mail.ParseAddress(s)
		return err == nil && a.Address == s
	case "ipv4":
		a, err := netip.ParseAddr(s)
		return err == nil && a.Is4()
	case "ipv6":
		a, err := netip.ParseAddr(s)
		return err == nil && a.Is6() && a.Zone() == ""
	case "uri":
		u, err := url.Parse(s)
		return err == nil && u.IsAbs()
	case "hostname":
		return hostname(s)
	}
	return true
}

func hostname(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
				return false
			}
		}
	}
	return true
}
