// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"slices"
	"strconv"

	"github.com/dop251/goja"
)

// change is what a function did to one name.
type change struct {
	name  string
	was   []item // nil: it was not there
	items []item // nil: deleted
}

// maxNames bounds the members of an object that a function hands back.
const maxNames = 4096

// changes compares what the handler handed back as headers, cookies or
// querystring with what it was given. what names it in errors. order is the
// order of names when the function made a new object, else nil.
func (b *bag) changes(v goja.Value, what string) (list []change, order []string, err error) {
	o, ok := v.(*goja.Object)
	switch {
	case v == untouched:
		return nil, nil, nil
	case v == nil || goja.IsUndefined(v) || goja.IsNull(v):
		return b.replaced(nil, what)
	case !ok || o.ClassName() == "Array":
		return nil, nil, invalid("%s is not an object", what)
	case o != b.object:
		return b.replaced(o, what)
	}
	for i := range b.slots {
		s := &b.slots[i]
		switch {
		case s.gone && s.was != nil:
			list = append(list, change{name: s.name, was: s.was})
		case s.now != nil:
			items, err := readItems(s.now, s.was, what, s.name)
			if err != nil {
				return nil, nil, err
			}
			if !slices.Equal(items, s.was) {
				list = append(list, change{s.name, s.was, items})
			}
		}
	}
	return list, nil, nil
}

// replaced is changes for an object that the function made itself.
func (b *bag) replaced(o *goja.Object, what string) (list []change, order []string, err error) {
	if o != nil {
		order = o.Keys()
	}
	if len(order) > maxNames {
		return nil, nil, invalid("%s has more than %d members", what, maxNames)
	}
	for _, name := range order {
		was := b.src.lookup(name)
		items, err := readItems(o.Get(name), was, what, name)
		if err != nil {
			return nil, nil, err
		}
		if !slices.Equal(items, was) {
			list = append(list, change{name, was, items})
		}
	}
	seen := map[string]bool{}
	b.src.names(func(name string) {
		if !seen[name] && !slices.Contains(order, name) {
			seen[name] = true
			list = append(list, change{name: name, was: b.src.lookup(name)})
		}
	})
	if order == nil {
		order = []string{}
	}
	return list, order, nil
}

// readItems reads {value, multiValue, attributes}. The guide's rule for
// duplicates: a multiValue that was modified wins and value is ignored;
// otherwise a modified value replaces the first and the others stay.
func readItems(v goja.Value, was []item, what, name string) ([]item, error) {
	o, ok := v.(*goja.Object)
	if !ok {
		return nil, invalid("%s[%q] is not an object with a value", what, clip(name, 60))
	}
	first, err := readItem(o, what, name)
	multi := o.Get("multiValue")
	if multi == nil || goja.IsUndefined(multi) {
		if err != nil {
			return nil, err
		}
		return []item{first}, nil
	}
	a, ok := multi.(*goja.Object)
	if !ok || a.ClassName() != "Array" {
		return nil, invalid("%s[%q].multiValue is not an array", what, clip(name, 60))
	}
	n := a.Get("length").ToInteger()
	if n > maxNames {
		return nil, invalid("%s[%q].multiValue has more than %d members", what, clip(name, 60), maxNames)
	}
	items := make([]item, n)
	for i := range items {
		element, ok := a.Get(strconv.Itoa(i)).(*goja.Object)
		if !ok {
			return nil, invalid("%s[%q].multiValue[%d] is not an object with a value", what, clip(name, 60), i)
		}
		if items[i], err = readItem(element, what, name); err != nil {
			return nil, err
		}
	}
	if len(items) == 0 && was == nil {
		return []item{first}, err
	}
	if len(items) > 0 && err == nil && slices.Equal(items, was) && first != was[0] {
		items[0] = first
	}
	if len(items) == 0 {
		return nil, nil
	}
	return items, nil
}

func readItem(o *goja.Object, what, name string) (item, error) {
	value, ok := textOf(o.Get("value"))
	if !ok {
		return item{}, invalid("%s[%q].value is not a string", what, clip(name, 60))
	}
	it := item{value: value}
	if v := o.Get("attributes"); v != nil && !goja.IsUndefined(v) && !goja.IsNull(v) {
		if it.attributes, ok = textOf(v); !ok {
			return item{}, invalid("%s[%q].attributes is not a string", what, clip(name, 60))
		}
	}
	return it, nil
}

// textOf is a JavaScript string; other values are not ok.
func textOf(v goja.Value) (string, bool) {
	if s, ok := v.(goja.String); ok {
		return s.String(), true
	}
	return "", false
}

// merge writes names and values anew: each, in the order of the message, is
// handed to keep while it stands, and what changed is handed to put where it
// stood first; what is new comes last. With an order (the function made a new
// object) that order is taken instead.
type merge struct {
	changes []change
	order   []string
	each    func(visit func(name, raw string)) // of the message
	keep    func(raw string)
	put     func(name string, it item)
}

func (m merge) run() {
	if m.order != nil {
		for _, name := range m.order {
			if c := m.change(name); c != nil {
				m.emit(c)
			} else {
				m.each(func(n, raw string) {
					if n == name {
						m.keep(raw)
					}
				})
			}
		}
		return
	}
	done := map[string]bool{}
	m.each(func(name, raw string) {
		c := m.change(name)
		switch {
		case c == nil:
			m.keep(raw)
		case !done[name]:
			done[name] = true
			m.emit(c)
		}
	})
	for i := range m.changes {
		if m.changes[i].was == nil {
			m.emit(&m.changes[i])
		}
	}
}

func (m merge) change(name string) *change {
	for i := range m.changes {
		if m.changes[i].name == name {
			return &m.changes[i]
		}
	}
	return nil
}

func (m merge) emit(c *change) {
	for _, it := range c.items {
		m.put(c.name, it)
	}
}
