// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// maxMacros is how deep macros may call each other.
const maxMacros = 20

// renderer is one rendering.
type renderer struct {
	in     *Input
	limits Limits
	macros map[string]*macro

	out    *strings.Builder
	used   int // bytes of output, those of blocks included
	steps  int
	memory int
	depth  int
	calls  int // of macros inside each other
	line   int // of what is being evaluated
	end    time.Time

	vars  map[string]any
	frame *frame
	loop  *loop
}

// frame holds the arguments of a macro's call. They are evaluated where they
// are used, each time, with the variables of the caller: call by name.
type frame struct {
	args   map[string]argument
	caller *frame
}

type argument struct {
	of    expression
	value any // when #set gave the parameter a value of its own
	set   bool
}

// block is what #define made.
type block struct{ body []node }

// loop is $foreach.
type loop struct {
	parent  *loop
	index   int
	hasNext bool
}

var (
	errBreak = errors.New("#break")
	errStop  = errors.New("#stop")
)

// Render runs the template. Its error is an *Error; the Overrides may have been
// written to by then.
func (t *Template) Render(in *Input) (string, error) { return t.render(in, nil) }

func (t *Template) render(in *Input, vars map[string]any) (string, error) {
	if in.Overrides == nil {
		in.Overrides = &Overrides{}
	}
	r := &renderer{in: in, limits: in.Limits.withDefaults(), macros: t.macros, out: &strings.Builder{}, vars: map[string]any{}}
	r.end = time.Now().Add(r.limits.Time)
	r.vars["input"] = &inputObject{}
	r.vars["util"] = utilObject{}
	r.vars["context"] = contextObject{}
	r.vars["stageVariables"] = r.stageVariables()
	maps.Copy(r.vars, vars)
	err := r.nodes(t.body)
	if err != nil && !errors.Is(err, errStop) && !errors.Is(err, errBreak) {
		return "", err
	}
	return r.out.String(), nil
}

func (r *renderer) fail(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Line: r.line, Msg: fmt.Sprintf(format, args...)}
}

// step counts work, and looks at the clock now and then.
func (r *renderer) step(n int) error {
	before := r.steps
	r.steps += n
	if r.steps > r.limits.Steps {
		return r.fail(TooManySteps, "more than %d", r.limits.Steps)
	}
	if before>>8 != r.steps>>8 && time.Now().After(r.end) {
		return r.fail(TooSlow, "more than %s", r.limits.Time)
	}
	return nil
}

// charge counts memory, and the work of filling it.
func (r *renderer) charge(bytes int) error {
	if r.memory += bytes; r.memory > r.limits.Memory || r.memory < 0 {
		return r.fail(TooMuchMemory, "more than %d bytes", r.limits.Memory)
	}
	return r.step(1 + bytes>>10)
}

func (r *renderer) enter() error {
	if r.depth++; r.depth > r.limits.Depth {
		return r.fail(TooDeep, "more than %d levels", r.limits.Depth)
	}
	return nil
}

func (r *renderer) leave() { r.depth-- }

func (r *renderer) write(s string) error {
	if r.used += len(s); r.used > r.limits.Output {
		return r.fail(TooMuchOutput, "more than %d bytes", r.limits.Output)
	}
	r.out.WriteString(s)
	return nil
}

// room is how much a value may print: what is left, and no more than an output.
func (r *renderer) room() int {
	return max(0, min(r.limits.Memory-r.memory, r.limits.Output))
}

// text prints a value, counted.
func (r *renderer) text(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case *block:
		return r.capture(v.body)
	}
	var b strings.Builder
	w := printer{b: &b, left: r.room()}
	w.print(v, 0)
	if w.bad {
		return "", r.fail(TooMuchMemory, "printing a value")
	}
	return b.String(), r.charge(b.Len())
}

// capture renders nodes into a string.
func (r *renderer) capture(body []node) (string, error) {
	out := r.out
	r.out = &strings.Builder{}
	err := r.nodes(body)
	s := r.out.String()
	r.out = out
	r.used -= len(s)
	if err != nil {
		return "", err
	}
	return s, r.charge(len(s))
}

func (r *renderer) nodes(body []node) error {
	if err := r.enter(); err != nil {
		return err
	}
	defer r.leave()
	for _, n := range body {
		if err := r.step(1); err != nil {
			return err
		}
		if err := r.node(n); err != nil {
			return err
		}
	}
	return nil
}

func (r *renderer) node(n node) error {
	switch n := n.(type) {
	case textNode:
		return r.write(string(n))
	case refNode:
		v, err := r.reference(n.ref)
		if err != nil {
			return err
		}
		if b, ok := v.(*block); ok {
			if err := r.nodes(b.body); !errors.Is(err, errBreak) { // which ends the block
				return err
			}
			return nil
		}
		s, err := r.text(v)
		if err != nil {
			return err
		}
		return r.write(s)
	case setNode:
		r.line = n.line
		v, err := r.value(n.value)
		if err != nil || v == nil { // what has no result changes nothing
			return err
		}
		return r.assign(n.to, v)
	case ifNode:
		return r.ifs(n)
	case foreachNode:
		return r.foreach(n)
	case defineNode:
		r.vars[n.name] = &block{n.body}
	case callNode:
		return r.callMacro(n)
	case breakNode:
		return errBreak
	case stopNode:
		return errStop
	}
	return nil
}

func (r *renderer) ifs(n ifNode) error {
	for _, a := range n.arms {
		v, err := r.value(a.when)
		if err != nil {
			return err
		}
		if truthy(v) {
			return r.nodes(a.body)
		}
	}
	return r.nodes(n.or)
}

func (r *renderer) foreach(n foreachNode) error {
	r.line = n.line
	v, err := r.value(n.in)
	if err != nil {
		return err
	}
	items, total := iterate(v, r.limits.Loops)
	if err := r.charge(16 * len(items)); err != nil || total == 0 {
		return err
	}
	oldValue, had := r.vars[n.name]
	here := &loop{parent: r.loop}
	r.loop = here
	defer func() {
		r.loop = here.parent
		if delete(r.vars, n.name); had {
			r.vars[n.name] = oldValue
		}
	}()
	for i, item := range items {
		if err := r.step(1); err != nil {
			return err
		}
		here.index, here.hasNext = i, i+1 < total
		r.vars[n.name] = item
		if err := r.nodes(n.body); errors.Is(err, errBreak) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// iterate is what #foreach goes over: a list's items, a map's values. It copies
// no more than it goes over, for the loop may change the list.
func iterate(v any, limit int) (items []any, total int) {
	switch v := v.(type) {
	case *list:
		total = len(v.items)
		return append([]any(nil), v.items[:min(limit, total)]...), total
	case *dict:
		total = len(v.keys)
		for _, k := range v.keys[:min(limit, total)] {
			items = append(items, v.values[k])
		}
	}
	return items, total
}

func (r *renderer) callMacro(n callNode) error {
	m := r.macros[n.name]
	if m == nil {
		return r.write(n.source)
	}
	r.line = n.line
	if r.calls++; r.calls > maxMacros {
		return r.fail(TooDeep, "more than %d macros inside each other", maxMacros)
	}
	f := &frame{args: make(map[string]argument, len(m.params)), caller: r.frame}
	for i, name := range m.params {
		a := argument{of: literal{""}}
		if i < len(n.args) {
			a.of = n.args[i]
		}
		f.args[name] = a
	}
	old := r.frame
	r.frame = f
	err := r.nodes(m.body)
	r.frame = old
	r.calls--
	if errors.Is(err, errBreak) {
		return nil
	}
	return err
}
