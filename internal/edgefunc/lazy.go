// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"net/http"
	"slices"

	"github.com/dop251/goja"
)

// lazy is an object of the event whose members are made when they are asked
// for: the event itself, its context, viewer, request and response. Most
// functions look at two or three of them.
type lazy struct {
	e       *exchange
	members []member
	object  *goja.Object
}

// member is one of them.
type member struct {
	name string
	part part
	now  goja.Value // nil: not asked for
}

// part says what of the event a member is.
type part uint8

const (
	partNone part = iota // the member has its value
	partVersion
	partContext
	partViewer
	partMethod
	partURI
	partQuery
	partHeaders
	partCookies
	partStatus
	partWords
	partSent
	partSetCookies
	partDomain
	partDistribution
	partEvent
	partRequestID
	partIP
)

// make makes a part.
func (e *exchange) make(p part) goja.Value {
	text := e.m.vm.ToValue
	switch p {
	case partVersion:
		return text("1.0")
	case partContext:
		return e.object([]member{
			{name: "distributionDomainName", part: partDomain},
			{name: "distributionId", part: partDistribution},
			{name: "eventType", part: partEvent},
			{name: "requestId", part: partRequestID},
		})
	case partViewer:
		return e.object([]member{{name: "ip", part: partIP}})
	case partMethod:
		return text(e.method)
	case partURI:
		return text(e.uri)
	case partQuery:
		return e.query.value()
	case partHeaders:
		return e.headers.value()
	case partCookies:
		return e.cookies.value()
	case partDomain:
		return text(e.m.ev.DistributionDomain)
	case partDistribution:
		return text(e.m.ev.DistributionID)
	case partRequestID:
		return text(e.m.ev.RequestID)
	case partEvent:
		if e.rs != nil {
			return text("viewer-response")
		}
		return text("viewer-request")
	case partIP:
		return text(e.rq.Viewer.Addr.Addr().Unmap().WithZone("").String())
	case partStatus:
		return text(e.status)
	case partWords:
		return text(http.StatusText(e.status))
	case partSent:
		return e.sent.value()
	case partSetCookies:
		return e.setCookies.value()
	case partNone:
	}
	return goja.Undefined()
}

func (e *exchange) object(members []member) goja.Value {
	l := &lazy{}
	l.begin(e, members)
	return l.object
}

// untouched stands for a member that was not asked for, nor written.
var untouched goja.Value = goja.NewSymbol("untouched")

func (l *lazy) begin(e *exchange, members []member) {
	l.e, l.members = e, members
	l.object = e.m.vm.NewDynamicObject(l)
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
		m.now = l.e.make(m.part)
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
