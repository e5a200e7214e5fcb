// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/pattern"
)

// Which routes of an API a behavior can reach. A path of a viewer becomes one
// of the API by OriginPath in front; the API takes its stage (or the mapping
// of a custom domain) off. So all is compared as the API sees it:
//
//	OriginPath /prod, pattern /api/*    ->  /prod/api/*
//	stage prod, route GET /api/{id}     ->  /prod/api/*
//
// A variable is written as a star, which is a little more than it takes. What
// an earlier behavior takes, and what a more exact route of the API takes, is
// left out. A request is a GET here: only those are cached.

// inputKind is where a request carries something.
type inputKind uint8

const (
	header inputKind = iota
	query
	cookie
)

// input is a header, a query string or a cookie by name.
type input struct {
	kind inputKind
	name string
}

// String names it for messages.
func (in input) String() string {
	return [...]string{"header ", "query string ", "cookie ", "?"}[in.kind&3] + in.name
}

// guarded is a route with a guard that a behavior can reach.
type guarded struct {
	t      *target
	route  *model.Route
	inputs []input // what the guard looks at
	path   string  // as a viewer asks for it
}

// maxRoutes bounds how many routes of one API are looked at.
const maxRoutes = 300

// guardedRoutes finds routes with an authorizer or an API key behind f: one for
// each list of things that guards look at.
func (f *flow) guardedRoutes() []guarded {
	var out []guarded
	for _, t := range f.targets {
		known := map[string]bool{}
		for _, p := range t.places() {
			for i, rt := range p.routes {
				if i == maxRoutes || !answersGET(rt) {
					continue
				}
				inputs, guards := guardInputs(p.api, rt)
				key := fmt.Sprint(inputs)
				if !guards || known[key] {
					continue
				}
				if path, ok := f.reach(t, p, rt); ok {
					known[key] = true
					out = append(out, guarded{t, rt, inputs, path})
				}
			}
		}
	}
	return out
}

// place is a stage of an API with the path in front of its routes.
type place struct {
	api    *model.API
	prefix string
	routes []*model.Route
}

// places are the stages that an origin's host gives access to.
func (t *target) places() []place {
	if t.domain != nil {
		return t.mapped()
	}
	if t.api == nil {
		return nil
	}
	var out []place
	for _, s := range t.api.Stages {
		prefix := "/" + s.Name
		if s.Name == "$default" {
			prefix = ""
		}
		out = append(out, place{t.api, prefix, routesOf(t.api, s)})
	}
	return out
}

// mapped are the stages behind a custom domain.
func (t *target) mapped() []place {
	var out []place
	for _, m := range t.domain.Mappings {
		a := t.stack.API(m.APIID)
		if a == nil {
			continue
		}
		prefix := ""
		if m.Path != "" {
			prefix = "/" + m.Path
		}
		for _, s := range a.Stages {
			if s.Name == m.Stage {
				out = append(out, place{a, prefix, routesOf(a, s)})
			}
		}
	}
	return out
}

func routesOf(a *model.API, s *model.Stage) []*model.Route {
	if s.Routes != nil {
		return s.Routes
	}
	return a.Routes
}

func answersGET(rt *model.Route) bool {
	return rt.Method == "GET" || rt.Method == "ANY" || rt.Method == ""
}

// reach finds a path by which requests of f come to a route.
func (f *flow) reach(t *target, p place, rt *model.Route) (string, bool) {
	front := strings.TrimSuffix(t.o.Path, "/")
	shift := func(q pattern.Path) pattern.Path {
		if q.String() == "" {
			return pattern.Path{}
		}
		return pattern.Glob(front + "/" + strings.TrimPrefix(q.String(), "/"))
	}
	mine, asked := routeGlob(p.prefix, rt), shift(f.pattern)
	if _, some := pattern.Overlap(asked, mine); !some {
		return "", false
	}
	var out []pattern.Path
	for _, q := range f.before {
		out = append(out, shift(q))
	}
	for _, o := range p.routes {
		if o != rt && answersGET(o) && moreExact(o, rt) {
			out = append(out, routeGlob(p.prefix, o))
		}
	}
	path, answer := pattern.Search([]pattern.Path{asked, mine}, out)
	return strings.TrimPrefix(path, front), answer == pattern.Found
}

// routeGlob writes a route as a pattern.
func routeGlob(prefix string, rt *model.Route) pattern.Path {
	if rt.Path == "" {
		return pattern.Glob(prefix + "/*")
	}
	var b strings.Builder
	for rest := rt.Path; ; {
		text, after, ok := strings.Cut(rest, "{")
		b.WriteString(strings.NewReplacer("*", "?", "?", "?").Replace(text))
		if !ok {
			return pattern.Glob(prefix + b.String())
		}
		b.WriteByte('*')
		_, rest, _ = strings.Cut(after, "}")
	}
}

// moreExact tells whether a is chosen over b where both match.
func moreExact(a, b *model.Route) bool {
	if a.Path == b.Path {
		return a.Method == "GET" && b.Method != "GET"
	}
	stem, _, variable := strings.Cut(b.Path, "{")
	if b.Path != "" && !variable || !strings.HasPrefix(a.Path, stem) {
		return false
	}
	x, y := routeGlob("", a), routeGlob("", b)
	return pattern.Shadows(y, x) && !pattern.Shadows(x, y)
}

// guardInputs are what decides about a route's callers, as far as that is
// known, and whether anything does.
func guardInputs(a *model.API, rt *model.Route) (inputs []input, guards bool) {
	if rt.APIKeyRequired {
		guards = true
		if !a.APIKeyFromAuth {
			inputs = append(inputs, input{header, "x-api-key"})
		}
	}
	if rt.Authorization == "" || rt.Authorization == "NONE" {
		return inputs, guards
	}
	for _, z := range a.Authorizers {
		if rt.AuthorizerID == "" || z.ID != rt.AuthorizerID && z.LogicalID != rt.AuthorizerID {
			continue
		}
		for _, source := range z.IdentitySource {
			if in, ok := sourceInput(source); ok {
				inputs = append(inputs, in)
			}
		}
		if len(z.IdentitySource) > 0 || z.Kind == "REQUEST" {
			return inputs, true
		}
	}
	return append(inputs, input{header, "Authorization"}), true
}

// sourceInput reads $request.header.X and method.request.querystring.x.
func sourceInput(source string) (input, bool) {
	s := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(source), "$"), "method.")
	for word, kind := range map[string]inputKind{"request.header.": header, "request.querystring.": query} {
		if name, ok := strings.CutPrefix(s, word); ok {
			if kind == header && strings.EqualFold(name, "cookie") {
				return input{}, false // which cookie is the function's to know
			}
			return input{kind, name}, true
		}
	}
	return input{}, false
}
