// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// Both fields are dictionaries of structured fields (RFC 9651 3.2). Of the
// grammar this reads what signatures consist of:
//
//	input  = label "=" "(" *SP [ string *( 1*SP string ) ] *SP ")" *( ";" name "=" ( string / integer ) )
//	value  = label "=" ":" base64 ":"
//
// A label that stands twice, and everything else, is malformed.

// most bounds both fields.
const most = 8 << 10

// input is one member of Signature-Input.
type input struct {
	Params
	raw string // the parameters as they were written: they are a part of the base
}

type scanner struct {
	s string
	i int
}

func (s *scanner) peek() byte {
	if s.i < len(s.s) {
		return s.s[s.i]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.i < len(s.s) && s.s[s.i] == c {
		s.i++
		return true
	}
	return false
}

// space skips spaces, and tabs where they may be.
func (s *scanner) space(tabs bool) {
	for s.i < len(s.s) && (s.s[s.i] == ' ' || tabs && s.s[s.i] == '\t') {
		s.i++
	}
}

// key reads a key of a dictionary or parameters; empty: there is none.
func (s *scanner) key() string {
	from := s.i
	for s.i < len(s.s) {
		c := s.s[s.i]
		first := 'a' <= c && c <= 'z' || c == '*'
		if !first && (s.i == from || (c < '0' || c > '9') && c != '_' && c != '-' && c != '.') {
			break
		}
		s.i++
	}
	return s.s[from:s.i]
}

// text reads a string.
func (s *scanner) text() (string, bool) {
	if !s.take('"') {
		return "", false
	}
	var b strings.Builder
	for s.i < len(s.s) {
		c := s.s[s.i]
		s.i++
		switch {
		case c == '"':
			return b.String(), true
		case c == '\\':
			if c = s.peek(); c != '"' && c != '\\' {
				return "", false
			}
			s.i++
		case c < ' ' || c > '~':
			return "", false
		}
		b.WriteByte(c)
	}
	return "", false
}

// number reads an integer of at most 15 digits, not negative.
func (s *scanner) number() (int64, bool) {
	from := s.i
	for s.i < len(s.s) && '0' <= s.s[s.i] && s.s[s.i] <= '9' {
		s.i++
	}
	if s.i == from || s.i-from > 15 {
		return 0, false
	}
	n, err := strconv.ParseInt(s.s[from:s.i], 10, 64)
	return n, err == nil
}

// members walks a dictionary; f reads the value behind the equals sign.
func members(values []string, f func(label string, s *scanner) bool) error {
	s := &scanner{s: strings.Join(values, ", ")}
	if len(s.s) > most {
		return fmt.Errorf("%w: %d bytes", ErrMalformed, len(s.s))
	}
	seen := map[string]bool{}
	s.space(false)
	for s.i < len(s.s) {
		label := s.key()
		if label == "" || seen[label] || !s.take('=') || !f(label, s) {
			return ErrMalformed
		}
		seen[label] = true
		s.space(true)
		if s.i == len(s.s) {
			return nil
		}
		if !s.take(',') {
			return ErrMalformed
		}
		if s.space(true); s.i == len(s.s) {
			return ErrMalformed
		}
	}
	return nil
}

// readInput finds the member with a label.
func readInput(values []string, label string) (*input, error) {
	var found *input
	err := members(values, func(l string, s *scanner) bool {
		from := s.i
		var in input
		if !in.read(s) {
			return false
		}
		if l == label {
			in.raw = s.s[from:s.i]
			found = &in
		}
		return true
	})
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		return nil, ErrMissing
	}
	return found, nil
}

// read reads an inner list of components and the parameters behind it.
func (in *input) read(s *scanner) bool {
	if !s.take('(') {
		return false
	}
	for {
		s.space(false)
		if s.take(')') {
			break
		}
		c, ok := s.text()
		if !ok || c == "" || c != strings.ToLower(c) || len(in.Components) == 64 {
			return false
		}
		in.Components = append(in.Components, c)
		if n := s.peek(); n != ' ' && n != ')' { // of parameters of components none is read
			return false
		}
	}
	seen := map[string]bool{}
	for s.take(';') {
		s.space(false)
		name := s.key()
		if name == "" || seen[name] || !s.take('=') {
			return false
		}
		seen[name] = true
		if !in.param(name, s) {
			return false
		}
	}
	return true
}

func (in *input) param(name string, s *scanner) (ok bool) {
	switch name {
	case "created":
		in.Created, ok = s.number()
	case "expires":
		in.Expires, ok = s.number()
		ok = ok && in.Expires > 0
	case "nonce":
		in.Nonce, ok = s.text()
	case "alg":
		var alg string
		alg, ok = s.text()
		in.Alg = Algorithm(alg)
	case "keyid":
		in.KeyID, ok = s.text()
	case "tag":
		in.Tag, ok = s.text()
	}
	return ok
}

// readValue finds the bytes with a label.
func readValue(values []string, label string) ([]byte, error) {
	var found []byte
	err := members(values, func(l string, s *scanner) bool {
		if !s.take(':') {
			return false
		}
		n := strings.IndexByte(s.s[s.i:], ':')
		if n < 0 || strings.ContainsAny(s.s[s.i:s.i+n], "\r\n") { // which DecodeString skips
			return false
		}
		b, err := base64.StdEncoding.Strict().DecodeString(s.s[s.i : s.i+n])
		if err != nil {
			return false
		}
		if l == label {
			found = b
		}
		s.i += n + 1
		return true
	})
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		return nil, ErrMissing
	}
	return found, nil
}
