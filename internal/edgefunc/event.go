// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"slices"
	"strconv"
	"strings"

	"github.com/dop251/goja"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// item is one value of a header, cookie or query parameter.
type item struct{ value, attributes string }

// source is where a bag has its names from.
type source interface {
	lookup(name string) []item   // nil: there is none
	names(add func(name string)) // in order, repeated or not
}

// bag is headers, cookies or querystring of an event. To JavaScript it is an
// object; its members are made when they are asked for, so a function that
// looks at one header pays for one.
type bag struct {
	m      *machine
	src    source
	cookie bool         // of a response: members have attributes
	object *goja.Object // nil: the function did not look
	slots  []slot
	listed bool // slots have every name of src
}

// slot is a member that was touched or listed.
type slot struct {
	name string
	was  []item     // nil: not in the message
	now  goja.Value // nil: not looked at
	gone bool       // deleted
}

// value is the object of b, made when it is asked for the first time.
func (b *bag) value() goja.Value {
	if b.object == nil {
		b.object = b.m.vm.NewDynamicObject(b)
	}
	return b.object
}

// find returns the slot of a name that exists or existed, or nil.
func (b *bag) find(name string) *slot {
	for i := range b.slots {
		if b.slots[i].name == name {
			return &b.slots[i]
		}
	}
	if b.listed {
		return nil
	}
	was := b.src.lookup(name)
	if was == nil {
		return nil
	}
	b.slots = append(b.slots, slot{name: name, was: was})
	return &b.slots[len(b.slots)-1]
}

// list gives every name of the source a slot, in its order; what the function
// added comes last.
func (b *bag) list() {
	if b.listed {
		return
	}
	var all []slot
	b.src.names(func(name string) {
		if slices.ContainsFunc(all, func(s slot) bool { return s.name == name }) {
			return
		}
		if i := slices.IndexFunc(b.slots, func(s slot) bool { return s.name == name }); i >= 0 {
			all = append(all, b.slots[i])
			return
		}
		if was := b.src.lookup(name); was != nil {
			all = append(all, slot{name: name, was: was})
		}
	})
	for _, s := range b.slots {
		if s.was == nil {
			all = append(all, s)
		}
	}
	b.slots, b.listed = all, true
}

// Get is part of goja.DynamicObject.
func (b *bag) Get(name string) goja.Value {
	s := b.find(name)
	if s == nil || s.gone {
		return nil
	}
	if s.now == nil {
		s.now = b.m.member(s.was, b.cookie)
	}
	return s.now
}

// Set is part of goja.DynamicObject.
func (b *bag) Set(name string, v goja.Value) bool {
	s := b.find(name)
	if s == nil {
		b.slots = append(b.slots, slot{name: name})
		s = &b.slots[len(b.slots)-1]
	}
	s.now, s.gone = v, false
	return true
}

// Has is part of goja.DynamicObject.
func (b *bag) Has(name string) bool {
	s := b.find(name)
	return s != nil && !s.gone
}

// Delete is part of goja.DynamicObject.
func (b *bag) Delete(name string) bool {
	if s := b.find(name); s != nil {
		s.now, s.gone = nil, true
	}
	return true
}

// Keys is part of goja.DynamicObject.
func (b *bag) Keys() []string {
	b.list()
	names := make([]string, 0, len(b.slots))
	for _, s := range b.slots {
		if !s.gone {
			names = append(names, s.name)
		}
	}
	return names
}

// member makes the object of one name: value, attributes of a cookie of a
// response, and multiValue when there is more than one.
func (m *machine) member(items []item, cookie bool) goja.Value {
	one := func(it item) goja.Value {
		if cookie && it.attributes != "" {
			return m.made(m.make.cookie, it.value, it.attributes)
		}
		return m.made(m.make.value, it.value)
	}
	if len(items) == 1 {
		return one(items[0])
	}
	list := make([]any, len(items))
	for i, it := range items {
		list[i] = one(it)
	}
	if cookie && items[0].attributes != "" {
		return m.made(m.make.cookies, items[0].value, items[0].attributes, m.vm.NewArray(list...))
	}
	return m.made(m.make.many, items[0].value, m.vm.NewArray(list...))
}

// made calls one of the factories, which cannot fail but when the run is
// stopped.
func (m *machine) made(f goja.Callable, args ...any) goja.Value {
	values := make([]goja.Value, len(args))
	for i, a := range args {
		values[i] = m.vm.ToValue(a)
	}
	v, err := f(goja.Undefined(), values...)
	if err != nil {
		panic(err)
	}
	return v
}

// headerSource is the headers of a message. length is content-length when the
// message keeps it elsewhere.
type headerSource struct {
	header   *httpmsg.Header
	response bool
	length   string
}

func (s headerSource) hidden(name string) bool {
	return disallowed(name) || name == "cookie" && !s.response || name == "set-cookie" && s.response
}

func (s headerSource) lookup(name string) []item {
	if hasUpper(name) || s.hidden(name) {
		return nil
	}
	var items []item
	for _, f := range s.header.Fields() {
		if httpmsg.EqualFold(f.Name, name) {
			items = append(items, item{value: utf8Text(f.Value)})
		}
	}
	if items == nil && s.length != "" && name == "content-length" {
		items = []item{{value: s.length}}
	}
	return items
}

func (s headerSource) names(add func(string)) {
	for _, f := range s.header.Fields() {
		if name := strings.ToLower(f.Name); !s.hidden(name) && httpspec.ValidName(name) {
			add(name)
		}
	}
	if s.length != "" {
		add("content-length")
	}
}

func hasUpper(s string) bool {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return true
		}
	}
	return false
}

// cookieSource is a Cookie field.
type cookieSource string

func (s cookieSource) lookup(name string) (items []item) {
	for n, v, rest, ok := httpspec.NextCookie(string(s)); ok; n, v, rest, ok = httpspec.NextCookie(rest) {
		if utf8Text(n) == name {
			items = append(items, item{value: utf8Text(v)})
		}
	}
	return items
}

func (s cookieSource) names(add func(string)) {
	for n, _, rest, ok := httpspec.NextCookie(string(s)); ok; n, _, rest, ok = httpspec.NextCookie(rest) {
		add(utf8Text(n))
	}
}

// querySource is a query string. Nothing is decoded, as at CloudFront.
type querySource string

func (s querySource) lookup(name string) (items []item) {
	for n, v, _, rest, ok := httpspec.NextParam(string(s)); ok; n, v, _, rest, ok = httpspec.NextParam(rest) {
		if utf8Text(n) == name {
			items = append(items, item{value: utf8Text(v)})
		}
	}
	return items
}

func (s querySource) names(add func(string)) {
	for n, _, _, rest, ok := httpspec.NextParam(string(s)); ok; n, _, _, rest, ok = httpspec.NextParam(rest) {
		add(utf8Text(n))
	}
}

// setCookieSource is the Set-Cookie fields of a response.
type setCookieSource struct{ header *httpmsg.Header }

func (s setCookieSource) each(f func(name string, it item)) {
	for _, field := range s.header.Fields() {
		if httpmsg.EqualFold(field.Name, "Set-Cookie") {
			n, v, a := httpspec.ParseSetCookie(utf8Text(field.Value))
			f(n, item{v, a})
		}
	}
}

func (s setCookieSource) lookup(name string) (items []item) {
	s.each(func(n string, it item) {
		if n == name {
			items = append(items, it)
		}
	})
	return items
}

func (s setCookieSource) names(add func(string)) {
	s.each(func(n string, _ item) { add(n) })
}

// lengthText is a content-length, or "" when it is not known.
func lengthText(n int64) string {
	if n < 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
