// SPDX-License-Identifier: Apache-2.0

package pattern

import (
	"fmt"
	"strings"
)

// SegmentKind is what one segment of a route's path matches.
type SegmentKind uint8

// The kinds, most specific first: this is also the order of precedence.
const (
	Static   SegmentKind = iota // the text itself
	Variable                    // {name}: one segment that is not empty
	Greedy                      // {name+}: the rest of the path, not empty; last only
)

// String is a word for messages.
func (k SegmentKind) String() string {
	return [...]string{"static", "variable", "greedy", "?"}[k&3]
}

// Segment is what stands between two slashes of a route's path.
type Segment struct {
	Kind SegmentKind
	Text string // the text, or the name of the variable
}

// Route is a parsed route key.
type Route struct {
	// Method is upper case, ANY for all; empty only for $default.
	Method string
	// Path is as written; empty for $default.
	Path     string
	Segments []Segment
}

// IsDefault tells whether the route is $default, the catch-all of HTTP APIs.
func (r *Route) IsDefault() bool { return r.Path == "" }

// String is the route key in AWS's form.
func (r *Route) String() string {
	if r.IsDefault() {
		return "$default"
	}
	return r.Method + " " + r.Path
}

// ParseRoute parses "GET /items/{id}", "ANY /{proxy+}" or "$default".
func ParseRoute(key string) (Route, error) {
	if key == "$default" {
		return Route{}, nil
	}
	method, path, ok := strings.Cut(key, " ")
	if !ok || method == "" {
		return Route{}, fmt.Errorf("route key %q: want METHOD /path or $default", key)
	}
	if !strings.HasPrefix(path, "/") {
		return Route{}, fmt.Errorf("route key %q: the path must begin with /", key)
	}
	r := Route{Method: strings.ToUpper(method), Path: path}
	segments, err := parseSegments(path)
	if err != nil {
		return Route{}, fmt.Errorf("route key %q: %w", key, err)
	}
	r.Segments = segments
	return r, nil
}

func parseSegments(path string) ([]Segment, error) {
	parts := strings.Split(path[1:], "/")
	segments := make([]Segment, 0, len(parts))
	seen := map[string]bool{}
	for i, part := range parts {
		name, isVar := strings.CutPrefix(part, "{")
		if !isVar || !strings.HasSuffix(name, "}") {
			segments = append(segments, Segment{Static, part})
			continue
		}
		name = name[:len(name)-1]
		kind := Variable
		if bare, greedy := strings.CutSuffix(name, "+"); greedy {
			if i != len(parts)-1 {
				return nil, fmt.Errorf("{%s} must be the last segment: a greedy variable takes the rest of the path", name)
			}
			kind, name = Greedy, bare
		}
		if name == "" || strings.ContainsAny(name, "{}+") {
			return nil, fmt.Errorf("%q is no variable: write {name} or {name+}", part)
		}
		if seen[name] {
			return nil, fmt.Errorf("variable {%s} stands twice", name)
		}
		seen[name] = true
		segments = append(segments, Segment{kind, name})
	}
	return segments, nil
}
