// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// Bounds of what is inspected of headers and cookies (row W2).
const (
	maxMapBytes = 8192
	maxMapNames = 200
)

// inspect is a component of a request, as a statement reads it: a list of
// texts, each of which goes through the transformations.
type inspect struct {
	kind       model.ACLFieldKind
	name       string
	oversize   model.ACLOversize
	fallback   bool
	scope      model.ACLScope
	included   []string
	excluded   []string
	invalid    model.ACLInvalid
	transforms []transform
}

func compileInspect(m *model.ACLInspect) (*inspect, error) {
	in := &inspect{
		kind: m.Kind, name: m.Name, oversize: m.Oversize, fallback: m.Fallback, scope: m.Scope,
		included: m.Included, excluded: m.Excluded, invalid: m.Invalid,
	}
	var err error
	in.transforms, err = compileTransforms(m.Transforms)
	return in, err
}

// any tells whether test says true of one of the texts. A component that the
// request has not gives no text; one that is too long, or cannot be read, may
// decide by itself.
func (in *inspect) any(x *exam, test func(string) bool) bool {
	switch in.kind {
	case model.FieldHeader:
		return in.anyHeader(x, test)
	case model.FieldQueryArgument:
		for _, p := range x.queryArgs() {
			if strings.EqualFold(p.name, in.name) && in.test(p.value, test) {
				return true
			}
		}
		return false
	case model.FieldQueryArguments:
		for _, p := range x.queryArgs() {
			if in.test(p.value, test) {
				return true
			}
		}
		return false
	case model.FieldPath:
		return in.test(x.rq.Path, test)
	case model.FieldQuery:
		return in.test(x.rq.Query, test)
	case model.FieldMethod:
		return in.test(x.rq.Method, test)
	case model.FieldBody:
		if decided, match := in.tooLong(x.more); decided {
			return match
		}
		return in.test(string(x.body), test)
	case model.FieldJSON:
		return in.anyJSON(x, test)
	case model.FieldHeaders:
		return in.anyOfHeaders(x, test)
	case model.FieldCookies:
		return in.anyOfCookies(x, test)
	case model.FieldHeaderOrder:
		return in.headerOrder(x, test)
	case model.FieldJA3:
		t := x.rq.Viewer.TLS
		return in.orFallback(t != nil && t.JA3 != "", func() string { return t.JA3 }, test)
	case model.FieldJA4:
		t := x.rq.Viewer.TLS
		return in.orFallback(t != nil && t.JA4 != "", func() string { return t.JA4 }, test)
	case model.FieldFragment: // HTTP does not carry it (RFC 9110 7.1)
		return in.fallback
	}
	return false
}

// test applies the transformations and asks.
func (in *inspect) test(text string, test func(string) bool) bool {
	for _, t := range in.transforms {
		text = t(text)
	}
	return test(text)
}

func (in *inspect) orFallback(has bool, text func() string, test func(string) bool) bool {
	if !has {
		return in.fallback
	}
	return in.test(text(), test)
}

// tooLong is what the oversize handling decides.
func (in *inspect) tooLong(is bool) (decided, match bool) {
	if !is || in.oversize == model.OversizeContinue {
		return false, false
	}
	return true, in.oversize == model.OversizeMatch
}

func (in *inspect) anyHeader(x *exam, test func(string) bool) bool {
	if httpmsg.EqualFold(in.name, "Host") {
		return in.test(x.rq.Host, test)
	}
	for _, f := range x.rq.Header.Fields() {
		if httpmsg.EqualFold(f.Name, in.name) && in.test(f.Value, test) {
			return true
		}
	}
	return false
}

// inspected is how many of n pairs are inspected.
func inspected(n int, size func(int) int) (count int, more bool) {
	for bytes := 0; count < n; count++ {
		if bytes += size(count); bytes > maxMapBytes || count == maxMapNames {
			return count, true
		}
	}
	return count, false
}

func (in *inspect) anyOfHeaders(x *exam, test func(string) bool) bool {
	fields := x.rq.Header.Fields()
	n, more := inspected(len(fields), func(i int) int { return len(fields[i].Name) + len(fields[i].Value) })
	if decided, match := in.tooLong(more); decided {
		return match
	}
	if in.ofMap("host", x.rq.Host, true, test) {
		return true
	}
	for _, f := range fields[:n] {
		if in.ofMap(f.Name, f.Value, true, test) {
			return true
		}
	}
	return false
}

func (in *inspect) anyOfCookies(x *exam, test func(string) bool) bool {
	pairs := x.cookiePairs()
	n, more := inspected(len(pairs), func(i int) int { return len(pairs[i].name) + len(pairs[i].value) })
	if decided, match := in.tooLong(more); decided {
		return match
	}
	for _, p := range pairs[:n] {
		if in.ofMap(p.name, p.value, false, test) {
			return true
		}
	}
	return false
}

// ofMap asks about one pair of a map, as the scope and the lists say.
func (in *inspect) ofMap(name, value string, fold bool, test func(string) bool) bool {
	same := func(n string) bool { return n == name || fold && httpmsg.EqualFold(n, name) }
	if in.included != nil && !slices.ContainsFunc(in.included, same) || slices.ContainsFunc(in.excluded, same) {
		return false
	}
	return in.scope != model.ScopeValues && in.test(name, test) || in.scope != model.ScopeKeys && in.test(value, test)
}

func (in *inspect) headerOrder(x *exam, test func(string) bool) bool {
	fields := x.rq.Header.Fields()
	n, more := inspected(len(fields), func(i int) int { return len(fields[i].Name) + 1 })
	if decided, match := in.tooLong(more); decided {
		return match
	}
	var b strings.Builder
	b.WriteString("host")
	for _, f := range fields[:n] {
		b.WriteByte(':')
		b.WriteString(strings.ToLower(f.Name))
	}
	return in.test(b.String(), test)
}

func compileTransforms(names []string) ([]transform, error) {
	var ts []transform
	for _, n := range names {
		if n == "NONE" {
			continue
		}
		t := transformNamed(n)
		if t == nil {
			return nil, fmt.Errorf("there is no text transformation %s", n)
		}
		ts = append(ts, t)
	}
	return ts, nil
}
