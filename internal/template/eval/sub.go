// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// subPart is a piece of an Fn::Sub text: literal text, or a variable.
type subPart struct {
	literal string
	name    string // of a variable; "" for literal text
}

// parseSub cuts the text of Fn::Sub at its variables. ${!Name} is the literal
// ${Name}; a ${ that is never closed is literal. bad is the first variable
// whose name CloudFormation refuses.
//
// Source: AWS CloudFormation User Guide, Fn::Sub.
func parseSub(s string) (parts []subPart, bad string) {
	for s != "" {
		i := strings.Index(s, "${")
		if i < 0 {
			break
		}
		j := strings.IndexByte(s[i:], '}')
		if j < 0 {
			break
		}
		name := s[i+2 : i+j]
		switch {
		case strings.HasPrefix(name, "!"):
			parts = append(parts, subPart{literal: s[:i] + "${" + name[1:] + "}"})
		default:
			if i > 0 {
				parts = append(parts, subPart{literal: s[:i]})
			}
			if !subName(name) {
				if bad == "" {
					bad = "${" + name + "}"
				}
				name = ""
			}
			parts = append(parts, subPart{name: name})
		}
		s = s[i+j+1:]
	}
	if s != "" {
		parts = append(parts, subPart{literal: s})
	}
	return parts, bad
}

// subName tells whether a variable of Fn::Sub is written with letters, digits,
// underscores, periods and colons.
func subName(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c == '_', c == '.', c == ':':
		default:
			return false
		}
	}
	return s != ""
}

// subArgs takes the argument of Fn::Sub apart: the text and its variables.
func (e *evaluator) subArgs(n, arg *tree.Node) (text string, vars *tree.Node, ok bool) {
	const usage = "Fn::Sub: text, or Fn::Sub: [text, {Name: value}]"
	if s, ok := arg.Scalar(); ok {
		return s, nil, true
	}
	a, ok := e.args(n, arg, 1, 2, usage)
	if !ok {
		return "", nil, false
	}
	s, isText := a[0].Scalar()
	if !isText {
		e.fail(n, "write it as "+usage, "the text of Fn::Sub must be written out, not %s", kindOf(a[0]))
		return "", nil, false
	}
	if len(a) == 2 {
		if !a[1].IsMap() {
			e.fail(n, "write it as "+usage, "the variables of Fn::Sub must be a map, not %s", kindOf(a[1]))
			return "", nil, false
		}
		vars = a[1]
	}
	return s, vars, true
}

// sub evaluates Fn::Sub.
func (e *evaluator) sub(n, arg *tree.Node) (*tree.Node, bool) {
	text, vars, ok := e.subArgs(n, arg)
	if !ok {
		return nil, false
	}
	parts, bad := parseSub(text)
	if bad != "" {
		e.fail(n, "write $${!…} as ${!…} if the text itself is meant; names have letters, digits, _ . and : only",
			"%s is no variable of Fn::Sub", e.sc.mask(bad))
		return nil, false
	}
	var b strings.Builder
	made := map[string]string{} // a variable is evaluated once
	for _, p := range parts {
		s := p.literal
		if p.name != "" {
			if s, ok = e.subVariable(n, vars, p.name, made); !ok {
				// go on: every wrong variable is worth a message
				for _, q := range parts {
					if q.name != "" && q.name != p.name {
						_, _ = e.subVariable(n, vars, q.name, made)
					}
				}
				return nil, false
			}
		}
		if b.Len()+len(s) > MaxText {
			return nil, e.spend(n, 0, b.Len()+len(s))
		}
		b.WriteString(s)
	}
	return e.text(n, b.String())
}

// subVariable evaluates one variable of Fn::Sub as text.
func (e *evaluator) subVariable(n, vars *tree.Node, name string, made map[string]string) (string, bool) {
	if s, ok := made[name]; ok {
		return s, true
	}
	v, ok := e.subValue(n, vars, name)
	if !ok {
		return "", false
	}
	s, ok := v.Scalar()
	if !ok && v.IsList() { // a CommaDelimitedList reads as it was given
		parts, good := e.texts(n, v.Items, "${"+name+"}")
		if !good {
			return "", false
		}
		s, ok = strings.Join(parts, ","), true
	}
	if !ok {
		e.fail(n, "give a text", "${%s} must be a text, not %s", name, kindOf(v))
		return "", false
	}
	if !e.spend(n, 1, len(s)) {
		return "", false
	}
	made[name] = s
	return s, true
}

func (e *evaluator) subValue(n, vars *tree.Node, name string) (*tree.Node, bool) {
	if v := vars.Get(name); v != nil {
		e.push(name)
		defer e.pop()
		return e.eval(v)
	}
	if id, attr, dotted := strings.Cut(name, "."); dotted && !strings.HasPrefix(name, "AWS::") {
		return e.getAttName(n, id, attr)
	}
	return e.refName(n, name)
}
