// SPDX-License-Identifier: Apache-2.0

// Package policy expands SAM policy templates: entries of a Policies property
// such as {S3ReadPolicy: {BucketName: !Ref B}}, which become IAM policy
// documents.
//
// The flow: Expand walks Policies of a function or state machine and replaces
// each template by its document with the parameters filled in. The templates
// are data, templates.txt, read line by line when one is asked for:
//
//	NAME PARAMETER…            a template
//	  do ACTION…               a statement with a list of actions
//	  act ACTION               a statement with one action
//	  on RESOURCE              its resource
//	  each RESOURCE            one of a list of resources
//	  if OPERATOR KEY RESOURCE its condition
//
// A RESOURCE is =TEXT, literally; "ref PARAMETER"; or "sub TEXT", an Fn::Sub
// in which ${variable=PARAMETER} stands for a variable and its value.
//
// What it does not do: it makes no role (see base.Role). It has no state.
package policy

import (
	_ "embed"
	"regexp"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

//go:embed templates.txt
var templates string

// find returns the parameters of a template and the lines of its statements.
func find(name string) (params, lines []string, ok bool) {
	if name == "" || strings.ContainsAny(name, " \n") {
		return nil, nil, false
	}
	for text := templates; text != ""; {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		head := strings.Fields(line)
		if line[0] == ' ' || head[0] != name {
			continue
		}
		for strings.HasPrefix(text, " ") {
			line, text, _ = strings.Cut(text, "\n")
			lines = append(lines, strings.TrimSpace(line))
		}
		return head[1:], lines, true
	}
	return nil, nil, false
}

// Known tells whether there is a template of that name.
func Known(name string) bool {
	_, _, ok := find(name)
	return ok
}

// Expand replaces the policy templates in Policies of the resource id.
func Expand(id string, props *tree.Node) error {
	if !props.IsMap() {
		return nil
	}
	list := base.PolicyList(props.Get("Policies"))
	if len(list) == 0 {
		return nil
	}
	out := tree.NewList()
	for _, p := range list {
		kind, err := base.KindOfPolicy(p, Known)
		if err != nil {
			return base.Errorf(id, p, "Policies: %v", err)
		}
		if kind != base.TemplatePolicy {
			out.Add(p)
			continue
		}
		if !base.IsIf(p) {
			if p, err = document(id, p); err != nil {
				return err
			}
			out.Add(p)
			continue
		}
		p = p.Clone()
		branches := p.Entries[0].Value.Items
		for i := 1; i < len(branches); i++ {
			if base.IsNoValue(branches[i]) {
				continue
			}
			if branches[i], err = document(id, branches[i]); err != nil {
				return err
			}
		}
		out.Add(p)
	}
	out.Pos = props.Get("Policies").Pos
	props.Set("Policies", out)
	return nil
}

// document makes the policy document of one use of a template.
func document(id string, use *tree.Node) (*tree.Node, error) {
	if !use.IsMap() || len(use.Entries) != 1 {
		return nil, base.Errorf(id, use, "Policies: both values of an Fn::If must be policy templates")
	}
	name, args := use.Entries[0].Key, use.Entries[0].Value
	params, lines, ok := find(name)
	if !ok {
		return nil, base.Errorf(id, use, "Policies: there is no policy template %s", name)
	}
	if !args.IsMap() {
		return nil, base.Errorf(id, use, "Policies: %s takes a map of parameters", name)
	}
	var missing []string
	for _, p := range params {
		if !args.Has(p) {
			missing = append(missing, p)
		}
	}
	if missing != nil {
		return nil, base.Errorf(id, use, "Policies: %s lacks %s", name, strings.Join(missing, ", "))
	}
	return base.Map("Statement", statements(lines, params, args)), nil
}

func statements(lines, params []string, args *tree.Node) *tree.Node {
	list := tree.NewList()
	var st *tree.Node
	for _, line := range lines {
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "do", "act":
			action := tree.NewString(rest)
			if verb == "do" {
				action = tree.NewStrings(strings.Fields(rest)...)
			}
			st = base.Map("Effect", "Allow", "Action", action)
			list.Add(st)
		case "on":
			st.Set("Resource", value(rest, params, args))
		case "each":
			if !st.Has("Resource") {
				st.Set("Resource", tree.NewList())
			}
			st.Get("Resource").Add(value(rest, params, args))
		case "if":
			f := strings.SplitN(rest, " ", 3)
			st.Set("Condition", base.Map(f[0], base.Map(f[1], value(f[2], params, args))))
		}
	}
	return list
}

var variable = regexp.MustCompile(`\$\{(\w+)=(\w+)\}`)

func value(s string, params []string, args *tree.Node) *tree.Node {
	if text, ok := strings.CutPrefix(s, "="); ok {
		return tree.NewString(text)
	}
	arg := func(name string) *tree.Node {
		if !slices.Contains(params, name) {
			return tree.NewNull()
		}
		return args.Get(name).Clone()
	}
	if name, ok := strings.CutPrefix(s, "ref "); ok {
		return arg(name)
	}
	s = strings.TrimPrefix(s, "sub ")
	vars := tree.NewMap()
	for _, m := range variable.FindAllStringSubmatch(s, -1) {
		vars.Set(m[1], arg(m[2]))
	}
	return base.Sub(variable.ReplaceAllString(s, "$${$1}"), vars)
}
