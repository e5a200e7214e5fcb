// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// macro is a transform that CloudFormation itself offers. The list is closed:
// any other name is a macro of an account.
const (
	macroInclude    = "AWS::Include"
	macroLanguage   = "AWS::LanguageExtensions"
	macroServerless = "AWS::Serverless-2016-10-31"
)

func macroNames() []string {
	return []string{
		macroInclude, macroLanguage, macroServerless, "AWS::CodeDeployBlueGreen", "AWS::CodeStar",
		"AWS::SecretsManager-2020-07-23", "AWS::SecretsManager-2024-09-16", "AWS::ServiceCatalog",
	}
}

// Expand checks the sections of a template and runs AWS::Include everywhere
// and, where the template declares it, AWS::LanguageExtensions: Fn::ForEach,
// and names in Ref and Fn::GetAtt that are computed. It returns a copy; the
// Transform section stays, so that the caller sees whether SAM is declared.
func Expand(t *tree.Node, o Options) (*tree.Node, error) {
	if !t.IsMap() {
		return nil, t.Errorf("a template must be a map with a Resources section, not %s", kindOf(t))
	}
	t = t.Clone()
	x := &expander{files: map[string]*tree.Node{}}
	x.sc, _ = newScope(t, o) // New reports what is wrong with parameters
	x.topLevel(t)
	for _, name := range []string{"Resources", "Mappings", "Conditions", "Outputs", "Parameters", "Globals", "Rules", "Metadata"} {
		if s := t.Get(name); s != nil && len(x.errs) == 0 {
			x.path = append(x.path[:0], name)
			t.Set(name, x.include(s, 0))
		}
	}
	if len(x.errs) > 0 {
		return nil, join(x.errs)
	}
	errs := checkSections(t)
	if g := t.Get("Globals"); g != nil && !x.declared(macroServerless) {
		errs = append(errs, at(g.Pos, "Globals", "add Transform: "+macroServerless, "the section Globals belongs to SAM templates"))
	}
	if len(errs) > 0 {
		return nil, join(errs)
	}
	x.sc, _ = newScope(t, o) // parameters and mappings may have been included
	if x.declared(macroLanguage) {
		for _, name := range []string{"Conditions", "Resources", "Outputs"} {
			if s := t.Get(name); s.IsMap() {
				x.path = append(x.path[:0], name)
				t.Set(name, x.loops(s, nil))
				x.sc.conditions = map[string]*condition{}
				x.sc.readConditions()
			}
		}
		x.computedNames(t)
	} else {
		x.refuseLanguage(t)
	}
	if len(x.errs) > 0 {
		return nil, join(x.errs)
	}
	return t, nil
}

// expander runs macros over one template.
type expander struct {
	sc       *scope
	path     []string
	errs     []error
	macros   []string              // declared in the Transform section
	files    map[string]*tree.Node // included, by location
	includes int
	loopRuns int
	grown    bool // the budget of text is used up, and that was said
}

func (x *expander) fail(n *tree.Node, mend, format string, args ...any) {
	if len(x.errs) < 20*MaxErrors {
		x.errs = append(x.errs, at(n.Pos, joinPath(x.path), mend, format, args...))
	}
}

func (x *expander) in(key string, f func()) {
	x.path = append(x.path, key)
	f()
	x.path = x.path[:len(x.path)-1]
}

// spend takes n values from the budget.
func (x *expander) spend(at *tree.Node, n int) bool {
	before := x.sc.values
	if x.sc.values += n; x.sc.values <= MaxValues {
		return true
	}
	if before <= MaxValues {
		x.fail(at, "make the template smaller, or split it into several stacks", "the template expands to more than %d values", MaxValues)
	}
	return false
}

// eval evaluates the argument of a macro.
func (x *expander) eval(n *tree.Node) (*tree.Node, bool) {
	e := x.sc.evaluator(inMacro, x.path...)
	v, ok := e.eval(n)
	x.errs = append(x.errs, e.errs...)
	return v, ok
}

func (x *expander) declared(macro string) bool { return known(macro, x.macros) }

// topLevel reads the Transform section: a name, {Name, Parameters}, or a list
// of both. AWS::Include there merges its file into the template.
func (x *expander) topLevel(t *tree.Node) {
	n := t.Get("Transform")
	if n.IsNull() {
		return
	}
	x.path = []string{"Transform"}
	items := []*tree.Node{n}
	if n.IsList() {
		items = n.Items
	}
	for _, it := range items {
		name, ok := it.Str()
		if !ok {
			name, ok = it.Get("Name").Str()
		}
		if !ok {
			x.fail(it, "write Transform: AWS::Serverless-2016-10-31", "a transform is a name or {Name, Parameters}, not %s", kindOf(it))
			continue
		}
		if !known(name, macroNames()) {
			x.unknownMacro(it, name)
			continue
		}
		x.macros = append(x.macros, name)
		if name == macroInclude && it.IsMap() {
			x.mergeMissing(t, x.includeFile(it, 1), it)
		}
	}
	x.path = nil
}

