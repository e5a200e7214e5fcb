// SPDX-License-Identifier: Apache-2.0

package vtl

import "slices"

// JSONPath as Jayway's library reads it, which API Gateway uses: $.a.b, ['a'],
// ['a','b'], [0], [-1], [0,2], [1:3], *, .., [?(@.a > 1 && @.b)], length().
//
// A path that can name one value only (definite) yields it, or nothing; all
// others yield a list, which may be empty.

// pathStep is one segment.
type pathStep struct {
	deep    bool // after ..
	all     bool // *
	names   []string
	indices []int64
	slice   *[3]*int64 // from, to, step
	where   pathTest   // filter
	length  bool       // length() or size()
}

func (s *pathStep) definite() bool {
	return !s.deep && !s.all && s.slice == nil && s.where == nil && len(s.names) <= 1 && len(s.indices) <= 1
}

// jsonPath follows a path from root. nil: there is no such value.
func (r *renderer) jsonPath(root any, path string) (any, error) {
	steps, err := r.parsePath(path)
	if err != nil {
		return nil, err
	}
	found, err := r.walk([]any{root}, steps, root)
	if err != nil {
		return nil, err
	}
	if isDefinite(steps) {
		if len(found) == 0 {
			return nil, nil
		}
		return found[0], nil
	}
	return &list{items: found, json: true}, nil
}

func isDefinite(steps []pathStep) bool {
	return !slices.ContainsFunc(steps, func(s pathStep) bool { return !s.definite() })
}

func (r *renderer) walk(at []any, steps []pathStep, root any) ([]any, error) {
	for i := range steps {
		s := &steps[i]
		var next []any
		for _, v := range at {
			from := []any{v}
			if s.deep {
				var err error
				if from, err = r.descend(nil, v, 0); err != nil {
					return nil, err
				}
			}
			for _, v := range from {
				var err error
				if next, err = r.pick(next, v, s, root); err != nil {
					return nil, err
				}
			}
		}
		at = next
	}
	return at, nil
}

// descend lists a value and all below it, parents first.
func (r *renderer) descend(out []any, v any, depth int) ([]any, error) {
	if depth > maxDepth {
		return nil, r.fail(TooDeep, "JSONPath ..")
	}
	if err := r.charge(16); err != nil {
		return nil, err
	}
	out = append(out, v)
	var below []any
	switch v := v.(type) {
	case *list:
		below = v.items
	case *dict:
		below = dictValues(v)
	}
	for _, b := range below {
		var err error
		if out, err = r.descend(out, b, depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// pick adds what a step selects of one value.
func (r *renderer) pick(out []any, v any, s *pathStep, root any) ([]any, error) {
	if err := r.step(1); err != nil {
		return nil, err
	}
	before := len(out)
	switch v := v.(type) {
	case *dict:
		switch {
		case s.length:
			out = append(out, int64(len(v.keys)))
		case s.all:
			out = append(out, dictValues(v)...)
		case s.where != nil:
			if !s.deep { // Jayway tests a single object itself
				return r.test(out, v, s, root)
			}
		}
		for _, n := range s.names {
			if found, ok := v.get(n); ok {
				out = append(out, found)
			}
		}
	case *list:
		if s.where != nil {
			for _, item := range v.items {
				var err error
				if out, err = r.test(out, item, s, root); err != nil {
					return nil, err
				}
			}
			return out, nil
		}
		out = pickItems(out, v, s)
	case string:
		if s.length {
			out = append(out, int64(utf16Len(v)))
		}
	}
	return out, r.charge(16 * (len(out) - before))
}

func pickItems(out []any, v *list, s *pathStep) []any {
	n := int64(len(v.items))
	switch {
	case s.length:
		out = append(out, n)
	case s.all:
		out = append(out, v.items...)
	case s.slice != nil:
		from, to, step := bounds(s.slice, n)
		for i := from; i < to; i += step {
			out = append(out, v.items[i])
		}
	}
	for _, i := range s.indices {
		if i < 0 {
			i += n
		}
		if i >= 0 && i < n {
			out = append(out, v.items[i])
		}
	}
	return out
}

// bounds is a slice within a list of n; the step is above 0.
func bounds(slice *[3]*int64, n int64) (from, to, step int64) {
	clamp := func(p *int64, or int64) int64 {
		if p == nil {
			return or
		}
		i := *p
		if i < 0 {
			i += n
		}
		return max(0, min(i, n))
	}
	step = 1
	if slice[2] != nil && *slice[2] > 0 {
		step = *slice[2]
	}
	return clamp(slice[0], 0), clamp(slice[1], n), min(step, n+1)
}

func (r *renderer) test(out []any, v any, s *pathStep, root any) ([]any, error) {
	if err := r.step(1); err != nil {
		return nil, err
	}
	ok, err := s.where.test(r, v, root)
	if err == nil && ok {
		out = append(out, v)
		err = r.charge(16)
	}
	return out, err
}
