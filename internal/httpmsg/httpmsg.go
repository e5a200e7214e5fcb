// SPDX-License-Identifier: Apache-2.0

// Package httpmsg holds HTTP messages as the viewer engines parse them:
// ordered fields, no maps, reusable memory.
//
// The flow: an engine of package viewer parses bytes into a Request; the edge
// reads it and makes a Response; the engine writes that out. Origins of the
// network are asked with the same two types; behind the edge the planes of this
// process speak net/http, and package edge converts at that border.
//
// Ownership: the strings of a Request may point into the buffer of the
// connection they came from. They live until the engine's handler returns.
// Whatever outlives it (a stored key, a background refresh) takes
// Request.Clone or strings.Clone first.
//
// What it does not do: it interprets no field (see package httpspec) and
// validates nothing but by the engines. No value is safe for concurrent use.
package httpmsg

import (
	"io"
	"iter"
	"net/netip"
	"strconv"
	"strings"
)

// Proto is the version of HTTP that a viewer spoke.
type Proto uint8

// The protocols. The zero Proto is HTTP/1.1.
const (
	HTTP11 Proto = iota
	HTTP10
	HTTP2
	HTTP3
)

// String is the form of the access log: HTTP/1.0, HTTP/1.1, HTTP/2.0, HTTP/3.0.
func (p Proto) String() string {
	switch p {
	case HTTP10:
		return "HTTP/1.0"
	case HTTP11:
		return "HTTP/1.1"
	case HTTP2:
		return "HTTP/2.0"
	case HTTP3:
		return "HTTP/3.0"
	}
	return "HTTP/?(" + strconv.Itoa(int(p)) + ")"
}

// Field is one header field as it was written.
type Field struct{ Name, Value string }

// Header is an ordered list of fields. The zero Header is empty and usable.
// Names compare without regard to ASCII case and keep the case they came in.
type Header struct{ fields []Field }

// Len is the number of fields.
func (h *Header) Len() int { return len(h.fields) }

// Fields is the list itself, valid until the next change of h.
func (h *Header) Fields() []Field { return h.fields }

// Reset empties h and keeps its memory.
func (h *Header) Reset() { h.fields = h.fields[:0] }

// Get is the value of the first field called name, or "".
func (h *Header) Get(name string) string {
	for i := range h.fields {
		if EqualFold(h.fields[i].Name, name) {
			return h.fields[i].Value
		}
	}
	return ""
}

// Lookup is Get that tells an empty value from an absent field.
func (h *Header) Lookup(name string) (value string, ok bool) {
	for i := range h.fields {
		if EqualFold(h.fields[i].Name, name) {
			return h.fields[i].Value, true
		}
	}
	return "", false
}

// Has tells whether there is a field called name.
func (h *Header) Has(name string) bool {
	_, ok := h.Lookup(name)
	return ok
}

// Values are the values of all fields called name, in order.
func (h *Header) Values(name string) []string {
	var vs []string
	for i := range h.fields {
		if EqualFold(h.fields[i].Name, name) {
			vs = append(vs, h.fields[i].Value)
		}
	}
	return vs
}

// Join is the values of all fields called name as one list (RFC 9110 5.3),
// without allocating when there is only one.
func (h *Header) Join(name string) string {
	first, n := "", 0
	for i := range h.fields {
		if EqualFold(h.fields[i].Name, name) {
			if n == 0 {
				first = h.fields[i].Value
			}
			n++
		}
	}
	if n < 2 {
		return first
	}
	sep := ", "
	if EqualFold(name, "Cookie") {
		sep = "; " // RFC 9113 8.2.3
	}
	return strings.Join(h.Values(name), sep)
}

// Add appends a field.
func (h *Header) Add(name, value string) {
	h.fields = append(h.fields, Field{name, value})
}

// Set replaces all fields called name by one, at the place of the first.
func (h *Header) Set(name, value string) {
	for i := range h.fields {
		if EqualFold(h.fields[i].Name, name) {
			h.fields[i].Value = value
			h.delFrom(i+1, name)
			return
		}
	}
	h.Add(name, value)
}

// Del removes all fields called name.
func (h *Header) Del(name string) { h.delFrom(0, name) }

func (h *Header) delFrom(from int, name string) {
	kept := h.fields[:from]
	for _, f := range h.fields[from:] {
		if !EqualFold(f.Name, name) {
			kept = append(kept, f)
		}
	}
	clear(h.fields[len(kept):])
	h.fields = kept
}

// Filter keeps the fields for which keep is true.
func (h *Header) Filter(keep func(Field) bool) {
	kept := h.fields[:0]
	for _, f := range h.fields {
		if keep(f) {
			kept = append(kept, f)
		}
	}
	clear(h.fields[len(kept):])
	h.fields = kept
}

