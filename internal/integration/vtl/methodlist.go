// SPDX-License-Identifier: Apache-2.0

package vtl

// callList is the part of java.util.List that templates use; sets, arrays and
// iterators are lists here too.
func (r *renderer) callList(l *list, name string, args []any) (any, error) {
	switch len(args) {
	case 0:
		return r.callList0(l, name)
	case 1:
		return r.callList1(l, name, args[0])
	case 2:
		return r.callList2(l, name, args)
	}
	return nil, nil
}

func (r *renderer) callList0(l *list, name string) (any, error) {
	switch name {
	case "size", "length":
		return int64(len(l.items)), nil
	case "isEmpty":
		return len(l.items) == 0, nil
	case "clear":
		l.items = nil
	case "toArray", "stream", "asList":
		return r.copyList(l.items)
	case "iterator", "listIterator":
		return &iterator{list: l}, nil
	}
	return nil, nil
}

// copyList is a list of its own with the same items.
func (r *renderer) copyList(items []any) (any, error) {
	if err := r.charge(16 * len(items)); err != nil {
		return nil, err
	}
	return &list{items: append([]any(nil), items...)}, nil
}

func (r *renderer) callList1(l *list, name string, arg any) (any, error) {
	switch name {
	case "get":
		i, ok := toInt(arg)
		if !ok {
			return nil, nil
		}
		if i < 0 || i >= int64(len(l.items)) {
			return nil, r.fail(Exception, "get(%d) of a list of %d", i, len(l.items))
		}
		return l.items[i], nil
	case "add":
		l.items = append(l.items, arg)
		return true, r.charge(32)
	case "addAll":
		other, ok := arg.(*list)
		if !ok {
			return nil, nil
		}
		l.items = append(l.items, other.items...)
		return len(other.items) > 0, r.charge(32 * len(other.items))
	case "contains", "indexOf", "lastIndexOf":
		i, err := r.find(l, arg, name == "lastIndexOf")
		if name == "contains" {
			return i >= 0, err
		}
		return i, err
	case "containsAll":
		return r.containsAll(l, arg)
	case "remove":
		return r.removeFrom(l, arg)
	case "removeAll", "retainAll":
		other, ok := arg.(*list)
		if !ok {
			return nil, nil
		}
		return r.filter(l, other, name == "retainAll")
	}
	return nil, nil
}

func (r *renderer) callList2(l *list, name string, args []any) (any, error) {
	i, ok := toInt(args[0])
	if !ok {
		return nil, nil
	}
	switch name {
	case "set":
		if i < 0 || i >= int64(len(l.items)) {
			return nil, r.fail(Exception, "set(%d) of a list of %d", i, len(l.items))
		}
		old := l.items[i]
		l.items[i] = args[1]
		return old, nil
	case "add":
		if i < 0 || i > int64(len(l.items)) {
			return nil, r.fail(Exception, "add(%d) to a list of %d", i, len(l.items))
		}
		l.items = append(l.items, nil)
		copy(l.items[i+1:], l.items[i:])
		l.items[i] = args[1]
		return nil, r.charge(32 + len(l.items)/4)
	case "subList":
		j, ok := toInt(args[1])
		if !ok {
			return nil, nil
		}
		if i < 0 || j < i || j > int64(len(l.items)) {
			return nil, r.fail(Exception, "subList(%d, %d) of a list of %d", i, j, len(l.items))
		}
		return r.copyList(l.items[i:j])
	}
	return nil, nil
}

func (r *renderer) find(l *list, v any, last bool) (int64, error) {
	found := int64(-1)
	for i := range l.items {
		same, err := r.same(l.items[i], v)
		if err != nil {
			return -1, err
		}
		if same {
			found = int64(i)
			if !last {
				break
			}
		}
	}
	return found, nil
}

