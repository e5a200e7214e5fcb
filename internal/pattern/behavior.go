// SPDX-License-Identifier: Apache-2.0

package pattern

import (
	"fmt"
	"strings"
)

// A path pattern of a CloudFront behavior: * stands for any number of
// characters, / included, ? for exactly one, all else for itself, case
// included. A leading / may be left out; "images/*" and "/images/*" are the
// same. Precedence is the order of the list, so the first pattern that
// matches wins; nothing here ranks.
//
// A pattern is compiled to the texts between its stars. Matching takes the
// first text at the front, the last at the back, and each one between at its
// earliest place, which is enough because a star after it can take the rest:
//
//	"/img*.j?g"   ->  front "/img", back ".j?g"
//	"/a/*/b/*"    ->  front "/a/", middle "/b/", back ""
//
// Time is the length of the path times the length of the pattern at worst,
// and no memory is taken.

// maxPath is the longest pattern that CloudFront accepts.
const maxPath = 255

// Path is a compiled path pattern. The zero Path matches nothing.
type Path struct {
	text  string   // with the leading /, ** written as *
	parts []string // between the stars; one part: no star
}

// CompilePath reads a pattern.
func CompilePath(pattern string) (Path, error) {
	if pattern == "" {
		return Path{}, fmt.Errorf("path pattern is empty; write * for every path")
	}
	if len(pattern) > maxPath {
		return Path{}, fmt.Errorf("path pattern %.40q… has %d characters; CloudFront allows %d", pattern, len(pattern), maxPath)
	}
	for i := 0; i < len(pattern); i++ {
		if !pathByte(pattern[i]) {
			return Path{}, fmt.Errorf("path pattern %q: character %q at %d is not allowed; "+
				"CloudFront takes A-Z a-z 0-9 _ - . * $ / ~ \" ' @ : + & ?", pattern, pattern[i], i+1)
		}
	}
	text := pattern
	if text[0] != '/' && text[0] != '*' {
		text = "/" + text
	}
	text = squeeze(text)
	return Path{text: text, parts: strings.Split(text, "*")}, nil
}

// pathByte tells the characters of the guide ("Path pattern"). & may stand as
// &amp; there, for it comes as XML.
func pathByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte(`_-.*$/~"'@:+&?`, c) >= 0
}

// squeeze writes ** as *, which matches the same.
func squeeze(s string) string {
	for strings.Contains(s, "**") {
		s = strings.ReplaceAll(s, "**", "*")
	}
	return s
}

// String is the pattern with its leading slash.
func (p Path) String() string { return p.text }

// Match tells whether p matches a path, which begins with / and is compared
// as it was sent, still percent-encoded.
func (p Path) Match(path string) bool {
	if len(p.parts) == 0 {
		return false
	}
	front, rest := p.parts[0], p.parts[1:]
	if len(rest) == 0 {
		return len(path) == len(front) && equalAt(path, front)
	}
	if len(path) < len(front) || !equalAt(path, front) {
		return false
	}
	path = path[len(front):]
	back := rest[len(rest)-1]
	for _, part := range rest[:len(rest)-1] {
		i := index(path, part)
		if i < 0 {
			return false
		}
		path = path[i+len(part):]
	}
	return len(path) >= len(back) && equalAt(path[len(path)-len(back):], back)
}

// equalAt tells whether s begins with part; s is long enough.
func equalAt(s, part string) bool {
	for i := 0; i < len(part); i++ {
		if part[i] != s[i] && part[i] != '?' {
			return false
		}
	}
	return true
}

// index is the first place of part in s, or -1.
func index(s, part string) int {
	if strings.IndexByte(part, '?') < 0 {
		return strings.Index(s, part)
	}
	for i := 0; i+len(part) <= len(s); i++ {
		if equalAt(s[i:], part) {
			return i
		}
	}
	return -1
}