// Clone copies h with memory of its own, the texts included.
func (h *Header) Clone() Header {
	c := Header{fields: make([]Field, len(h.fields))}
	for i, f := range h.fields {
		c.fields[i] = Field{strings.Clone(f.Name), strings.Clone(f.Value)}
	}
	return c
}

// EqualFold compares two field names without regard to ASCII case.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z' {
			return false
		}
	}
	return true
}

// TLS is what a viewer's handshake agreed on.
type TLS struct {
	Version    string // as the access log has it: TLSv1.2, TLSv1.3
	Cipher     string // OpenSSL's name, as the access log has it
	ServerName string // SNI, lower case
	Resumed    bool   // by a session ticket: no full handshake

	// JA3 and JA4 are fingerprints of the ClientHello; empty unless a behavior
	// of the distribution that SNI names asks for one of them.
	JA3, JA4 string

	// Mutual names the terms by which the viewer was asked for certificates: of
	// one site, as it was when the connection was opened. Empty: it was not
	// asked. Certificates are those that it has shown, its own first, in DER;
	// they are good by those terms, and it has proved to have the key.
	Mutual       string
	Certificates [][]byte
}

// Viewer is where a request came from.
type Viewer struct {
	Addr  netip.AddrPort
	Local netip.Addr // of this side of its connection; invalid: not known
	TLS   *TLS       // nil on a cleartext connection
}

// Request is one viewer request.
type Request struct {
	Method string
	Scheme string // http or https, by the connection
	Host   string // authority as the viewer sent it, port included
	Path   string // as sent, still percent-encoded; begins with / (or is *)
	Query  string // as sent, without the ?
	Proto  Proto
	Header Header

	// Body is nil when the request has none. ContentLength is its length, or
	// -1 when it is not known in advance.
	Body          io.ReadCloser
	ContentLength int64

	Viewer Viewer
}

// Target is the request target in origin form.
func (r *Request) Target() string {
	if r.Query == "" {
		return r.Path
	}
	return r.Path + "?" + r.Query
}

// Own gives r memory of its own, in place: after it, nothing of r points into
// the buffer that it was parsed from. The body is not touched.
func (r *Request) Own() {
	r.Method, r.Scheme, r.Host = strings.Clone(r.Method), strings.Clone(r.Scheme), strings.Clone(r.Host)
	r.Path, r.Query = strings.Clone(r.Path), strings.Clone(r.Query)
	for i, f := range r.Header.fields {
		r.Header.fields[i] = Field{strings.Clone(f.Name), strings.Clone(f.Value)}
	}
}

// Clone copies all of r but the body, which stays with r.
func (r *Request) Clone() *Request {
	c := *r
	c.Method, c.Scheme, c.Host = strings.Clone(r.Method), strings.Clone(r.Scheme), strings.Clone(r.Host)
	c.Path, c.Query = strings.Clone(r.Path), strings.Clone(r.Query)
	c.Header = r.Header.Clone()
	c.Body, c.ContentLength = nil, 0
	return &c
}

// Response is an answer as a value: nothing is sent before the edge delivers it.
type Response struct {
	Status int
	// Fixed are fields that were encoded before, and are sent before those of
	// Header. A field that is to be changed or dropped is thawed first.
	Fixed  [2]Head
	Header Header

	// Body is nil when there is none. Whoever takes it closes it.
	// ContentLength is its length, or -1 when it is not known in advance.
	// Content-Length never stands in Header: this is its one place.
	Body          io.ReadCloser
	ContentLength int64
}

// Thaw moves the fields of Fixed into Header, before those that are there, and
// returns Header to be changed. Their texts stay where they are.
func (r *Response) Thaw() *Header {
	if r.Fixed[0].Empty() && r.Fixed[1].Empty() {
		return &r.Header
	}
	var after [8]Field
	rest := append(after[:0], r.Header.fields...)
	r.Header.Reset()
	for i := range r.Fixed {
		r.Fixed[i].appendTo(&r.Header)
		r.Fixed[i] = Head{}
	}
	r.Header.fields = append(r.Header.fields, rest...)
	return &r.Header
}

// Lookup is the value of the first field called name, wherever it stands.
func (r *Response) Lookup(name string) (value string, ok bool) {
	for i := range r.Fixed {
		if value, ok = r.Fixed[i].Lookup(name); ok {
			return value, true
		}
	}
	return r.Header.Lookup(name)
}

// Get is the value of the first field called name, or "".
func (r *Response) Get(name string) string {
	v, _ := r.Lookup(name)
	return v
}

// Fields are all fields in the order they are sent.
func (r *Response) Fields() iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for i := range r.Fixed {
			for f := range r.Fixed[i].Fields() {
				if !yield(f) {
					return
				}
			}
		}
		for _, f := range r.Header.fields {
			if !yield(f) {
				return
			}
		}
	}
}