func (r *renderer) containsAll(l *list, arg any) (any, error) {
	other, ok := arg.(*list)
	if !ok {
		return nil, nil
	}
	for _, v := range other.items {
		if i, err := r.find(l, v, false); err != nil || i < 0 {
			return false, err
		}
	}
	return true, nil
}

// removeFrom is remove(int), which returns what was there, or remove(Object).
func (r *renderer) removeFrom(l *list, arg any) (any, error) {
	i, byIndex := arg.(int64)
	if !byIndex {
		var err error
		if i, err = r.find(l, arg, false); err != nil || i < 0 {
			return false, err
		}
	}
	if i < 0 || i >= int64(len(l.items)) {
		return nil, r.fail(Exception, "remove(%d) of a list of %d", i, len(l.items))
	}
	old := l.items[i]
	l.items = append(l.items[:i], l.items[i+1:]...)
	if err := r.step(1 + len(l.items)>>6); err != nil {
		return nil, err
	}
	if byIndex {
		return old, nil
	}
	return true, nil
}

func (r *renderer) filter(l, other *list, keep bool) (any, error) {
	var kept []any
	for _, v := range l.items {
		i, err := r.find(other, v, false)
		if err != nil {
			return nil, err
		}
		if (i >= 0) == keep {
			kept = append(kept, v)
		}
	}
	changed := len(kept) != len(l.items)
	l.items = kept
	return changed, nil
}

// iterator is java.util.Iterator.
type iterator struct {
	list *list
	next int
}

func (it *iterator) property(*renderer, string) (any, error) { return nil, nil }

func (it *iterator) call(r *renderer, name string, _ []any) (any, bool, error) {
	switch name {
	case "hasNext":
		return it.next < len(it.list.items), true, nil
	case "next":
		if it.next >= len(it.list.items) {
			return nil, true, r.fail(Exception, "next() at the end")
		}
		it.next++
		return it.list.items[it.next-1], true, nil
	}
	return nil, false, nil
}

// callDict is the part of java.util.Map that templates use.
func (r *renderer) callDict(d *dict, name string, args []any) (any, error) {
	switch len(args) {
	case 0:
		return r.callDict0(d, name)
	case 1:
		switch name {
		case "get":
			v, _ := d.get(args[0])
			return v, nil
		case "containsKey":
			_, ok := d.get(args[0])
			return ok, nil
		case "containsValue":
			i, err := r.find(&list{items: dictValues(d)}, args[0], false)
			return i >= 0, err
		case "remove":
			old := d.remove(args[0])
			return old, r.step(1 + len(d.keys)>>6)
		case "putAll":
			if other, ok := args[0].(*dict); ok {
				for _, k := range other.keys {
					d.put(k, other.values[k])
				}
				return nil, r.charge(64 * len(other.keys))
			}
		}
	case 2:
		v, had := d.get(args[0])
		switch name {
		case "put":
			return d.put(args[0], args[1]), r.charge(64)
		case "putIfAbsent":
			if !had || v == nil {
				d.put(args[0], args[1])
			}
			return v, r.charge(64)
		case "getOrDefault":
			if !had {
				return args[1], nil
			}
			return v, nil
		}
	}
	return nil, nil
}

func (r *renderer) callDict0(d *dict, name string) (any, error) {
	switch name {
	case "size":
		return int64(len(d.keys)), nil
	case "isEmpty":
		return len(d.keys) == 0, nil
	case "keySet":
		return r.copyList(d.keys)
	case "values":
		return r.copyList(dictValues(d))
	case "entrySet":
		l := &list{}
		for _, k := range d.keys {
			l.items = append(l.items, &entry{k, d.values[k]})
		}
		return l, r.charge(64 * len(d.keys))
	case "clear":
		d.keys, d.values = nil, map[any]any{}
	}
	return nil, nil
}

func dictValues(d *dict) []any {
	out := make([]any, len(d.keys))
	for i, k := range d.keys {
		out[i] = d.values[k]
	}
	return out
}
