// SPDX-License-Identifier: Apache-2.0

package base

import (
	"crypto/sha1" //nolint:gosec // SAM's logical ids are made of SHA-1
	"encoding/hex"
	"sort"
	"strconv"
	"unicode/utf16"

	"github.com/forelane/forelane/internal/template/tree"
)

// A logical id that must change with its data is prefix + the first ten hex
// digits of the SHA-1 of the data. Text is hashed as it is, anything else as
// JSON with sorted keys, no blanks, and all but ASCII escaped:
//
//	{"b": 1, "a": ["é"]} → {"a":["\u00e9"],"b":1}
//
// Data that is absent or empty adds no suffix.

// HashLen is the number of hex digits SAM appends.
const HashLen = 10

// LogicalID is prefix with the hash of data.
func LogicalID(prefix string, data *tree.Node) string { return prefix + Hash(data, HashLen) }

// LogicalIDText is prefix with the hash of text.
func LogicalIDText(prefix, text string) string { return prefix + HashText(text, HashLen) }

// Hash is the first n hex digits of the SHA-1 of data, "" if it is empty.
func Hash(data *tree.Node, n int) string {
	if !Truthy(data) {
		return ""
	}
	if data.Kind == tree.String {
		return HashText(data.Text, n)
	}
	return HashText(string(ASCIIJSON(data)), n)
}

// HashText is the first n hex digits of the SHA-1 of text, "" if it is empty.
func HashText(text string, n int) string {
	if text == "" {
		return ""
	}
	sum := sha1.Sum([]byte(text)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])[:min(n, 2*sha1.Size)]
}

// ASCIIJSON writes n compactly, keys sorted, in ASCII only.
func ASCIIJSON(n *tree.Node) []byte { return appendASCII(nil, n, ",", ":", true) }

// SpacedJSON writes n in ASCII with a blank after each comma and colon, keys
// in the order of the tree: the default of Python's json.dumps, whose text SAM
// hashes or emits in a few places.
func SpacedJSON(n *tree.Node) []byte { return appendASCII(nil, n, ", ", ": ", false) }

func appendASCII(b []byte, n *tree.Node, comma, colon string, sorted bool) []byte {
	if n == nil {
		return append(b, "null"...)
	}
	switch n.Kind {
	case tree.Bool:
		return strconv.AppendBool(b, n.Bool)
	case tree.Number:
		return append(b, PyNumber(n.Text)...)
	case tree.String:
		return appendASCIIString(b, n.Text)
	case tree.List:
		b = append(b, '[')
		for i, it := range n.Items {
			if i > 0 {
				b = append(b, comma...)
			}
			b = appendASCII(b, it, comma, colon, sorted)
		}
		return append(b, ']')
	case tree.Map:
		entries := n.Entries
		if sorted {
			entries = append([]tree.Entry(nil), entries...)
			sort.SliceStable(entries, func(i, j int) bool { return entries[i].Key < entries[j].Key })
		}
		b = append(b, '{')
		for i, e := range entries {
			if i > 0 {
				b = append(b, comma...)
			}
			b = append(appendASCIIString(b, e.Key), colon...)
			b = appendASCII(b, e.Value, comma, colon, sorted)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

// PyNumber writes a JSON number literal as Python prints it: integers as they
// are, the others in the shortest form that keeps a point or an exponent.
func PyNumber(lit string) string {
	for i := 0; i < len(lit); i++ {
		if c := lit[i]; c == '.' || c == 'e' || c == 'E' {
			f, err := strconv.ParseFloat(lit, 64)
			if err != nil {
				return lit
			}
			return pyFloat(f)
		}
	}
	return lit
}

func pyFloat(f float64) string {
	s := strconv.FormatFloat(f, 'e', -1, 64)
	mark := len(s) - 1
	for mark > 0 && s[mark] != 'e' {
		mark--
	}
	exp, _ := strconv.Atoi(s[mark+1:])
	if exp < -4 || exp >= 16 {
		return s
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	for i := range s {
		if s[i] == '.' {
			return s
		}
	}
	return s + ".0"
}

func appendASCIIString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r == '\t':
			b = append(b, '\\', 't')
		case r == '\b':
			b = append(b, '\\', 'b')
		case r == '\f':
			b = append(b, '\\', 'f')
		case r >= ' ' && r <= '~':
			b = append(b, byte(r))
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			b = appendEscape(appendEscape(b, hi), lo)
		default:
			b = appendEscape(b, r)
		}
	}
	return append(b, '"')
}

func appendEscape(b []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

func itoa(i int) string { return strconv.Itoa(i) }
