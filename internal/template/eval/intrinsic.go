// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// ref evaluates Ref: a parameter, a pseudo parameter or a resource.
func (e *evaluator) ref(n, arg *tree.Node) (*tree.Node, bool) {
	name, ok := e.name(n, arg, "write Ref: LogicalId")
	if !ok {
		return nil, false
	}
	return e.refName(n, name)
}

// name evaluates an argument that names something. Under
// AWS::LanguageExtensions the name may itself be computed.
func (e *evaluator) name(n, arg *tree.Node, usage string) (string, bool) {
	if s, ok := arg.Str(); ok {
		return s, true
	}
	if arg.IsIntrinsic() {
		return e.scalarArg(arg, "a name")
	}
	if s, ok := arg.Scalar(); ok {
		return s, true
	}
	e.fail(n, usage, "a name is wanted here, not %s", kindOf(arg))
	return "", false
}

func (e *evaluator) refName(n *tree.Node, name string) (*tree.Node, bool) {
	if strings.HasPrefix(name, "AWS::") {
		if v, ok := e.sc.o.pseudo(name); ok {
			return placed(v, n), true
		}
		e.fail(n, e.sc.didYouMean(name, pseudoNames(), "pseudo parameters are "+strings.Join(pseudoNames(), ", ")), "unknown pseudo parameter %s", name)
		return nil, false
	}
	if p, ok := e.sc.params[name]; ok {
		if p.Value == nil {
			e.fail(n, "give --param "+name+"=…", "parameter %s has no usable value", name)
			return nil, false
		}
		return placed(p.Value, n), e.spend(n, p.Value.Len(), len(p.Value.Text))
	}
	if !e.resource(n, name) {
		return nil, false
	}
	v, err := e.sc.attributes.Ref(name)
	return e.attribute(n, v, err)
}

// getAtt evaluates Fn::GetAtt, as a list or as a dotted text.
func (e *evaluator) getAtt(n, arg *tree.Node) (*tree.Node, bool) {
	const usage = "write Fn::GetAtt: [LogicalId, Attribute]"
	if s, ok := arg.Str(); ok {
		id, attr, found := strings.Cut(s, ".")
		if !found || id == "" || attr == "" {
			e.fail(n, usage, "Fn::GetAtt needs a logical id and an attribute")
			return nil, false
		}
		return e.getAttName(n, id, attr)
	}
	if !arg.IsList() || len(arg.Items) < 2 {
		e.fail(n, usage, "Fn::GetAtt needs a logical id and an attribute")
		return nil, false
	}
	id, ok := e.name(n, arg.Items[0], usage)
	if !ok {
		return nil, false
	}
	var attrs []string // [Stack, Outputs, Name] is read as Outputs.Name
	for _, it := range arg.Items[1:] {
		s, ok := e.name(n, it, usage)
		if !ok {
			return nil, false
		}
		attrs = append(attrs, s)
	}
	return e.getAttName(n, id, strings.Join(attrs, "."))
}

func (e *evaluator) getAttName(n *tree.Node, id, attr string) (*tree.Node, bool) {
	if !e.resource(n, id) {
		return nil, false
	}
	v, err := e.sc.attributes.GetAtt(id, attr)
	return e.attribute(n, v, err)
}

// resource checks that id names a resource that is created.
func (e *evaluator) resource(n *tree.Node, id string) bool {
	if e.sc.resources == nil || e.place != inValue {
		e.fail(n, "only parameters, pseudo parameters and mappings are known here", "%s cannot refer to %q", e.place, id)
		return false
	}
	r, ok := e.sc.resources[id]
	if !ok {
		e.fail(n, e.sc.didYouMean(id, e.sc.names(), "declare it under Resources or Parameters"), "no resource or parameter is named %q", id)
		return false
	}
	if !r.live {
		e.fail(n, notCreatedMend(r), "resource %s is not created: its condition %s is false", id, r.Condition)
		return false
	}
	if e.sc.attributes == nil {
		e.fail(n, "", "resource %s has no value yet", id)
		return false
	}
	return true
}

func notCreatedMend(r *Resource) string {
	return "write Fn::If: [" + r.Condition + ", …, {Ref: AWS::NoValue}] around the reference"
}

func (e *evaluator) attribute(n, v *tree.Node, err error) (*tree.Node, bool) {
	if err != nil {
		e.fail(n, "", "%v", err)
		return nil, false
	}
	if v == nil {
		return nil, true
	}
	return placed(v, n), e.spend(n, 1+v.Len(), len(v.Text))
}

