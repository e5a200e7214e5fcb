// SPDX-License-Identifier: Apache-2.0

package vtl

// reference evaluates $a.b(c)[d]. A reference without a value is "".
func (r *renderer) reference(ref *reference) (any, error) {
	v, err := r.variable(ref.name)
	for i := 0; err == nil && v != nil && i < len(ref.steps); i++ {
		r.line = ref.line
		v, err = r.follow(v, &ref.steps[i])
	}
	if v == nil && err == nil {
		return "", nil
	}
	return v, err
}

// variable is the value of a name, or nil.
func (r *renderer) variable(name string) (any, error) {
	if r.frame != nil {
		if a, ok := r.frame.args[name]; ok {
			if a.set {
				return a.value, nil
			}
			if err := r.enter(); err != nil {
				return nil, err
			}
			defer r.leave()
			here := r.frame
			r.frame = here.caller
			v, err := r.value(a.of)
			r.frame = here
			return v, err
		}
	}
	if v, ok := r.vars[name]; ok {
		return v, nil
	}
	if r.loop != nil {
		switch name {
		case "foreach":
			return r.loop, nil
		case "velocityCount":
			return int64(r.loop.index + 1), nil
		case "velocityHasNext":
			return r.loop.hasNext, nil
		}
	}
	return nil, nil
}

// follow takes one step of a reference.
func (r *renderer) follow(v any, s *refStep) (any, error) {
	if err := r.step(1); err != nil {
		return nil, err
	}
	switch s.kind {
	case property:
		return r.property(v, s.name)
	case index:
		at, err := r.value(s.args[0])
		if err != nil {
			return nil, err
		}
		return r.index(v, at)
	}
	args, err := r.values(s.args)
	if err != nil {
		return nil, err
	}
	return r.call(v, s.name, args)
}

// property is $v.name: a getter's value, or a map's.
func (r *renderer) property(v any, name string) (any, error) {
	switch v := v.(type) {
	case *dict:
		found, _ := v.get(name)
		return found, nil
	case *entry:
		switch name {
		case "key":
			return v.key, nil
		case "value":
			return v.value, nil
		}
	case *list:
		if name == "empty" {
			return len(v.items) == 0, nil
		}
	case string:
		if name == "empty" {
			return v == "", nil
		}
	case *loop:
		return v.property(name), nil
	case object:
		return v.property(r, name)
	}
	return nil, nil
}

func (l *loop) property(name string) any {
	switch name {
	case "index":
		return int64(l.index)
	case "count":
		return int64(l.index + 1)
	case "hasNext":
		return l.hasNext
	case "first":
		return l.index == 0
	case "last":
		return !l.hasNext
	case "parent":
		if l.parent != nil {
			return l.parent
		}
	case "topmost":
		for l.parent != nil {
			l = l.parent
		}
		return l
	}
	return nil
}

// index is $v[at]; a negative index counts from the end.
func (r *renderer) index(v, at any) (any, error) {
	switch v := v.(type) {
	case *list:
		i, ok := at.(int64)
		if !ok {
			return nil, nil
		}
		if i < 0 {
			i += int64(len(v.items))
		}
		if i < 0 || i >= int64(len(v.items)) {
			return nil, r.fail(Exception, "index %d of a list of %d", i, len(v.items))
		}
		return v.items[i], nil
	case *dict:
		found, _ := v.get(at)
		return found, nil
	case object:
		if name, ok := at.(string); ok {
			return v.property(r, name)
		}
	}
	return nil, nil
}

// assign is #set. What cannot be set is left alone.
func (r *renderer) assign(to *reference, v any) error {
	n := len(to.steps)
	if n == 0 {
		if r.frame != nil {
			if a, ok := r.frame.args[to.name]; ok {
				a.value, a.set = v, true
				r.frame.args[to.name] = a
				return nil
			}
		}
		if _, had := r.vars[to.name]; !had {
			if err := r.charge(64 + len(to.name)); err != nil {
				return err
			}
		}
		r.vars[to.name] = v
		return nil
	}
	on, err := r.variable(to.name)
	for i := 0; err == nil && on != nil && i < n-1; i++ {
		on, err = r.follow(on, &to.steps[i])
	}
	if err != nil || on == nil {
		return err
	}
	last := &to.steps[n-1]
	var at any = last.name
	if last.kind == index {
		if at, err = r.value(last.args[0]); err != nil {
			return err
		}
	}
	switch on := on.(type) {
	case *dict:
		on.put(at, v)
		return r.charge(64)
	case *list:
		i, ok := at.(int64)
		if !ok {
			return nil
		}
		if i < 0 {
			i += int64(len(on.items))
		}
		if i < 0 || i >= int64(len(on.items)) {
			return r.fail(Exception, "#set of index %d of a list of %d", i, len(on.items))
		}
		on.items[i] = v
	case settable:
		return on.set(r, toText(at), v)
	}
	return nil
}

// settable is an object whose members #set may write.
type settable interface {
	set(r *renderer, name string, v any) error
}
