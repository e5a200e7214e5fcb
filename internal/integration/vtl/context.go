// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"maps"
	"slices"
	"strings"
)

// Overrides is what templates write into $context.requestOverride and
// $context.responseOverride. The zero value is empty.
type Overrides struct {
	request  *dict // of header, querystring and path
	response *dict // of header and status
}

// Values are an override: a name and its values, for a list has several.
type Values struct {
	Name   string
	Values []string
}

// Request lists what was set of "header", "querystring" or "path", in order.
func (o *Overrides) Request(part string) []Values { return valuesOf(o.request, part) }

// ResponseHeader lists the fields of the response that were set, in order.
func (o *Overrides) ResponseHeader() []Values { return valuesOf(o.response, "header") }

// Status is the status of the response, or 0. What is no integer from 100 to
// 599 is passed over, as API Gateway does.
func (o *Overrides) Status() int {
	if o.response == nil {
		return 0
	}
	v, _ := o.response.get("status")
	if n, ok := v.(int64); ok && n >= 100 && n <= 599 {
		return int(n)
	}
	return 0
}

func valuesOf(of *dict, part string) []Values {
	if of == nil {
		return nil
	}
	v, _ := of.get(part)
	d, ok := v.(*dict)
	if !ok {
		return nil
	}
	out := make([]Values, 0, len(d.keys))
	for _, k := range d.keys {
		v := Values{Name: toText(k)}
		if l, ok := d.values[k].(*list); ok {
			for _, item := range l.items {
				v.Values = append(v.Values, toText(item))
			}
		} else {
			v.Values = []string{toText(d.values[k])}
		}
		out = append(out, v)
	}
	return out
}

// dict is one of the two maps, made when it is first asked for.
func (o *Overrides) dict(name string) *dict {
	if o.request == nil {
		o.request, o.response = newDict(), newDict()
		for _, part := range [...]string{"header", "querystring", "path"} {
			o.request.put(part, newDict())
		}
		o.response.put("header", newDict())
	}
	if name == "requestOverride" {
		return o.request
	}
	return o.response
}

// contextObject is $context, or what stands below a prefix of its names, such
// as identity. Its variables are looked up when they are asked for.
type contextObject struct{ prefix string }

func (c contextObject) property(r *renderer, name string) (any, error) {
	full := c.prefix + name
	switch full {
	case "requestOverride", "responseOverride":
		return r.in.Overrides.dict(full), nil
	}
	if r.in.Context == nil {
		return nil, nil
	}
	if v, ok := r.in.Context.ContextVar(full); ok {
		return v, nil
	}
	for _, n := range r.in.Context.ContextNames() {
		if strings.HasPrefix(n, full+".") {
			return contextObject{full + "."}, nil
		}
	}
	return nil, nil
}

func (c contextObject) call(r *renderer, name string, args []any) (any, bool, error) {
	switch {
	case name == "get" && len(args) == 1:
		v, err := c.property(r, toText(args[0]))
		return v, true, err
	case name == "containsKey" && len(args) == 1:
		v, err := c.property(r, toText(args[0]))
		return v != nil, true, err
	}
	if c.prefix == "" && name != "keySet" && name != "toString" {
		return nil, false, nil
	}
	d, err := c.flat(r)
	if err != nil {
		return nil, true, err
	}
	v, err := r.call(d, name, args)
	return v, true, err
}

// flat is the object as a map of the names right below it.
func (c contextObject) flat(r *renderer) (*dict, error) {
	d := newDict()
	if r.in.Context == nil {
		return d, nil
	}
	for _, n := range r.in.Context.ContextNames() {
		rest, ok := strings.CutPrefix(n, c.prefix)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(rest, ".")
		if _, had := d.get(name); had {
			continue
		}
		v, err := c.property(r, name)
		if err != nil {
			return nil, err
		}
		if v != nil {
			d.put(name, v)
		}
	}
	return d, r.charge(64 * len(d.keys))
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
