// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"slices"

	"github.com/dop251/goja"
)

// lazy is an object of the event whose members are made when they are asked
// for: the event itself, its context, viewer, request and response. Most
// functions look at two or three of them.
type lazy struct {
	members []member
	object  *goja.Object
}

// member is one of them.
type member struct {
	name string
	make func() goja.Value
	now  goja.Value // nil: not asked for
}

// untouched stands for a member that was not asked for, nor written.
var untouched goja.Value = goja.NewSymbol("untouched")

func (m *machine) newLazy(members []member) *lazy {
	l := &lazy{members: members}
	l.object = m.vm.NewDynamicObject(l)
	return l
}

func (l *lazy) find(name string) *member {
	for i := range l.members {
		if l.members[i].name == name {
			return &l.members[i]
		}
	}
	return nil
}

// peek is a member of the object that a handler returned. Of an object of the
// event it is untouched when it is as it was.
func (l *lazy) peek(o *goja.Object, name string) goja.Value {
	if o != l.object {
		return o.Get(name)
	}
	m := l.find(name)
	switch {
	case m == nil:
		return nil
	case m.now == nil:
		return untouched
	}
	return m.now
}

// Get is part of goja.DynamicObject.
func (l *lazy) Get(name string) goja.Value {
	m := l.find(name)
	if m == nil {
		return nil
	}
	if m.now == nil {
		m.now = m.make()
	}
	return m.now
}

// Set is part of goja.DynamicObject.
func (l *lazy) Set(name string, v goja.Value) bool {
	if m := l.find(name); m != nil {
		m.now = v
	} else {
		l.members = append(l.members, member{name: name, now: v})
	}
	return true
}

// Has is part of goja.DynamicObject.
func (l *lazy) Has(name string) bool { return l.find(name) != nil }

// Delete is part of goja.DynamicObject.
func (l *lazy) Delete(name string) bool {
	l.members = slices.DeleteFunc(l.members, func(m member) bool { return m.name == name })
	return true
}

// Keys is part of goja.DynamicObject.
func (l *lazy) Keys() []string {
	names := make([]string, len(l.members))
	for i := range l.members {
		names[i] = l.members[i].name
	}
	return names
}
