// SPDX-License-Identifier: Apache-2.0

// Package effect says what a change of a template means for those who ask:
// for which paths of a distribution, and for which routes of an API, another
// origin answers, another key, lifetime or authorisation holds.
//
// The flow of Compare:
//
//  1. Distributions are paired by an alias that both have, else by logical id;
//     APIs and function URLs by logical id.
//  2. The paths of a pair are divided into areas: those that the i-th behavior
//     of the old one and the j-th of the new one answer. An area whose two
//     behaviors mean the same is left out; of any other one a path is found by
//     matching the patterns together, and without a path there is no area.
//  3. Each area tells its changes, aspect by aspect. A change that lets in whom
//     the old template kept out opens.
//
// Meanings are compared as text that people can read (describe.go), with names
// of the template instead of addresses.
//
// What it does not do: it compares no properties (two templates that say the
// same differently have no effect), does not look into code of functions beyond
// whether it differs, and tells no values of secrets. Compare is pure.
package effect

import (
	"github.com/forelane/forelane/internal/model"
)

// Aspect is what of an area changes. The list is closed.
type Aspect string

// The aspects.
const (
	Served        Aspect = "served" // whether there is anything
	Host          Aspect = "host names"
	Origin        Aspect = "origin"
	Key           Aspect = "key"
	TTL           Aspect = "ttl"
	Authorisation Aspect = "authorisation"
	Forwarded     Aspect = "forwarded"
	Methods       Aspect = "methods"
	Protocol      Aspect = "protocol"
	Functions     Aspect = "functions"
	Response      Aspect = "response headers"
	Compression   Aspect = "compression"
	ErrorPages    Aspect = "error pages"
	Access        Aspect = "access" // web ACL, geo restriction, resource policy, direct addresses
	RootObject    Aspect = "root object"
	CORS          Aspect = "cors"
	Limits        Aspect = "limits"
)

// Change is one aspect before and after.
type Change struct {
	Aspect Aspect `json:"aspect"`
	Before string `json:"before"`
	After  string `json:"after"`
	// Opens says that requests may pass now that were refused before.
	Opens bool `json:"opens,omitempty"`
}

// Area is what changes together: the paths that two behaviors share, a route,
// or a whole distribution, API or function URL.
type Area struct {
	Kind     string `json:"kind"` // distribution, api, domain, function url
	Resource string `json:"resource"`
	Host     string `json:"host,omitempty"`
	// Path is one of the area; Before and After are the patterns of its two
	// behaviors, or the key of a route. All are empty for the whole resource.
	Path    string   `json:"path,omitempty"`
	Before  string   `json:"before,omitempty"`
	After   string   `json:"after,omitempty"`
	Changes []Change `json:"changes"`
}

// Opens tells whether a change of the area does.
func (a *Area) Opens() bool {
	for _, c := range a.Changes {
		if c.Opens {
			return true
		}
	}
	return false
}

// Compare tells what the stacks of a newer template mean beside those of an
// older one.
func Compare(before, after []*model.Stack) []Area {
	c := &comparison{before: newIndex(before), after: newIndex(after)}
	c.distributions()
	c.apis()
	c.domains()
	c.functionURLs()
	return c.areas
}

type comparison struct {
	before, after *index
	areas         []Area
}

// add keeps an area that has changes.
func (c *comparison) add(a Area) {
	if len(a.Changes) > 0 {
		c.areas = append(c.areas, a)
	}
}

// index are stacks as one.
type index struct {
	stacks []*model.Stack
}

func newIndex(stacks []*model.Stack) *index { return &index{stacks} }

func (x *index) distributions() []*model.Distribution {
	var out []*model.Distribution
	for _, s := range x.stacks {
		out = append(out, s.Distributions...)
	}
	return out
}

func (x *index) apis() []*model.API {
	var out []*model.API
	for _, s := range x.stacks {
		out = append(out, s.APIs...)
	}
	return out
}

// aspects compares two lists of meanings of the same length.
func aspects(before, after []meaning) []Change {
	var out []Change
	for i, b := range before {
		a := after[i]
		if b.text == a.text && b.secret == a.secret {
			continue
		}
		ch := Change{Aspect: b.aspect, Before: b.text, After: a.text, Opens: b.guards > a.guards}
		if ch.Before == ch.After {
			ch.After += " (changed)"
		}
		out = append(out, ch)
	}
	return out
}

// meaning is one aspect of something.
type meaning struct {
	aspect Aspect
	text   string
	secret string // compared and not told
	guards int    // how much it keeps out
}
