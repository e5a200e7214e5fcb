// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"encoding/binary"
	"time"

	"github.com/forelane/forelane/internal/trace"
)

// This file writes ExportTraceServiceRequest of the OpenTelemetry protocol, as
// Protocol Buffers: a field is its number and wire type, then a number, eight or
// four bytes, or a length and so many bytes. Numbers of fields stand where they
// are written; their names are those of opentelemetry/proto/trace/v1.

// Wire types.
const (
	varint  = 0
	fixed64 = 1
	chunk   = 2
	fixed32 = 5
)

type message []byte

func (m message) tag(field, wire int) message {
	return binary.AppendUvarint(m, uint64(field<<3|wire))
}

func (m message) number(field int, n uint64) message {
	return binary.AppendUvarint(m.tag(field, varint), n)
}

func (m message) time(field int, t time.Time) message {
	return binary.LittleEndian.AppendUint64(m.tag(field, fixed64), uint64(t.UnixNano()))
}

func (m message) text(field int, s string) message {
	if s == "" {
		return m
	}
	return append(binary.AppendUvarint(m.tag(field, chunk), uint64(len(s))), s...)
}

func (m message) bytes(field int, b []byte) message {
	return append(binary.AppendUvarint(m.tag(field, chunk), uint64(len(b))), b...)
}

// appendRequest appends a request with spans of one resource and scope.
func appendRequest(b []byte, o *Options, batch []trace.Data) []byte {
	var resource, scope, all message
	for _, a := range o.Resource {
		resource = resource.bytes(1, attribute(a)) // attributes
	}
	scope = scope.text(1, o.Scope).text(2, o.Version) // name, version
	all = all.bytes(1, scope)
	for i := range batch {
		all = all.bytes(2, span(&batch[i])) // spans
	}
	return message(b).bytes(1, message(nil).bytes(1, resource).bytes(2, all)) // resource_spans {resource, scope_spans}
}

func span(d *trace.Data) message {
	m := message(nil).bytes(1, d.Context.Trace[:]).bytes(2, d.Context.Span[:]).text(3, d.State) // trace_id, span_id, trace_state
	if d.Parent != (trace.SpanID{}) {
		m = m.bytes(4, d.Parent[:]) // parent_span_id
	}
	m = m.text(5, d.Name).number(6, uint64(d.Kind)).time(7, d.Start).time(8, d.End) // name, kind, start and end
	for _, a := range d.Attrs {
		m = m.bytes(9, attribute(a)) // attributes
	}
	if d.Failed {
		const failed = 2
		m = m.bytes(15, message(nil).text(2, d.Failure).number(3, failed)) // status {message, code}
	}
	const sampled = 1
	return binary.LittleEndian.AppendUint32(m.tag(16, fixed32), sampled) // flags
}

// attribute is a KeyValue with its AnyValue.
func attribute(a trace.Attr) message {
	m := message(nil).text(1, a.Key)
	if a.IsNumber {
		return m.bytes(2, message(nil).number(3, uint64(a.Number))) // int_value
	}
	return m.bytes(2, message(nil).bytes(1, []byte(a.Text))) // string_value
}
