// SPDX-License-Identifier: Apache-2.0

package httpmsg

import (
	"iter"
	"strings"
)

// Head is a list of fields that was encoded once, to be sent many times: as
// lines of HTTP/1, and as a field block of HTTP/2 that uses no dynamic table.
// Sending it by these costs a copy.
//
// What a Head holds is fit to be sent: names are tokens, values have no control
// bytes, and the fields that belong to a connection or to the framing
// (RFC 9110 7.6.1, Content-Length) are not in it. Example: of "ETag: \"1\"" and
// "Connection: x" stay the line `ETag: "1"\r\n` and the bytes 0f 13 03 `"1"`.
//
// A Head is immutable. The zero Head is empty. Its texts may lie in memory that
// somebody manages (package cache): who keeps one longer than its owner says
// clones it.
type Head struct {
	lines string // "Name: value\r\n" …
	block string // literals without indexing (RFC 7541 6.2.2)
}

// NewHead encodes the fields of h; their texts are copied.
func NewHead(h *Header) Head {
	lines, block := AppendHead(nil, nil, h)
	return Head{string(lines), string(block)}
}

// AppendHead appends both forms of the fields of h.
func AppendHead(lines, block []byte, h *Header) (newLines, newBlock []byte) {
	for _, f := range h.fields {
		if !isToken(f.Name) || OfConnection(f.Name) {
			continue
		}
		at := len(lines)
		lines = append(append(lines, f.Name...), ": "...)
		at += len(f.Name) + 2
		lines = append(lines, f.Value...)
		value := lines[at:]
		for i, c := range value {
			if c < ' ' && c != '\t' || c == 0x7f {
				value[i] = ' '
			}
		}
		block = appendLiteral(block, f.Name, value)
		lines = append(lines, "\r\n"...)
	}
	return lines, block
}

// HeadOf is the Head whose two forms AppendHead made.
func HeadOf(lines, block string) Head { return Head{lines, block} }

// Lines is the HTTP/1 form: whole lines, each with its line end.
func (h Head) Lines() string { return h.lines }

// Block is the form of HTTP/2, a piece of a field block.
func (h Head) Block() string { return h.block }

// Empty tells whether there is no field.
func (h Head) Empty() bool { return h.lines == "" }

// Clone copies h with memory of its own.
func (h Head) Clone() Head { return Head{strings.Clone(h.lines), strings.Clone(h.block)} }

// Fields are the fields in order. Their texts are views.
func (h Head) Fields() iter.Seq[Field] {
	return func(yield func(Field) bool) {
		rest := h.lines
		for rest != "" {
			var f Field
			if f, rest = cutLine(rest); !yield(f) {
				return
			}
		}
	}
}

// cutLine takes the first line off; lines are as AppendHead wrote them.
func cutLine(lines string) (f Field, rest string) {
	end := strings.IndexByte(lines, '\n')
	colon := strings.IndexByte(lines, ':')
	return Field{lines[:colon], lines[colon+2 : end-1]}, lines[end+1:]
}

// Lookup is the value of the first field called name.
func (h Head) Lookup(name string) (value string, ok bool) {
	rest := h.lines
	for len(rest) > len(name) {
		end := strings.IndexByte(rest, '\n')
		if rest[len(name)] == ':' && EqualFold(rest[:len(name)], name) {
			return rest[len(name)+2 : end-1], true
		}
		rest = rest[end+1:]
	}
	return "", false
}

// Get is the value of the first field called name, or "".
func (h Head) Get(name string) string {
	v, _ := h.Lookup(name)
	return v
}

// Has tells whether there is a field called name.
func (h Head) Has(name string) bool {
	_, ok := h.Lookup(name)
	return ok
}

// Header is h as a list to be changed, over the same texts.
func (h Head) Header() Header {
	var out Header
	h.appendTo(&out)
	return out
}

func (h Head) appendTo(to *Header) {
	for rest := h.lines; rest != ""; {
		var f Field
		f, rest = cutLine(rest)
		to.fields = append(to.fields, f)
	}
}

// OfConnection tells the fields that belong to one connection or to the framing
// of one message (RFC 9110 7.6.1; RFC 9113 8.2.2): engines write them, nobody
// else does.
func OfConnection(name string) bool {
	switch len(name) {
	case len("TE"):
		return EqualFold(name, "TE")
	case len("Upgrade"):
		return EqualFold(name, "Upgrade")
	case len("Connection"): // and len("Keep-Alive")
		return EqualFold(name, "Connection") || EqualFold(name, "Keep-Alive")
	case len("Content-Length"):
		return EqualFold(name, "Content-Length")
	case len("Proxy-Connection"):
		return EqualFold(name, "Proxy-Connection")
	case len("Transfer-Encoding"):
		return EqualFold(name, "Transfer-Encoding")
	}
	return false
}

func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' {
			continue
		}
		if strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// Hold keeps shared memory as it is: as many Releases as Retains, by whichever
// goroutine. What was retained is not read after its Release.
type Hold interface {
	Retain()
	Release()
}
