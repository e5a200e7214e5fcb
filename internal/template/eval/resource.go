// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

func sectionNames() []string {
	return []string{
		"AWSTemplateFormatVersion", "Conditions", "Description", "Globals", "Hooks", "Mappings",
		"Metadata", "Outputs", "Parameters", "Resources", "Rules", "Transform",
	}
}

// checkSections checks the top level of a template.
func checkSections(t *tree.Node) (errs []error) {
	sc := &scope{}
	for _, en := range t.Entries {
		switch en.Key {
		case "AWSTemplateFormatVersion":
			if v, ok := en.Value.Scalar(); !ok || v != "2010-09-09" {
				errs = append(errs, at(en.Value.Pos, en.Key, "write AWSTemplateFormatVersion: \"2010-09-09\"", "the format version must be 2010-09-09"))
			}
		case "Description", "Transform", "Metadata":
		case "Conditions", "Globals", "Hooks", "Mappings", "Outputs", "Parameters", "Resources", "Rules":
			if !en.Value.IsMap() && !en.Value.IsNull() {
				errs = append(errs, at(en.Value.Pos, en.Key, "give a map", "the section must be a map, not %s", kindOf(en.Value)))
			}
		default:
			errs = append(errs, at(en.KeyPos, "", sc.didYouMean(en.Key, sectionNames(), "sections are "+strings.Join(sectionNames(), ", ")),
				"a template has no section %q", en.Key))
		}
	}
	if t.Get("Resources").Len() == 0 {
		errs = append(errs, at(t.Pos, "", "declare at least one resource", "the template has no Resources"))
	}
	return errs
}

// checkMappings checks that a mapping is a map of maps of texts or lists.
func (sc *scope) checkMappings() (errs []error) {
	bad := func(n *tree.Node, path string) {
		errs = append(errs, at(n.Pos, path, "a mapping is a map of maps of texts or lists", "a mapping cannot hold %s here", kindOf(n)))
	}
	for _, m := range section(sc.root, "Mappings") {
		path := "Mappings." + m.Key
		if !m.Value.IsMap() {
			bad(m.Value, path)
			continue
		}
		for _, top := range m.Value.Entries {
			if !top.Value.IsMap() {
				bad(top.Value, path+"."+top.Key)
				continue
			}
			for _, leaf := range top.Value.Entries {
				if leaf.Value.IsIntrinsic() || leaf.Value.IsNull() {
					bad(leaf.Value, path+"."+top.Key+"."+leaf.Key)
				}
			}
		}
	}
	return errs
}

func resourceKeys() []string {
	return []string{
		"Condition", "CreationPolicy", "DeletionPolicy", "DependsOn", "Metadata",
		"Properties", "Type", "UpdatePolicy", "UpdateReplacePolicy",
	}
}

// customResource tells whether a resource is of a type of the user's own, which
// may say in which version.
func customResource(n *tree.Node) bool {
	typ, _ := n.Get("Type").Str()
	return typ == "AWS::CloudFormation::CustomResource" || strings.HasPrefix(typ, "Custom::")
}

// readResources fills sc.resources and decides which are live.
func (sc *scope) readResources() (errs []error) {
	entries := section(sc.root, "Resources")
	if len(entries) > MaxResources {
		return []error{at(entries[MaxResources].KeyPos, "Resources", "split the template into several stacks",
			"the template has %d resources; the limit is %d", len(entries), MaxResources)}
	}
	for i, en := range entries {
		r := &Resource{LogicalID: en.Key, Pos: en.KeyPos, Node: en.Value, index: i}
		sc.resources[en.Key] = r
		errs = append(errs, sc.readResource(r)...)
	}
	return errs
}

