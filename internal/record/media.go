// SPDX-License-Identifier: Apache-2.0

package record

import (
	"net/url"
	"strings"
)

// Common Media Client Data (CTA-5004) is what players tell of a stream: keys
// with values, between commas, in the query string or in four header fields.
//
//	?CMCD=bl%3D21300%2Cbs%2Csid%3D%226e2f%22
//	CMCD-Request: bl=21300      CMCD-Status: bs      CMCD-Session: sid="6e2f"
//
// A key without a value is true; texts stand in quotes, which the log leaves out.

// clientData is the value of one key; empty: it is not told.
func clientData(r *Record, key string) string {
	if h := r.Request.Header; h != nil {
		for _, name := range [...]string{"CMCD-Object", "CMCD-Request", "CMCD-Session", "CMCD-Status"} {
			if v := member(h.Join(name), key); v != "" {
				return v
			}
		}
	}
	for q := r.Request.Query; q != ""; {
		var pair string
		pair, q, _ = strings.Cut(q, "&")
		if text, ok := strings.CutPrefix(pair, "CMCD="); ok {
			if plain, err := url.QueryUnescape(text); err == nil {
				return member(plain, key)
			}
		}
	}
	return ""
}

// member finds a key in a list. A comma within quotes ends nothing.
func member(list, key string) string {
	for list != "" {
		end, quoted := len(list), false
	scan:
		for i := 0; i < len(list); i++ {
			switch c := list[i]; {
			case c == '\\' && quoted:
				i++
			case c == '"':
				quoted = !quoted
			case c == ',' && !quoted:
				end = i
				break scan
			}
		}
		name, value, has := strings.Cut(strings.TrimSpace(list[:end]), "=")
		if name == key {
			if !has {
				return "true"
			}
			if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			return value
		}
		list = list[min(end+1, len(list)):]
	}
	return ""
}
