// SPDX-License-Identifier: Apache-2.0

package template

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/asset"
	"github.com/forelane/forelane/internal/template/build/api"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/build/compute"
	"github.com/forelane/forelane/internal/template/build/edge"
	"github.com/forelane/forelane/internal/template/build/identity"
	"github.com/forelane/forelane/internal/template/build/network"
	"github.com/forelane/forelane/internal/template/build/shield"
	"github.com/forelane/forelane/internal/template/build/store"
	"github.com/forelane/forelane/internal/template/build/zone"
	"github.com/forelane/forelane/internal/template/eval"
	"github.com/forelane/forelane/internal/template/fidelity"
	"github.com/forelane/forelane/internal/template/tree"
)

// Bounds of nested stacks.
const (
	maxNesting = 8
	maxUnits   = 100
)

// loader loads one stack with all that is nested in it.
type loader struct {
	o        Options
	table    *fidelity.Table
	assets   *asset.Set
	earlier  []*Result // stacks of the same assembly that are loaded
	shared   *base.Shared
	units    []*unit
	errs     []error
	unknown  []string // complaints about flags that name nothing in the stack
	invented []string
	notes    []pending
	broken   []*tree.Error // Lenient: what CloudFormation would refuse
}

// pending is a verdict on a resource that may not have been made yet.
type pending struct {
	id   string
	note fidelity.Note
}

// unit is one template: the stack itself, or one nested in it.
type unit struct {
	file, dir string
	prefix    string // of logical ids in the model
	stackName string
	params    map[string]string
	depth     int

	stack     *eval.Stack
	inventor  *eval.Inventor
	source    map[string]origin // of the resources as written
	nested    map[string]*unit  // by logical id; nil: it could not be loaded
	outputs   map[string]*tree.Node
	resources []*base.Resource
}

// origin is a resource of the template before any transform.
type origin struct {
	pos tree.Pos
	typ string
}

