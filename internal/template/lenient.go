// SPDX-License-Identifier: Apache-2.0

package template

// Lenient loading: a report about a template that CloudFormation would refuse.
// Every refusal is noted in Report.Broken, the smallest part of the template
// that it names is left out, and the step is tried again.

import (
	"errors"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// maxMends bounds how often one step is tried again.
const maxMends = 60

// fail notes an error: with Lenient it is part of the report.
func (l *loader) fail(err error) {
	for _, e := range flatten(err) {
		var te *tree.Error
		if l.o.Lenient && errors.As(e, &te) {
			l.broken = append(l.broken, te)
			continue
		}
		l.errs = append(l.errs, e)
	}
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	j, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var out []error
	for _, e := range j.Unwrap() {
		out = append(out, flatten(e)...)
	}
	return out
}

// attempt runs a step on t; with Lenient it leaves out what the step's errors
// name, and tries again. T is the step's result.
func attempt[T any](l *loader, t *tree.Node, step func(*tree.Node) (T, error)) (T, error) {
	out, err := step(t)
	for i := 0; err != nil && l.o.Lenient && i < maxMends; i++ {
		pruned := false
		for _, e := range flatten(err) {
			var te *tree.Error
			if errors.As(e, &te) && prune(t, te) {
				l.broken = append(l.broken, te)
				pruned = true
			}
		}
		if !pruned {
			break
		}
		out, err = step(t)
	}
	return out, err
}

// prune leaves out the smallest part of a template that an error names: an
// entry that stands at the error's place, a property, an attribute, an output,
// a resource.
func prune(t *tree.Node, e *tree.Error) bool {
	keys := strings.Split(e.Path, ".")
	if e.Path == "" {
		return dropAt(t, e.Pos)
	}
	section := t.Get(keys[0])
	if len(keys) == 1 {
		return dropAt(section, e.Pos) || t.Delete(keys[0])
	}
	if keys[0] != "Resources" {
		return section.Delete(keys[1])
	}
	r := section.Get(keys[1])
	switch {
	case r == nil:
		return false
	case len(keys) == 2:
		return dropAt(r, e.Pos) || dropDeep(r.Get("Properties"), e.Pos, 0) || section.Delete(keys[1])
	case keys[2] == "Properties" && len(keys) > 3:
		name, _, _ := strings.Cut(keys[3], "[")
		return r.Get("Properties").Delete(name) || section.Delete(keys[1])
	}
	return r.Delete(keys[2]) || section.Delete(keys[1])
}

// dropAt deletes the entry of a map whose key stands at a place.
func dropAt(n *tree.Node, at tree.Pos) bool {
	if !n.IsMap() || at.Line == 0 {
		return false
	}
	for _, e := range n.Entries {
		if e.KeyPos == at {
			return n.Delete(e.Key)
		}
	}
	return false
}

// dropDeep deletes the innermost entry that stands at a place, or whose value does.
func dropDeep(n *tree.Node, at tree.Pos, depth int) bool {
	if n == nil || at.Line == 0 || depth > tree.MaxDepth {
		return false
	}
	for _, it := range n.Items {
		if dropDeep(it, at, depth+1) {
			return true
		}
	}
	for _, e := range n.Entries {
		if dropDeep(e.Value, at, depth+1) {
			return true
		}
		if e.KeyPos == at || e.Value.Pos == at {
			return n.Delete(e.Key)
		}
	}
	return false
}
