// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"strings"
	"time"
)

// Kind is the role of a span between caller and callee, in OTLP's numbers.
type Kind uint8

// The kinds.
const (
	Internal Kind = iota + 1 // a part of what another span does
	Server                   // answers a request
	Client                   // asks and waits
)

// Attr is an attribute: a text, or a number when it IsNumber.
type Attr struct {
	Key      string
	Text     string
	Number   int64
	IsNumber bool
}

// maxText bounds the value of an attribute: viewers may send long ones.
const maxText = 1024

// Span is one part of a request's way. The nil Span is of a request that is not
// sampled: all its methods do nothing.
type Span struct {
	t       *Tracer
	context Context
	parent  SpanID
	kind    Kind

	name       string
	state      string // tracestate
	start, end time.Time
	attrs      []Attr
	failure    string
	failed     bool
}

// Data is an ended span as an exporter gets it. It must not be changed.
type Data struct {
	Context    Context
	Parent     SpanID // zero: it is the first one
	Kind       Kind
	Name       string
	State      string // tracestate as it came
	Start, End time.Time
	Attrs      []Attr
	Failed     bool
	Failure    string // words for Failed; may be empty
}

// Child begins a part of s, now.
func (s *Span) Child(name string, kind Kind) *Span {
	if s == nil {
		return nil
	}
	c := s.context
	c.Span = newSpan()
	return &Span{t: s.t, context: c, parent: s.context.Span, kind: kind, name: name, state: s.state, start: time.Now()}
}

// Context is what names s to whoever comes after it; of the nil Span no trace.
func (s *Span) Context() Context {
	if s == nil {
		return Context{}
	}
	return s.context
}

// State is the tracestate that came with the request.
func (s *Span) State() string {
	if s == nil {
		return ""
	}
	return s.state
}

// SetState keeps a tracestate field for children and origins; one that is too
// long (W3C Trace Context, 3.3.1.5: 512 characters need to be kept) is dropped.
func (s *Span) SetState(state string) {
	if s != nil && len(state) <= 512 {
		s.state = strings.Clone(state)
	}
}

// Rename gives s its name when that was not known in the beginning.
func (s *Span) Rename(name string) {
	if s != nil {
		s.name = strings.Clone(name)
	}
}

// Text adds an attribute, cut at 1 KB; an empty value adds none. The value is
// copied.
func (s *Span) Text(key, value string) {
	if s != nil && value != "" {
		value = strings.ToValidUTF8(value[:min(len(value), maxText)], "\uFFFD")
		s.attrs = append(s.attrs, Attr{Key: key, Text: strings.Clone(value)})
	}
}

// Int adds an attribute.
func (s *Span) Int(key string, n int64) {
	if s != nil {
		s.attrs = append(s.attrs, Attr{Key: key, Number: n, IsNumber: true})
	}
}

// Fail marks s as failed; why may be empty.
func (s *Span) Fail(why string) {
	if s != nil {
		s.failed, s.failure = true, strings.ToValidUTF8(strings.Clone(why[:min(len(why), maxText)]), "\uFFFD")
	}
}

// End ends s and hands it over. Nothing of s may be set from then on.
func (s *Span) End() {
	if s == nil {
		return
	}
	s.end = time.Now()
	s.t.add(s)
}

func (s *Span) data() Data {
	return Data{
		Context: s.context, Parent: s.parent, Kind: s.kind, Name: s.name, State: s.state, Start: s.start, End: s.end,
		Attrs: s.attrs, Failed: s.failed, Failure: s.failure,
	}
}

type contextKey struct{}

// With is ctx with a span for those who are asked with it; ctx itself when s is
// nil.
func With(ctx context.Context, s *Span) context.Context {
	if s == nil {
		return ctx
	}
	return context.WithValue(ctx, contextKey{}, s)
}

// From is the span of ctx, or nil.
func From(ctx context.Context) *Span {
	s, _ := ctx.Value(contextKey{}).(*Span)
	return s
}
