// SPDX-License-Identifier: Apache-2.0

package vtl

// value evaluates an expression. nil is Velocity's null, which only arithmetic
// yields: a reference without a value is "".
func (r *renderer) value(e expression) (any, error) {
	if err := r.step(1); err != nil {
		return nil, err
	}
	switch e := e.(type) {
	case *reference:
		return r.reference(e)
	case literal:
		return e.value, nil
	case interpolated:
		return r.capture(e.body)
	case binary:
		return r.binary(e)
	case notExpr:
		v, err := r.value(e.of)
		return !truthy(v), err
	case listExpr:
		items, err := r.values(e.items)
		return &list{items: items}, err
	case mapExpr:
		return r.mapLiteral(e)
	case rangeExpr:
		return r.rangeLiteral(e)
	}
	return nil, nil
}

func (r *renderer) values(list []expression) ([]any, error) {
	if err := r.charge(16 * len(list)); err != nil {
		return nil, err
	}
	out := make([]any, len(list))
	for i, e := range list {
		var err error
		if out[i], err = r.value(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *renderer) mapLiteral(e mapExpr) (any, error) {
	keys, err := r.values(e.keys)
	if err != nil {
		return nil, err
	}
	values, err := r.values(e.values)
	if err != nil {
		return nil, err
	}
	d := newDict()
	for i := range keys {
		d.put(keys[i], values[i])
	}
	return d, r.charge(64 * len(keys))
}

func (r *renderer) rangeLiteral(e rangeExpr) (any, error) {
	from, err := r.value(e.from)
	if err != nil {
		return nil, err
	}
	to, err := r.value(e.to)
	if err != nil {
		return nil, err
	}
	a, ok := from.(int64)
	b, ok2 := to.(int64)
	if !ok || !ok2 {
		return nil, nil
	}
	step, n := int64(1), b-a
	if b < a {
		step, n = -1, a-b
	}
	if n < 0 || n >= int64(r.limits.Memory)/16 {
		return nil, r.fail(TooMuchMemory, "a range of more than %d", r.limits.Memory/16)
	}
	if err := r.charge(16 * int(n+1)); err != nil {
		return nil, err
	}
	l := &list{items: make([]any, n+1)}
	for i := range l.items {
		l.items[i] = a + int64(i)*step
	}
	return l, nil
}

func (r *renderer) binary(e binary) (any, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.leave()
	left, err := r.value(e.left)
	if err != nil {
		return nil, err
	}
	switch {
	case e.op == opAnd && !truthy(left):
		return false, nil
	case e.op == opOr && truthy(left):
		return true, nil
	}
	right, err := r.value(e.right)
	if err != nil {
		return nil, err
	}
	switch e.op {
	case opAnd, opOr:
		return truthy(right), nil
	case opEQ, opNE:
		same, err := r.equal(left, right)
		return same == (e.op == opEQ), err
	case opLT, opLE, opGT, opGE:
		return ordered(e.op, left, right), nil
	case opAdd:
		_, leftText := left.(string)
		_, rightText := right.(string)
		if leftText || rightText {
			return r.concat(left, right)
		}
	}
	return calculate(e.op, left, right), nil
}

func (r *renderer) concat(left, right any) (any, error) {
	if left == nil || right == nil {
		return nil, nil
	}
	a, err := r.text(left)
	if err != nil {
		return nil, err
	}
	b, err := r.text(right)
	if err != nil {
		return nil, err
	}
	if err := r.charge(len(a) + len(b)); err != nil {
		return nil, err
	}
	return a + b, nil
}

// ordered compares numbers; anything else is not in order.
func ordered(op operator, left, right any) bool {
	if !isNumber(left) || !isNumber(right) {
		return false
	}
	c := compareNumbers(left, right)
	switch op {
	case opLT:
		return c < 0
	case opLE:
		return c <= 0
	case opGT:
		return c > 0
	}
	return c >= 0
}

// equal is ==: numbers by value, values of one class by equals, others by
// their text.
func (r *renderer) equal(left, right any) (bool, error) {
	if left == nil || right == nil {
		return left == nil && right == nil, nil
	}
	if isNumber(left) && isNumber(right) {
		return compareNumbers(left, right) == 0, nil
	}
	switch a := left.(type) {
	case string:
		if b, ok := right.(string); ok {
			return a == b, nil
		}
	case bool:
		if b, ok := right.(bool); ok {
			return a == b, nil
		}
	case *list:
		if b, ok := right.(*list); ok {
			return r.same(a, b)
		}
	case *dict:
		if b, ok := right.(*dict); ok {
			return r.same(a, b)
		}
	case object:
		return left == right, nil
	}
	if _, ok := right.(object); ok {
		return false, nil
	}
	a, err := r.text(left)
	if err != nil {
		return false, err
	}
	b, err := r.text(right)
	return a == b, err
}

// same is equals(): deep, and of one class.
func (r *renderer) same(left, right any) (bool, error) {
	if err := r.step(1); err != nil {
		return false, err
	}
	if err := r.enter(); err != nil {
		return false, err
	}
	defer r.leave()
	switch a := left.(type) {
	case *list:
		b, ok := right.(*list)
		if !ok || len(a.items) != len(b.items) {
			return false, nil
		}
		for i := range a.items {
			if same, err := r.same(a.items[i], b.items[i]); err != nil || !same {
				return false, err
			}
		}
		return true, nil
	case *dict:
		b, ok := right.(*dict)
		if !ok || len(a.keys) != len(b.keys) {
			return false, nil
		}
		for _, k := range a.keys {
			v, ok := b.values[k]
			if !ok {
				return false, nil
			}
			if same, err := r.same(a.values[k], v); err != nil || !same {
				return false, err
			}
		}
		return true, nil
	case *entry:
		b, ok := right.(*entry)
		if !ok {
			return false, nil
		}
		if same, err := r.same(a.key, b.key); err != nil || !same {
			return false, err
		}
		return r.same(a.value, b.value)
	case nil, bool, int64, float64, decimal, string:
		return left == right, nil
	}
	return false, nil
}
