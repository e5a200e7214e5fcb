// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"unicode/utf8"
)

// parseJSON reads JSON token by token, because only the token reader tells
// where a value stands.
func parseJSON(file string, text []byte) (*Node, error) {
	p := &jsonParser{file: file, text: text, budget: MaxNodes, dec: json.NewDecoder(bytes.NewReader(text))}
	p.dec.UseNumber()
	for i, b := range text {
		if b == '\n' {
			p.lines = append(p.lines, i+1)
		}
	}
	n, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := p.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, &Error{Pos: p.here(), Msg: "text after the end of the JSON value", Mend: "remove it"}
	}
	return n, nil
}

type jsonParser struct {
	file   string
	text   []byte
	lines  []int // offsets at which lines 2, 3, … begin
	dec    *json.Decoder
	budget int

	// The last position asked for: a file that is one long line would cost a
	// count from its beginning for every value.
	lastOff, lastCol, lastStart int
}

func (p *jsonParser) at(off int) Pos {
	off = min(off, len(p.text))
	l := sort.SearchInts(p.lines, off+1)
	start := 0
	if l > 0 {
		start = p.lines[l-1]
	}
	from, col := start, 1
	if p.lastStart == start && p.lastOff >= start && p.lastOff <= off && p.lastCol > 0 {
		from, col = p.lastOff, p.lastCol
	}
	col += utf8.RuneCount(p.text[from:off])
	p.lastOff, p.lastCol, p.lastStart = off, col, start
	return Pos{p.file, l + 1, col}
}

// here is where the next token begins.
func (p *jsonParser) here() Pos {
	off := int(p.dec.InputOffset())
	for off < len(p.text) && bytes.IndexByte([]byte(" \t\r\n,:"), p.text[off]) >= 0 {
		off++
	}
	return p.at(off)
}

func (p *jsonParser) token() (json.Token, error) {
	t, err := p.dec.Token()
	if err == nil {
		return t, nil
	}
	e := &Error{Pos: p.here(), Msg: "bad JSON: " + err.Error(), Mend: "check commas, quotes and brackets near this line"}
	var syn *json.SyntaxError
	if errors.As(err, &syn) {
		e.Pos = p.at(max(int(syn.Offset)-1, 0))
	}
	return nil, e
}

func (p *jsonParser) value(depth int) (*Node, error) {
	pos := p.here()
	if p.budget--; p.budget < 0 {
		return nil, &Error{Pos: pos, Msg: fmt.Sprintf("the template holds more than %d values", MaxNodes), Mend: "split it"}
	}
	if depth > MaxDepth {
		return nil, &Error{Pos: pos, Msg: fmt.Sprintf("values nest deeper than %d levels", MaxDepth), Mend: "flatten the structure"}
	}
	t, err := p.token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case string:
		return &Node{Kind: String, Text: t, Pos: pos}, nil
	case json.Number:
		return &Node{Kind: Number, Text: t.String(), Pos: pos}, nil
	case bool:
		return &Node{Kind: Bool, Bool: t, Pos: pos}, nil
	case json.Delim:
		if t == '[' {
			return p.list(pos, depth)
		}
		return p.object(pos, depth)
	}
	return &Node{Kind: Null, Pos: pos}, nil
}

func (p *jsonParser) list(pos Pos, depth int) (*Node, error) {
	n := &Node{Kind: List, Pos: pos}
	for p.dec.More() {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.Items = append(n.Items, v)
	}
	_, err := p.token()
	return n, err
}

func (p *jsonParser) object(pos Pos, depth int) (*Node, error) {
	n := &Node{Kind: Map, Pos: pos}
	seen := map[string]Pos{}
	for p.dec.More() {
		kpos := p.here()
		t, err := p.token()
		if err != nil {
			return nil, err
		}
		key, _ := t.(string)
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		earlier, again := seen[key]
		if again {
			n.Delete(key) // the last one counts
		}
		seen[key] = kpos
		n.Entries = append(n.Entries, Entry{Key: key, KeyPos: kpos, Value: v, Earlier: earlier})
	}
	_, err := p.token()
	return n, err
}

// JSON writes n compactly, keys in the order of the tree.
func JSON(n *Node) []byte { return appendJSON(nil, n, false) }

// CanonicalJSON writes n compactly with keys sorted, for hashes.
func CanonicalJSON(n *Node) []byte { return appendJSON(nil, n, true) }

func appendJSON(b []byte, n *Node, sorted bool) []byte {
	if n == nil {
		return append(b, "null"...)
	}
	switch n.Kind {
	case Bool:
		return strconv.AppendBool(b, n.Bool)
	case Number:
		return append(b, n.Text...)
	case String:
		return appendString(b, n.Text)
	case List:
		b = append(b, '[')
		for i, it := range n.Items {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, it, sorted)
		}
		return append(b, ']')
	case Map:
		entries := n.Entries
		if sorted {
			entries = append([]Entry(nil), entries...)
			sort.Slice(entries, func(i, j int) bool { return entries[i].Key < entries[j].Key })
		}
		b = append(b, '{')
		for i, e := range entries {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, e.Key), ':')
			b = appendJSON(b, e.Value, sorted)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

func appendString(b []byte, s string) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}