func (l *loader) load(ctx context.Context, src source) (*Result, error) {
	root := &unit{file: src.file, dir: folder(src.file), stackName: l.o.StackName, params: l.o.Parameters}
	l.unit(root)
	if root.stack == nil || len(l.errs) > 0 {
		return nil, ordered(l.errs)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o := root.stack.Options()
	stack := &model.Stack{Name: o.StackName, Region: o.Region, AccountID: o.AccountID, URLSuffix: o.URLSuffix}
	res := &Result{Stack: stack, Report: &Report{Stack: o.StackName}, Invented: l.invented, root: l.o.Root}
	sink := &base.Sink{}
	scope := &base.Scope{Stack: stack, Shared: l.shared, Assets: l.assets, Sink: sink, Buckets: l.o.Buckets, Lenient: l.o.Lenient}
	l.gather(scope, res)
	l.strangers(scope)
	network.Build(scope)
	compute.Build(scope)
	identity.Build(scope)
	store.Build(scope)
	shield.Build(scope)
	api.Build(scope)
	edge.Build(scope)
	for _, r := range scope.Of("AWS::SSM::Parameter") {
		l.shared.Parameters[r.Props.Get("Name").Text()] = r.Props.Get("Value").Text()
	}
	zone.Build(scope)
	l.outputs(root, stack)
	for _, e := range sink.Errs {
		l.fail(e)
	}
	res.Report.Broken, res.resources = l.broken, scope.Resources
	if len(l.errs) > 0 {
		return nil, ordered(l.errs)
	}
	return res, nil
}

// strangers finds ids on the command line that the stack has not.
func (l *loader) strangers(scope *base.Scope) {
	has := func(id, typ string) bool {
		return slices.ContainsFunc(scope.Resources, func(r *base.Resource) bool {
			return (r.ID == id || typ == "" && asset.Named(id, r.ID)) && (typ == "" || r.Type == typ)
		})
	}
	for id := range l.o.Code {
		if !has(id, "") {
			l.unknown = append(l.unknown, fmt.Sprintf("no resource is named %q (correct the spelling of --code)", id))
		}
	}
	for id := range l.o.Buckets {
		if !has(id, "AWS::S3::Bucket") {
			l.unknown = append(l.unknown, fmt.Sprintf("no bucket is named %q (correct the spelling of --bucket)", id))
		}
	}
}

// unit reads and evaluates one template and what is nested in it.
func (l *loader) unit(u *unit) {
	l.units = append(l.units, u)
	text, err := l.assets.Read(u.file)
	if err != nil {
		l.errs = append(l.errs, err)
		return
	}
	t, err := tree.Parse(l.assets.Show(u.file), text)
	if err != nil {
		l.errs = append(l.errs, err)
		return
	}
	l.repeated(u, t)
	if l.o.Lenient {
		var names []string
		u.params, names = invent(t, u.params)
		l.invented = append(l.invented, names...)
	}
	u.source = map[string]origin{}
	if rs := t.Get("Resources"); rs.IsMap() {
		for _, e := range rs.Entries {
			typ, _ := e.Value.Get("Type").Str()
			u.source[e.Key] = origin{e.KeyPos, typ}
		}
	}
	s, err := l.prepare(u, t)
	if err != nil {
		l.errs = append(l.errs, err)
		return
	}
	u.stack, u.inventor, u.nested = s, eval.NewInventor(s), map[string]*unit{}
	s.SetAttributes(attributes{Inventor: u.inventor, l: l, u: u})
	if u.depth == 0 {
		for _, name := range s.UnknownParameters() {
			l.unknown = append(l.unknown, fmt.Sprintf("no parameter is named %q (correct the spelling of --param)", name))
		}
	}
	l.evaluate(u)
}

// prepare expands macros, runs the SAM transform and makes the evaluator.
func (l *loader) prepare(u *unit, t *tree.Node) (*eval.Stack, error) {
	o := l.evalOptions(u)
	t, err := attempt(l, t, func(t *tree.Node) (*tree.Node, error) { return eval.Expand(t, o) })
	if err != nil {
		return nil, err
	}
	if t, err = attempt(l, t, func(t *tree.Node) (*tree.Node, error) { return l.serverless(u, t) }); err != nil {
		return nil, err
	}
	return attempt(l, t, func(t *tree.Node) (*eval.Stack, error) { return eval.New(t, o) })
}

// evaluate makes a base.Resource of every live resource, in the order of the
// template.
func (l *loader) evaluate(u *unit) {
	for _, id := range u.stack.Template().Get("Resources").Keys() {
		r := u.stack.Resource(id)
		if r == nil {
			continue
		}
		out := &base.Resource{ID: u.prefix + id, Type: r.Type, Pos: l.position(u, r), Dir: u.dir}
		for _, before := range r.DependsOn {
			out.DependsOn = append(out.DependsOn, u.prefix+before)
		}
		out.Report = &fidelity.Resource{LogicalID: out.ID, Type: r.Type, Pos: out.Pos}
		if o := u.source[id]; o.typ != r.Type {
			out.Report.From = o.typ
		}
		props, err := u.stack.Properties(id)
		whole := err == nil
		out.Partial = !whole
		switch {
		case whole:
		case l.table.Runs(r.Type):
			l.fail(err)
		default:
			out.Report.Add(fidelity.Note{Verdict: fidelity.Unsupported, Words: "its properties cannot be evaluated: " + err.Error(), Pos: out.Pos})
		}
		meta, err := u.stack.Metadata(id)
		if err != nil && l.table.Runs(r.Type) {
			l.fail(err)
		}
		props = l.localize(u, r.Type, props, meta)
		for _, e := range l.table.Check(out.Report, props) {
			if whole || l.o.Lenient { // what could not be evaluated is not missing
				l.fail(e)
			}
		}
		ref, err := u.stack.Attributes().Ref(id)
		if err != nil {
			l.errs = append(l.errs, fmt.Errorf("resource %s: %w", out.ID, err))
			continue
		}
		out.Ref, _ = ref.Scalar()
		out.Att = func(name string) string {
			n, err := u.stack.Attributes().GetAtt(id, name)
			if err != nil {
				return ""
			}
			if n.IsList() && len(n.Items) > 0 {
				n = n.Items[0]
			}
			s, _ := n.Scalar()
			return s
		}
		u.resources = append(u.resources, out)
		out.Props = base.NewValue(props, "Resources."+out.ID+".Properties", nil, out.Pos)
		out.Meta = base.NewValue(meta, "Resources."+out.ID+".Metadata", nil, out.Pos)
		if r.Type == "AWS::CloudFormation::Stack" {
			l.child(u, id)
		}
	}
}

// folder is the absolute folder of a file: code runs elsewhere than here.
func folder(file string) string {
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	return filepath.Dir(file)
}

// position is where a resource stands; one that a transform made has the
// place of the resource it was made from, which its id begins with.
func (l *loader) position(u *unit, r *eval.Resource) tree.Pos {
	if r.Pos.Line > 0 {
		return r.Pos
	}
	for n := len(r.LogicalID); n > 0; n-- {
		if o, ok := u.source[r.LogicalID[:n]]; ok {
			return o.pos
		}
	}
	var first tree.Pos
	var walk func(n *tree.Node)
	walk = func(n *tree.Node) {
		if n == nil || first.Line > 0 {
			return
		}
		if n.Pos.Line > 0 {
			first = n.Pos
			return
		}
		for _, it := range n.Items {
			walk(it)
		}
		for _, e := range n.Entries {
			walk(e.Value)
		}
	}
	walk(r.Properties)
	if first.Line > 0 {
		return first
	}
	return tree.Pos{File: l.assets.Show(u.file)}
}

// gather puts the resources of all units into the scope and the report, and
// what is not run into the model as opaque.
func (l *loader) gather(scope *base.Scope, res *Result) {
	for _, u := range l.units {
		for _, r := range u.resources {
			r.Props, r.Meta = r.Props.In(scope.Sink), r.Meta.In(scope.Sink)
			scope.Resources = append(scope.Resources, r)
			res.Report.Resources = append(res.Report.Resources, r.Report)
			for _, p := range l.notes {
				if p.id == r.ID {
					if p.note.Pos.Line == 0 {
						p.note.Pos = r.Pos
					}
					r.Report.Add(p.note)
				}
			}
			if !l.table.Runs(r.Type) {
				scope.Stack.Opaque = append(scope.Stack.Opaque, &model.Opaque{LogicalID: r.ID, Type: r.Type, Ref: r.Ref, Pos: r.Where()})
			}
		}
	}
}

// outputs evaluates the outputs of the stack, and the exports of nested ones.
func (l *loader) outputs(root *unit, stack *model.Stack) {
	for _, u := range l.units {
		if u.stack == nil {
			continue
		}
		outs, err := u.stack.Outputs()
		l.fail(err)
		for _, o := range outs {
			if u != root && o.Export == "" {
				continue
			}
			value, ok := o.Value.Scalar()
			if !ok {
				value = string(tree.JSON(o.Value))
			}
			stack.Outputs = append(stack.Outputs, model.Output{Name: u.prefix + o.Name, Description: o.Description, Value: value, ExportName: o.Export})
		}
	}
}
