// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"sort"

	"github.com/forelane/forelane/internal/template/tree"
)

// Attributes answers what Ref and Fn::GetAtt of a resource of this stack are.
type Attributes interface {
	Ref(logicalID string) (*tree.Node, error)
	GetAtt(logicalID, attribute string) (*tree.Node, error)
}

// Resource is one member of the Resources section. All fields but the first
// group are as written, unevaluated.
type Resource struct {
	LogicalID string
	Type      string
	Pos       tree.Pos // of the logical id
	Condition string   // its name; "" is none
	DependsOn []string

	DeletionPolicy      string // evaluated; "" is Delete
	UpdateReplacePolicy string // evaluated; "" is Delete

	Properties *tree.Node // nil if there are none
	Metadata   *tree.Node // nil if there is none
	Node       *tree.Node // the whole resource

	index int // in the order of the template
	live  bool
	done  bool // properties were evaluated
	value *tree.Node
	err   error
}

// Output is one evaluated member of the Outputs section.
type Output struct {
	Name        string
	Description string
	Export      string // the name it is exported under; "" is none
	Value       *tree.Node
	Pos         tree.Pos
}

// Stack is a template evaluated for one set of parameter values.
type Stack struct {
	sc    *scope
	order []*Resource // live ones, a resource after those that it needs
}

// New evaluates what does not depend on a resource's identity and checks the
// rest. The template is what Expand returned, after the SAM transform if it
// has one. New keeps t and expects that nobody changes it.
func New(t *tree.Node, o Options) (*Stack, error) {
	if !t.IsMap() {
		return nil, t.Errorf("a template must be a map with a Resources section, not %s", kindOf(t))
	}
	if errs := checkSections(t); len(errs) > 0 {
		return nil, join(errs)
	}
	sc, errs := newScope(t, o)
	sc.resources = map[string]*Resource{}
	errs = append(errs, sc.checkMappings()...)
	errs = append(errs, sc.evalConditions()...)
	if len(errs) == 0 {
		errs = append(errs, sc.checkRules()...)
	}
	errs = append(errs, sc.readResources()...)
	errs = append(errs, sc.checkReferences()...)
	s := &Stack{sc: sc}
	if len(errs) == 0 {
		s.order, errs = sc.sort()
	}
	if len(errs) > 0 {
		return nil, join(errs)
	}
	sc.attributes = NewInventor(s)
	return s, nil
}

// SetAttributes replaces the default Inventor. Call it before anything is
// evaluated; wrap s.Attributes() to keep the inventions for other types.
func (s *Stack) SetAttributes(a Attributes) { s.sc.attributes = a }

// Attributes returns what answers Ref and Fn::GetAtt.
func (s *Stack) Attributes() Attributes { return s.sc.attributes }

// Options returns the options with the defaults filled in.
func (s *Stack) Options() Options { return s.sc.o }

// Template returns the template that New was given.
func (s *Stack) Template() *tree.Node { return s.sc.root }

// Resources returns the resources that are created (no Condition, or a true
// one), each after those that it depends on, else in the template's order.
func (s *Stack) Resources() []*Resource { return s.order }

// Resource returns the resource with a logical id, nil if it is not created.
func (s *Stack) Resource(id string) *Resource {
	if r := s.sc.resources[id]; r != nil && r.live {
		return r
	}
	return nil
}

// Condition returns the value of a condition; ok is false if there is none.
func (s *Stack) Condition(name string) (value, ok bool) {
	c := s.sc.conditions[name]
	if c == nil || c.state != condDone {
		return false, false
	}
	return c.value, true
}

// Parameters returns the parameters in the order of the template.
func (s *Stack) Parameters() []Parameter {
	out := make([]Parameter, len(s.sc.paramOrder))
	for i, p := range s.sc.paramOrder {
		out[i] = *p
	}
	return out
}

// UnknownParameters lists, sorted, the names in Options.Parameters that the
// template does not declare. CloudFormation refuses them; a caller that sets
// parameters for several templates at once does not want that of each.
func (s *Stack) UnknownParameters() []string {
	var out []string
	for name := range s.sc.o.Parameters {
		if s.sc.params[name] == nil {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}

// Properties returns the evaluated Properties of a live resource: an empty map
// if it has none, keys that are AWS::NoValue left out. With an error it
// returns what could be evaluated, so that a caller who does not run the type
// can go on. The result is kept and must not be changed.
func (s *Stack) Properties(id string) (*tree.Node, error) {
	r := s.Resource(id)
	if r == nil {
		return tree.NewMap(), at(tree.Pos{}, "Resources."+id, "", "there is no live resource of this name")
	}
	if r.done {
		return r.value, r.err
	}
	r.done, r.value = true, tree.NewMap() // a value that needs itself sees an empty one
	if r.Properties != nil {
		v, err := s.Value(r.Properties, "Resources", id, "Properties")
		if !v.IsMap() {
			v = tree.NewMap()
		}
		r.value, r.err = v, err
	}
	return r.value, r.err
}

// Metadata returns the evaluated Metadata of a live resource; nil if none.
func (s *Stack) Metadata(id string) (*tree.Node, error) {
	r := s.Resource(id)
	if r == nil || r.Metadata == nil {
		return nil, nil
	}
	return s.Value(r.Metadata, "Resources", id, "Metadata")
}

// Value evaluates any Node of the template, intrinsic functions first and
// dynamic references after. The path is where it stands, for errors. A nil
// Node without an error is AWS::NoValue.
func (s *Stack) Value(n *tree.Node, path ...string) (*tree.Node, error) {
	e := s.sc.evaluator(inValue, path...)
	v, _ := e.eval(n)
	v, _ = e.resolve(v)
	return v, join(e.errs)
}

// Outputs evaluates the outputs whose condition is true, in the order of the
// template. With an error it returns those that could be evaluated.
func (s *Stack) Outputs() ([]Output, error) {
	var out []Output
	var errs []error
	for _, en := range section(s.sc.root, "Outputs") {
		if name, _ := en.Value.Get("Condition").Str(); name != "" {
			if yes, _ := s.Condition(name); !yes {
				continue
			}
		}
		e := s.sc.evaluator(inValue, "Outputs", en.Key, "Value")
		o := Output{Name: en.Key, Pos: en.KeyPos}
		o.Description, _ = en.Value.Get("Description").Scalar()
		v, ok := e.eval(en.Value.Get("Value"))
		if ok && v == nil {
			e.fail(en.Value, "put a Condition on the output", "the output has no Value")
			ok = false
		}
		o.Value = v
		if name := en.Value.At("Export", "Name"); name != nil && ok {
			e.path = []string{"Outputs", en.Key, "Export", "Name"}
			o.Export, ok = e.scalarArg(name, "the name of an export")
		}
		errs = append(errs, e.errs...)
		if ok {
			out = append(out, o)
		}
	}
	return out, join(errs)
}