func (sc *scope) readResource(r *Resource) (errs []error) {
	path := "Resources." + r.LogicalID
	fail := func(pos tree.Pos, sub, mend, format string, args ...any) {
		errs = append(errs, at(pos, path+sub, mend, format, args...))
	}
	if !alnum(r.LogicalID) {
		fail(r.Pos, "", "use letters and digits only", "%q is no logical id", r.LogicalID)
	}
	if p := sc.params[r.LogicalID]; p != nil {
		fail(r.Pos, "", "rename one of the two", "a parameter has the same name (line %d)", p.Pos.Line)
	}
	if !r.Node.IsMap() {
		fail(r.Pos, "", "give at least a Type", "a resource must be a map, not %s", kindOf(r.Node))
		return errs
	}
	for _, en := range r.Node.Entries {
		if !known(en.Key, resourceKeys()) && (en.Key != "Version" || !customResource(r.Node)) {
			mend := sc.didYouMean(en.Key, resourceKeys(), "if it is a property, indent it under Properties")
			fail(en.KeyPos, "", mend, "a resource has no attribute %q", en.Key)
		}
	}
	typ := r.Node.Get("Type")
	if name, _, ok := typ.Intrinsic(); ok {
		mend := "write the type out"
		if name == "Fn::Rain::Module" {
			mend = "package the template first: rain pkg"
		}
		fail(typ.Pos, ".Type", mend, "a type cannot be %s", name)
	} else if r.Type, _ = typ.Str(); r.Type == "" {
		fail(r.Pos, "", "add Type: AWS::…", "the resource has no Type")
	} else if strings.Count(r.Type, "::") == 0 {
		fail(typ.Pos, ".Type", "write it as AWS::Service::Kind", "%q is no resource type", r.Type)
	}
	if p := r.Node.Get("Properties"); !p.IsNull() {
		if !p.IsMap() {
			fail(p.Pos, ".Properties", "give a map", "properties must be a map, not %s", kindOf(p))
		} else {
			r.Properties = p
		}
	}
	if m := r.Node.Get("Metadata"); !m.IsNull() {
		r.Metadata = m
	}
	r.DependsOn = sc.readDependsOn(r, fail)
	r.DeletionPolicy = sc.readPolicy(r, "DeletionPolicy", &errs)
	r.UpdateReplacePolicy = sc.readPolicy(r, "UpdateReplacePolicy", &errs)
	sc.readLive(r, fail)
	return errs
}

type failFunc = func(pos tree.Pos, sub, mend, format string, args ...any)

func (sc *scope) readDependsOn(r *Resource, fail failFunc) (out []string) {
	n := r.Node.Get("DependsOn")
	if n.IsNull() {
		return nil
	}
	items := []*tree.Node{n}
	if n.IsList() {
		items = n.Items
	}
	for _, it := range items {
		s, ok := it.Str()
		if !ok {
			fail(it.Pos, ".DependsOn", "write logical ids", "DependsOn names resources, it cannot be %s", kindOf(it))
			continue
		}
		out = append(out, s)
	}
	return out
}

// readPolicy evaluates DeletionPolicy or UpdateReplacePolicy, which may be
// computed under AWS::LanguageExtensions.
func (sc *scope) readPolicy(r *Resource, key string, errs *[]error) string {
	n := r.Node.Get(key)
	if n.IsNull() {
		return ""
	}
	e := sc.evaluator(inMacro, "Resources", r.LogicalID, key)
	s, ok := e.scalarArg(n, key)
	policies := []string{"Delete", "Retain", "RetainExceptOnCreate", "Snapshot"}
	if ok && !known(s, policies) {
		e.fail(n, sc.didYouMean(s, policies, "it is one of "+strings.Join(policies, ", ")), "%s cannot be %q", key, sc.mask(s))
	}
	*errs = append(*errs, e.errs...)
	return s
}

// readLive evaluates the Condition of a resource.
func (sc *scope) readLive(r *Resource, fail failFunc) {
	r.live = true
	n := r.Node.Get("Condition")
	if n == nil {
		return
	}
	name, ok := n.Str()
	if !ok {
		fail(n.Pos, ".Condition", "write the name of a condition", "Condition must be a name, not %s", kindOf(n))
		return
	}
	c := sc.conditions[name]
	if c == nil {
		fail(n.Pos, ".Condition", sc.didYouMean(name, sc.root.Get("Conditions").Keys(), "declare it in the Conditions section"), "no condition is named %q", name)
		return
	}
	r.Condition = name
	r.live = c.state != condDone || c.value
}

// names lists what Ref may name, for a mend.
func (sc *scope) names() []string {
	out := make([]string, 0, len(sc.resources)+len(sc.params))
	for _, en := range section(sc.root, "Resources") {
		out = append(out, en.Key)
	}
	for _, p := range sc.paramOrder {
		out = append(out, p.Name)
	}
	return out
}