// join evaluates Fn::Join: [delimiter, list].
func (e *evaluator) join(n, arg *tree.Node) (*tree.Node, bool) {
	a, ok := e.args(n, arg, 2, 2, "Fn::Join: [delimiter, [value, …]]")
	if !ok {
		return nil, false
	}
	delim, ok1 := e.scalarArg(a[0], "the delimiter of Fn::Join")
	items, ok2 := e.listArg(a[1], "the second argument of Fn::Join")
	if !ok1 || !ok2 {
		return nil, false
	}
	parts, ok := e.texts(n, items, "Fn::Join")
	if !ok {
		return nil, false
	}
	size := 0
	for _, p := range parts {
		size += len(p) + len(delim)
	}
	if size > MaxText {
		return nil, e.spend(n, 0, size)
	}
	return e.text(n, strings.Join(parts, delim))
}

// texts reads items, evaluated already, as texts.
func (e *evaluator) texts(n *tree.Node, items []*tree.Node, fn string) ([]string, bool) {
	out := make([]string, 0, len(items))
	for i, it := range items {
		s, ok := it.Scalar()
		if !ok {
			e.fail(n, "give texts, or join the inner list first", "member %d of %s must be a text, not %s", i, fn, kindOf(it))
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

// split evaluates Fn::Split: [delimiter, text].
func (e *evaluator) split(n, arg *tree.Node) (*tree.Node, bool) {
	a, ok := e.args(n, arg, 2, 2, "Fn::Split: [delimiter, text]")
	if !ok {
		return nil, false
	}
	delim, ok1 := e.scalarArg(a[0], "the delimiter of Fn::Split")
	s, ok2 := e.scalarArg(a[1], "the second argument of Fn::Split")
	if !ok1 || !ok2 {
		return nil, false
	}
	if delim == "" {
		e.fail(n, "give the text to split at", "the delimiter of Fn::Split is empty")
		return nil, false
	}
	if !e.spend(n, strings.Count(s, delim)+1, len(s)) {
		return nil, false
	}
	out := &tree.Node{Kind: tree.List, Pos: n.Pos}
	for _, p := range strings.Split(s, delim) {
		out.Items = append(out.Items, &tree.Node{Kind: tree.String, Text: p, Pos: n.Pos})
	}
	return out, true
}

// selectItem evaluates Fn::Select: [index, list].
func (e *evaluator) selectItem(n, arg *tree.Node) (*tree.Node, bool) {
	a, ok := e.args(n, arg, 2, 2, "Fn::Select: [index, [value, …]]")
	if !ok {
		return nil, false
	}
	index, ok1 := e.scalarArg(a[0], "the index of Fn::Select")
	items, ok2 := e.listArg(a[1], "the second argument of Fn::Select")
	if !ok1 || !ok2 {
		return nil, false
	}
	i, err := strconv.Atoi(strings.TrimSpace(index))
	if err != nil || i < 0 {
		e.fail(n, "count from 0", "the index of Fn::Select must be a whole number from 0")
		return nil, false
	}
	if i >= len(items) {
		e.fail(n, "count from 0", "Fn::Select has no value at index %d: the list has %d", i, len(items))
		return nil, false
	}
	return placed(items[i], n), true
}

// choose evaluates Fn::If: [condition, then, else], and only the branch that
// the condition chooses.
func (e *evaluator) choose(n, arg *tree.Node) (*tree.Node, bool) {
	a, ok := e.args(n, arg, 3, 3, "Fn::If: [ConditionName, value if true, value if false]")
	if !ok {
		return nil, false
	}
	yes, ok := e.condition(n, a[0])
	if !ok {
		return nil, false
	}
	if yes {
		return e.eval(a[1])
	}
	return e.eval(a[2])
}

// base64 evaluates Fn::Base64.
func (e *evaluator) base64(n, arg *tree.Node) (*tree.Node, bool) {
	s, ok := e.scalarArg(arg, "the argument of Fn::Base64")
	if !ok {
		return nil, false
	}
	return e.text(n, base64.StdEncoding.EncodeToString([]byte(s)))
}

// importValue evaluates Fn::ImportValue.
func (e *evaluator) importValue(n, arg *tree.Node) (*tree.Node, bool) {
	name, ok := e.scalarArg(arg, "the name of an export")
	if !ok {
		return nil, false
	}
	if e.sc.o.Exports != nil {
		if v, ok := e.sc.o.Exports(name); ok && v != nil {
			return placed(v, n), e.spend(n, 1+v.Len(), len(v.Text))
		}
	}
	e.fail(n, "start the stack that exports it first, or export it from an Output of a running stack",
		"no running stack exports %q", e.sc.mask(name))
	return nil, false
}

// toJSON evaluates Fn::ToJsonString of a map or list.
func (e *evaluator) toJSON(n, arg *tree.Node) (*tree.Node, bool) {
	v, ok := e.eval(arg)
	if !ok {
		return nil, false
	}
	if !v.IsMap() && !v.IsList() {
		e.fail(n, "give a map or a list", "the argument of Fn::ToJsonString must be a map or a list, not %s", kindOf(v))
		return nil, false
	}
	size, ok := jsonSize(v, MaxText)
	if !ok {
		return nil, e.spend(n, 0, size)
	}
	return e.text(n, string(tree.JSON(v)))
}

// jsonSize estimates the JSON size of v from below; false when above limit,
// so that nothing large is written only to be refused.
func jsonSize(v *tree.Node, limit int) (int, bool) {
	size := 2 + len(v.Text)
	for _, it := range v.Items {
		if size > limit {
			break
		}
		n, _ := jsonSize(it, limit-size)
		size += n + 1
	}
	for _, en := range v.Entries {
		if size > limit {
			break
		}
		n, _ := jsonSize(en.Value, limit-size)
		size += n + len(en.Key) + 4
	}
	return size, size <= limit
}

// length evaluates Fn::Length of a list.
func (e *evaluator) length(n, arg *tree.Node) (*tree.Node, bool) {
	items, ok := e.listArg(arg, "the argument of Fn::Length")
	if !ok {
		return nil, false
	}
	return placed(tree.NewInt(len(items)), n), true
}

// findInMap evaluates Fn::FindInMap: [map, key, second key, {DefaultValue: v}].
func (e *evaluator) findInMap(n, arg *tree.Node) (*tree.Node, bool) {
	a, ok := e.args(n, arg, 3, 4, "Fn::FindInMap: [MapName, top key, second key]")
	if !ok {
		return nil, false
	}
	var fallback *tree.Node
	if len(a) == 4 {
		if fallback = a[3].Get("DefaultValue"); fallback == nil || a[3].Len() != 1 {
			e.fail(a[3], "write {DefaultValue: value}", "the fourth argument of Fn::FindInMap must be {DefaultValue: value}")
			return nil, false
		}
	}
	var keys [3]string
	for i, what := range []string{"the map name", "the top key", "the second key"} {
		s, good := e.scalarArg(a[i], what+" of Fn::FindInMap")
		keys[i], ok = s, ok && good
	}
	if !ok {
		return nil, false
	}
	table := e.sc.root.Get("Mappings")
	for i, k := range keys {
		next := table.Get(k)
		if next == nil && fallback != nil {
			return e.eval(fallback)
		}
		if next == nil {
			e.noKey(n, table, keys, i)
			return nil, false
		}
		table = next
	}
	v, ok := e.eval(table)
	return placed(v, n), ok
}

func (e *evaluator) noKey(n, table *tree.Node, keys [3]string, i int) {
	name := e.sc.mask(keys[i])
	mend := e.sc.didYouMean(keys[i], table.Keys(), "add it to the Mappings section")
	switch i {
	case 0:
		e.fail(n, mend, "no mapping is named %q", name)
	case 1:
		e.fail(n, mend, "mapping %s has no key %q", keys[0], name)
	default:
		e.fail(n, mend, "mapping %s has no key %q under %q", keys[0], name, e.sc.mask(keys[1]))
	}
}

// getAZs evaluates Fn::GetAZs: the zones that a fresh account sees.
func (e *evaluator) getAZs(n, arg *tree.Node) (*tree.Node, bool) {
	region := ""
	if !arg.IsNull() {
		var ok bool
		if region, ok = e.scalarArg(arg, "the region of Fn::GetAZs"); !ok {
			return nil, false
		}
	}
	if region == "" {
		region = e.sc.o.Region
	}
	if len(region) > 64 {
		e.fail(n, "give a region such as us-east-1", "the region of Fn::GetAZs is too long")
		return nil, false
	}
	letters := "abc"
	switch region {
	case "us-east-1":
		letters = "abcdef"
	case "us-west-2", "ap-northeast-2":
		letters = "abcd"
	case "us-west-1":
		letters = "ac"
	case "ap-northeast-1":
		letters = "acd"
	case "ca-central-1":
		letters = "abd"
	}
	out := &tree.Node{Kind: tree.List, Pos: n.Pos}
	for _, l := range letters {
		out.Items = append(out.Items, &tree.Node{Kind: tree.String, Text: region + string(l), Pos: n.Pos})
	}
	return out, e.spend(n, len(letters), len(letters)*len(region))
}

// wholeNumber reads a count; ok is false for anything but 0 … MaxInt32.
func wholeNumber(s string) (int, bool) {
	i, err := strconv.Atoi(strings.TrimSpace(s))
	return i, err == nil && i >= 0 && i <= math.MaxInt32
}