func (x *expander) unknownMacro(n *tree.Node, name string) {
	mend := "macros run in an AWS account: deploy once and use the result of `aws cloudformation get-template --template-stage Processed`"
	if strings.HasPrefix(name, "AWS::") {
		mend = x.sc.didYouMean(name, macroNames(), "transforms are "+strings.Join(macroNames(), ", "))
	}
	x.fail(n, mend, "macro %q is not known here", name)
}

// mergeMissing adds the keys of from that to lacks; sections, being maps that
// both have, are merged too.
func (x *expander) mergeMissing(to, from, at *tree.Node) {
	if from == nil {
		return
	}
	if !from.IsMap() {
		x.fail(at, "the file must hold a map", "the included file holds %s, and a map is wanted here", kindOf(from))
		return
	}
	for _, en := range from.Entries {
		have := to.Get(en.Key)
		switch {
		case have == nil:
			to.Entries = append(to.Entries, en)
		case have.IsMap() && en.Value.IsMap() && len(x.path) == 1:
			for _, sub := range en.Value.Entries {
				if !have.Has(sub.Key) {
					have.Entries = append(have.Entries, sub)
				}
			}
		}
	}
}

// include replaces every Fn::Transform in n; depth counts files in files.
func (x *expander) include(n *tree.Node, depth int) *tree.Node {
	if n == nil || !x.spend(n, 1) {
		return n
	}
	for i, it := range n.Items {
		x.in("["+strconv.Itoa(i)+"]", func() { n.Items[i] = x.include(it, depth) })
	}
	if n.Kind != tree.Map {
		return n
	}
	transform := n.Get("Fn::Transform")
	for i, en := range n.Entries {
		if en.Value != transform {
			x.in(en.Key, func() { n.Entries[i].Value = x.include(en.Value, depth) })
		}
	}
	if transform == nil {
		return n
	}
	return x.transform(n, transform, depth)
}

// transform replaces one Fn::Transform. As the only key of its map it is
// replaced by what the file holds; beside other keys, the file's keys join
// them, and a key that is written out wins.
func (x *expander) transform(n, arg *tree.Node, depth int) *tree.Node {
	x.path = append(x.path, "Fn::Transform")
	defer func() { x.path = x.path[:len(x.path)-1] }()
	items := []*tree.Node{arg}
	if arg.IsList() {
		items = arg.Items
	}
	n.Delete("Fn::Transform")
	for _, it := range items {
		name, _ := it.Get("Name").Str()
		if name == "" {
			x.fail(it, "write Fn::Transform: {Name: AWS::Include, Parameters: {Location: FILE}}", "Fn::Transform has no Name")
			return n
		}
		if name != macroInclude {
			x.unknownMacro(it, name)
			return n
		}
		v := x.includeFile(it, depth+1)
		if v == nil {
			return n
		}
		if n.Len() == 0 && len(items) == 1 {
			return v
		}
		x.mergeMissing(n, v, it)
	}
	return n
}

// includeFile reads the file that an AWS::Include names. nil after an error.
func (x *expander) includeFile(n *tree.Node, depth int) *tree.Node {
	loc := n.At("Parameters", "Location")
	if loc == nil {
		x.fail(n, "write Parameters: {Location: FILE}", "AWS::Include has no Location")
		return nil
	}
	v, ok := x.eval(loc)
	if !ok {
		return nil
	}
	location, ok := v.Str()
	if !ok || location == "" {
		x.fail(loc, "give a path or an s3:// address", "the Location of AWS::Include must be a text, not %s", kindOf(v))
		return nil
	}
	if x.includes++; x.includes > MaxIncludes || depth > MaxInclDepth {
		x.fail(loc, "include fewer files", "the template includes more than %d files, or files more than %d deep", MaxIncludes, MaxInclDepth)
		return nil
	}
	file, ok := x.files[location]
	if !ok {
		if file = x.read(loc, location); file == nil {
			return nil
		}
		x.files[location] = file
	}
	if !x.spend(n, count(file)) {
		return nil
	}
	return x.include(file.Clone(), depth)
}

func (x *expander) read(loc *tree.Node, location string) *tree.Node {
	if x.sc.o.ReadFile == nil {
		x.fail(loc, "", "%s cannot be included: no file can be read here", location)
		return nil
	}
	text, err := x.sc.o.ReadFile(location)
	if err != nil {
		x.fail(loc, "paths are relative to the template's folder", "cannot include %s: %v", location, err)
		return nil
	}
	file, err := tree.Parse(location, text)
	if err != nil {
		x.errs = append(x.errs, err)
		return nil
	}
	return file
}

// count counts the values in n.
func count(n *tree.Node) int {
	if n == nil {
		return 0
	}
	c := 1
	for _, it := range n.Items {
		c += count(it)
	}
	for _, en := range n.Entries {
		c += count(en.Value)
	}
	return c
}
