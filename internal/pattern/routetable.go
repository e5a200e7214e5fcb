// SPDX-License-Identifier: Apache-2.0

package pattern

import "strings"

// RouteStyle is the rule by which a request finds its route.
//
// HTTPRoutes (API Gateway v2, "Routing API requests"): a route that matches
// path and method in full wins over one with a greedy variable, which wins
// over $default. Within each of the first two, segments are compared from the
// left and text beats a variable; for one and the same path, the request's own
// method beats ANY. A path that matches under another method does not stop the
// search, and a slash at the end counts.
//
// RESTRoutes (API Gateway v1, the resource tree): the resource is found first,
// from the left, text before {param} before {proxy+}; then its method, then
// its ANY. A resource without the method ends the search. Slashes at the end
// do not count.
//
// Example, for GET /pets/dog/2:
//
//	GET /pets/dog/1, GET /pets/dog/{id}, GET /pets/{proxy+}, ANY /{proxy+}, $default
//	                 ^ both styles; for POST, HTTPRoutes takes ANY /{proxy+}
//	                   and RESTRoutes takes none.
type RouteStyle uint8

// The styles.
const (
	HTTPRoutes RouteStyle = iota
	RESTRoutes
)

// Param is a variable of a route and the part of the path that it took, still
// percent-encoded.
type Param struct{ Name, Value string }

// RouteTable finds the route of a request. Its cost grows with the length of
// the path, not with the number of routes.
type RouteTable struct {
	style    RouteStyle
	root     routeNode
	fallback int // index of $default, or -1
	shadowed []int
}

type routeNode struct {
	static   map[string]*routeNode
	variable *routeNode
	leaf     []routeTarget // routes that end here
	greedy   []routeTarget // routes whose greedy variable takes what follows
}

type routeTarget struct {
	method string
	index  int
	names  []string
}

// NewRouteTable builds the table of routes; Match answers with indexes into them.
func NewRouteTable(style RouteStyle, routes []Route) *RouteTable {
	t := &RouteTable{style: style, fallback: -1}
	for i := range routes {
		if !t.add(&routes[i], i) {
			t.shadowed = append(t.shadowed, i)
		}
	}
	return t
}

// Shadowed lists the routes that no request reaches, because an earlier one
// has the same method and the same path (names of variables aside).
func (t *RouteTable) Shadowed() []int { return t.shadowed }

func (t *RouteTable) add(r *Route, index int) bool {
	if r.IsDefault() {
		if t.fallback >= 0 {
			return false
		}
		t.fallback = index
		return true
	}
	segments := r.Segments
	if t.style == RESTRoutes { // "/" is the root itself, "/a/" is "/a"
		for len(segments) > 0 && segments[len(segments)-1] == (Segment{}) {
			segments = segments[:len(segments)-1]
		}
	}
	n, names := &t.root, []string(nil)
	for _, s := range segments {
		switch s.Kind {
		case Static:
			n = n.child(s.Text)
		case Variable:
			names = append(names, s.Text)
			if n.variable == nil {
				n.variable = &routeNode{}
			}
			n = n.variable
		case Greedy:
			return appendTarget(&n.greedy, routeTarget{r.Method, index, append(names, s.Text)})
		}
	}
	return appendTarget(&n.leaf, routeTarget{r.Method, index, names})
}

func (n *routeNode) child(text string) *routeNode {
	c := n.static[text]
	if c == nil {
		if n.static == nil {
			n.static = map[string]*routeNode{}
		}
		c = &routeNode{}
		n.static[text] = c
	}
	return c
}

func appendTarget(list *[]routeTarget, t routeTarget) bool {
	for _, have := range *list {
		if have.method == t.method {
			return false
		}
	}
	*list = append(*list, t)
	return true
}

// Match finds the route for a method and a path that begins with a slash and
// has no query. It returns the route's index, or -1, and appends the values of
// the route's variables to params.
func (t *RouteTable) Match(method, path string, params []Param) (int, []Param) {
	if !strings.HasPrefix(path, "/") {
		return -1, params
	}
	var buf [16]string
	w := routeWalk{method: method, values: buf[:0]}
	rest, more := path[1:], true
	if t.style == RESTRoutes {
		w.tree, w.takeGreedy = true, true
		rest = strings.TrimRight(rest, "/")
		more = rest != ""
	}
	found := w.step(&t.root, rest, more)
	if found == nil && !w.ended && !w.takeGreedy {
		w.takeGreedy, w.skipLeaf = true, true
		found = w.step(&t.root, rest, more)
	}
	if found == nil {
		if w.ended {
			return -1, params
		}
		return t.fallback, params
	}
	for i, name := range found.names {
		params = append(params, Param{name, w.values[i]})
	}
	return found.index, params
}

// routeWalk is one search. Each node has one path from the root, so it is
// entered once at most, and the walk ends after as many steps as there are
// nodes, whatever the path.
type routeWalk struct {
	method     string
	values     []string // what the variables on the way took
	tree       bool     // a resource without the method ends the search
	takeGreedy bool
	skipLeaf   bool
	ended      bool
}

func (w *routeWalk) step(n *routeNode, rest string, more bool) *routeTarget {
	if !more {
		if w.skipLeaf {
			return nil
		}
		return w.pick(n.leaf)
	}
	segment, tail, deeper := strings.Cut(rest, "/")
	if c := n.static[segment]; c != nil {
		if found := w.step(c, tail, deeper); found != nil || w.ended {
			return found
		}
	}
	if n.variable != nil && segment != "" {
		w.values = append(w.values, segment)
		if found := w.step(n.variable, tail, deeper); found != nil || w.ended {
			return found
		}
		w.values = w.values[:len(w.values)-1]
	}
	if w.takeGreedy && len(n.greedy) > 0 && rest != "" {
		if found := w.pick(n.greedy); found != nil {
			w.values = append(w.values, rest)
			return found
		}
	}
	return nil
}

func (w *routeWalk) pick(targets []routeTarget) *routeTarget {
	var anyMethod *routeTarget
	for i := range targets {
		switch targets[i].method {
		case w.method:
			return &targets[i]
		case "ANY":
			anyMethod = &targets[i]
		}
	}
	if anyMethod == nil && w.tree && len(targets) > 0 {
		w.ended = true
	}
	return anyMethod
}
