// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// This file writes CloudFront's standard log, version 2: fields that are chosen,
// in one of several forms. Sources: CloudFront Developer Guide, "Configure
// standard logging (v2)" and "Standard logging reference". Values are written as
// version 1 writes them, percent-encoded, so that none of them can end a field,
// a line or a JSON string.

// Layout is the form of a line.
type Layout struct {
	kind    string
	fields  []field
	cookies bool
	mark    string // between fields; empty: a tab
}

// field is one that version 2 offers. put appends a tab and the value.
type field struct {
	name string
	put  func(l line, r *Record, cookies bool) line // by value: it must not move to the heap
}

// LayoutKinds are the words for NewLayout: version 1, our own JSON with the names
// of Tags, and the forms of version 2.
func LayoutKinds() []string { return []string{"standard", "tags", "json", "plain", "w3c", "raw"} }

// FieldNames are the fields of version 2: the 33 of version 1, then others.
func FieldNames() []string {
	var names []string
	for _, f := range fieldTable {
		names = append(names, f.name)
	}
	return names
}

// NewLayout makes a layout. No fields: the 33 of version 1, in its order; only
// the forms of version 2 can choose. cookies lets cs(Cookie) be written.
func NewLayout(kind string, fields []string, cookies bool) (*Layout, error) {
	if !slices.Contains(LayoutKinds(), kind) {
		return nil, fmt.Errorf("there is no format %q: it is one of %s", kind, strings.Join(LayoutKinds(), ", "))
	}
	l := &Layout{kind: kind, cookies: cookies}
	if kind == "standard" || kind == "tags" {
		if len(fields) > 0 {
			return nil, fmt.Errorf("the fields of format %s cannot be chosen", kind)
		}
		return l, nil
	}
	if len(fields) == 0 {
		fields = FieldNames()[:standardFields]
	}
	for _, name := range fields {
		i := slices.IndexFunc(fieldTable[:], func(f field) bool { return strings.EqualFold(f.name, name) })
		if i < 0 {
			return nil, fmt.Errorf("there is no field %q: they are %s", name, strings.Join(FieldNames(), " "))
		}
		if err := l.take(fieldTable[i]); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *Layout) take(f field) error {
	if slices.ContainsFunc(l.fields, func(o field) bool { return o.name == f.name }) {
		return fmt.Errorf("field %q comes twice", f.name)
	}
	l.fields = append(l.fields, f)
	return nil
}

// Between makes another text than the tab stand between the fields of a line; it
// has no meaning for JSON. A value may contain it: only what the log format
// encodes cannot.
func (l *Layout) Between(mark string) *Layout {
	c := *l
	c.mark = mark
	return &c
}

// NeedsPlace tells whether a field asks for Viewer.Country or Viewer.ASN.
func (l *Layout) NeedsPlace() bool {
	return slices.ContainsFunc(l.fields, func(f field) bool { return f.name == "c-country" || f.name == "asn" })
}

// NeedsHead tells whether a field asks for Request.Header.
func (l *Layout) NeedsHead() bool {
	return slices.ContainsFunc(l.fields, func(f field) bool {
		return strings.HasPrefix(f.name, "cs-header") || strings.HasPrefix(f.name, "cs-accept") || strings.HasPrefix(f.name, "cmcd-")
	})
}

// Head is what a file begins with; empty for most.
func (l *Layout) Head() string {
	switch l.kind {
	case "standard":
		return StandardHeader
	case "w3c":
		var names []string
		for _, f := range l.fields {
			names = append(names, f.name)
		}
		return "#Version: 1.0\n#Fields: " + strings.Join(names, " ") + "\n"
	}
	return ""
}

// Append appends the line of r with its line feed.
func (l *Layout) Append(b []byte, r *Record) []byte {
	switch l.kind {
	case "standard":
		return AppendStandard(b, r, l.cookies)
	case "tags":
		return AppendJSON(b, r)
	}
	at := line{b}
	if l.kind == "json" {
		at.b = append(at.b, '{')
	}
	for i, f := range l.fields {
		start := len(at.b)
		at = f.put(at, r, l.cookies)
		switch {
		case l.kind == "json": // "name":"value" in place of the tab and the value
			at.b = inJSON(at.b, start, f.name, i > 0)
		case i == 0:
			at.b = append(at.b[:start], at.b[start+1:]...)
		case l.mark != "":
			at.b = slices.Replace(at.b, start, start+1, []byte(l.mark)...)
		}
	}
	if l.kind == "json" {
		at.b = append(at.b, '}')
	}
	return append(at.b, '\n')
}

// inJSON turns a tab and a value, from start on, into a member.
func inJSON(b []byte, start int, name string, more bool) []byte {
	value := len(b) - start - 1
	b = append(b, name...) // room: the name, four quotes and marks, less the tab
	b = append(b, "....."...)
	head := start
	put := func(s string) { head += copy(b[head:], s) }
	copy(b[start+len(name)+4+comma(more):], b[start+1:start+1+value])
	if more {
		put(",")
	}
	put(`"`)
	put(name)
	put(`":"`)
	end := head + value
	b[end] = '"'
	return b[:end+1]
}

func comma(more bool) int {
	if more {
		return 1
	}
	return 0
}

// standardFields is how many of the table version 1 has, in its order.
const standardFields = 33

var fieldTable = [...]field{
	{"date", func(l line, r *Record, _ bool) line { l.moment(r, 0, 10); return l }},
	{"time", func(l line, r *Record, _ bool) line { l.moment(r, 11, 19); return l }},
	{"x-edge-location", func(l line, r *Record, _ bool) line { l.text(r.Edge.Location); return l }},
	{"sc-bytes", func(l line, r *Record, _ bool) line { l.number(r.Response.Bytes); return l }},
	{"c-ip", func(l line, r *Record, _ bool) line { l.addr(r.Viewer.Addr.Addr()); return l }},
	{"cs-method", func(l line, r *Record, _ bool) line { l.text(r.Request.Method); return l }},
	{"cs(Host)", func(l line, r *Record, _ bool) line { l.text(r.Edge.Domain); return l }},
	{"cs-uri-stem", func(l line, r *Record, _ bool) line { l.text(r.Request.Path); return l }},
	{"sc-status", func(l line, r *Record, _ bool) line { l.status(r.Response.Status); return l }},
	{"cs(Referer)", func(l line, r *Record, _ bool) line { l.text(r.Request.Referer); return l }},
	{"cs(User-Agent)", func(l line, r *Record, _ bool) line { l.text(r.Request.UserAgent); return l }},
	{"cs-uri-query", func(l line, r *Record, _ bool) line { l.text(r.Request.Query); return l }},
	{"cs(Cookie)", func(l line, r *Record, cookies bool) line {
		if cookies {
			l.text(r.Request.Cookie)
		} else {
			l.text("")
		}
		return l
	}},
	{"x-edge-result-type", func(l line, r *Record, _ bool) line { l.text(r.Result.Type.String()); return l }},
	{"x-edge-request-id", func(l line, r *Record, _ bool) line { l.text(r.ID); return l }},
	{"x-host-header", func(l line, r *Record, _ bool) line { l.text(r.Request.Host); return l }},
	{"cs-protocol", func(l line, r *Record, _ bool) line { l.text(r.Request.Scheme); return l }},
	{"cs-bytes", func(l line, r *Record, _ bool) line { l.number(r.Request.Bytes); return l }},
	{"time-taken", func(l line, r *Record, _ bool) line { l.seconds(r.Time.Total); return l }},
	{"x-forwarded-for", func(l line, r *Record, _ bool) line { l.text(r.Viewer.ForwardedFor); return l }},
	{"ssl-protocol", func(l line, r *Record, _ bool) line { l.text(r.Viewer.TLSVersion); return l }},
	{"ssl-cipher", func(l line, r *Record, _ bool) line { l.text(r.Viewer.TLSCipher); return l }},
	{"x-edge-response-result-type", func(l line, r *Record, _ bool) line { l.text(sentResult(r).String()); return l }},
	{"cs-protocol-version", func(l line, r *Record, _ bool) line { l.text(r.Viewer.Proto.String()); return l }},
	{"fle-status", func(l line, _ *Record, _ bool) line { l.text(""); return l }},
	{"fle-encrypted-fields", func(l line, _ *Record, _ bool) line { l.text(""); return l }},
	{"c-port", func(l line, r *Record, _ bool) line { l.number(int64(r.Viewer.Addr.Port())); return l }},
	{"time-to-first-byte", func(l line, r *Record, _ bool) line { l.seconds(r.Time.FirstByte); return l }},
	{"x-edge-detailed-result-type", func(l line, r *Record, _ bool) line { l.detail(r); return l }},
	{"sc-content-type", func(l line, r *Record, _ bool) line { l.text(r.Response.ContentType); return l }},
	{"sc-content-len", func(l line, r *Record, _ bool) line {
		l.optional(r.Response.ContentLength, r.Response.HasLength)
		return l
	}},
	{"sc-range-start", func(l line, r *Record, _ bool) line {
		l.optional(r.Response.Range.First, r.Response.HasRange)
		return l
	}},
	{"sc-range-end", func(l line, r *Record, _ bool) line { l.optional(r.Response.Range.Last, r.Response.HasRange); return l }},

	// Those that version 2 takes from the real-time log.
	{"timestamp", func(l line, r *Record, _ bool) line {
		l.seconds(time.Duration(r.Start.Add(r.Time.Total).UnixNano()))
		return l
	}},
	{"timestamp(ms)", func(l line, r *Record, _ bool) line { l.number(r.Start.Add(r.Time.Total).UnixMilli()); return l }},
	{"DistributionId", func(l line, r *Record, _ bool) line { l.text(r.Edge.Distribution); return l }},
	{"cache-behavior-path-pattern", func(l line, r *Record, _ bool) line { l.text(r.Edge.Behavior); return l }},
	{"origin-fbl", func(l line, r *Record, _ bool) line { l.latency(r, r.Origin.FirstByte); return l }},
	{"origin-lbl", func(l line, r *Record, _ bool) line {
		l.latency(r, max(r.Origin.LastByte, r.Origin.FirstByte))
		return l
	}},
	{"c-country", func(l line, r *Record, _ bool) line { l.text(r.Viewer.Country); return l }},
	{"asn", func(l line, r *Record, _ bool) line { l.optional(int64(r.Viewer.ASN), r.Viewer.ASN != 0); return l }},
	{"distribution-tenant-id", none}, // there are no tenants here
	{"connection-id", none},          // and no ids of connections
}

// none is a field that never has a value.
func none(l line, _ *Record, _ bool) line { l.text(""); return l }

// latency appends a time of the origin, if one was asked.
func (l *line) latency(r *Record, d time.Duration) {
	if r.Origin.Tries > 0 {
		l.seconds(d)
	} else {
		l.text("")
	}
}

// moment appends a part of the date and time when the answer was over.
func (l *line) moment(r *Record, from, to int) {
	l.b = append(l.b, '\t')
	start := len(l.b)
	l.time(r.Start.Add(r.Time.Total))
	l.b = append(l.b[:start], l.b[start+from:start+to]...)
}

// sentResult is x-edge-response-result-type.
func sentResult(r *Record) ResultType {
	if r.Result.Sent == ResultNone {
		return r.Result.Type
	}
	return r.Result.Sent
}
