// SPDX-License-Identifier: Apache-2.0

// Package openapi edits the definition of a REST or HTTP API: paths and
// methods with their integrations, CORS, security, models, parameters and
// resource policies.
//
// The flow: Swagger (REST APIs, Swagger 2 or OpenAPI 3) or HTTP (HTTP APIs,
// OpenAPI 3) opens a definition; the methods edit it; Definition returns it. A path or a method may stand in an Fn::If, of which
// both branches are edited.
//
// Maps are filled with pydict, because the text of a REST definition is hashed
// into a logical id.
//
// What it does not do: it reads no event and no resource; the event and api
// rooms translate those into calls here. An editor belongs to one goroutine.
package openapi

import (
	"regexp"
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/pydict"
	"github.com/forelane/forelane/internal/template/tree"
)

// Keys of API Gateway's extensions.
const (
	Integration  = "x-amazon-apigateway-integration"
	AnyMethod    = "x-amazon-apigateway-any-method"
	DefaultPath  = "$default"
	policyKey    = "x-amazon-apigateway-policy"
	responsesKey = "x-amazon-apigateway-gateway-responses"
	authorizer   = "x-amazon-apigateway-authorizer"
	authType     = "x-amazon-apigateway-authtype"
	endpointKey  = "x-amazon-apigateway-endpoint-configuration"
	securityDefs = "securityDefinitions"
)

var version3 = regexp.MustCompile(`^3(\.\d)(\.\d)?$`)

// IsVersion3 tells whether n, a string or a number, is an OpenAPI 3 version.
func IsVersion3(n *tree.Node) bool {
	s, ok := n.Scalar()
	return ok && version3.MatchString(s)
}

// MaxRoutes bounds the paths of one API, far above API Gateway's own quota, so
// that a hostile template ends soon.
const MaxRoutes = 1000

// editor is what both kinds share.
type editor struct {
	id    string // of the API, for errors
	doc   *tree.Node
	paths *tree.Node

	state *state
}

// state is what an API's definition keeps from one editor to the next. The
// original copied the whole definition when an editor opened it and again when
// it handed it back, which may change the order of maps. Here the first editor
// copies; the later ones settle the orders in place, and leave alone paths that
// did not change since settling them changed nothing.
type state struct {
	doc    *tree.Node
	stable map[*tree.Node]bool // values of paths
	keys   int                 // number of paths when their order was found stable
}

// stateKey is the key of an API's state in Context.Bag.
type stateKey struct{ id string }

// open makes the editor of a definition whose form was checked.
func open(c *base.Context, id string, def *tree.Node) (editor, error) {
	st, ok := c.Bag[stateKey{id}].(*state)
	if ok && st.doc == def {
		e := editor{id: id, doc: def, paths: def.Get("paths"), state: st}
		e.settle()
		return e, nil
	}
	doc := pydict.Copy(def)
	st = &state{doc: doc, stable: map[*tree.Node]bool{}}
	c.Bag[stateKey{id}] = st
	e := editor{id: id, doc: doc, paths: doc.Get("paths"), state: st}
	for _, p := range e.paths.Entries {
		if _, err := e.items(p.Key); err != nil {
			return e, err
		}
	}
	return e, nil
}

// settle brings every map into the order that a copy of it would have.
func (e *editor) settle() {
	st := e.state
	pydict.SettleKeys(e.doc)
	for _, s := range e.doc.Entries {
		if s.Value != e.paths {
			pydict.Settle(s.Value)
		}
	}
	if st.keys != len(e.paths.Entries) {
		st.keys = 0
		if !pydict.SettleKeys(e.paths) {
			st.keys = len(e.paths.Entries)
		}
	}
	for _, p := range e.paths.Entries {
		if !st.stable[p.Value] && !pydict.Settle(p.Value) {
			st.stable[p.Value] = true
		}
	}
}

// settled returns the settled definition.
func (e *editor) settled() *tree.Node {
	e.settle()
	return e.doc
}

func (e *editor) errorf(at *tree.Node, format string, args ...any) error {
	return base.Errorf(e.id, at, "definition: "+format, args...)
}

// Paths lists the paths in the order of a walk, with the position of each.
func (e *editor) Paths() []tree.Entry {
	return append([]tree.Entry(nil), pydict.Order(e.paths)...)
}

// branches returns the values that n may have: n itself, or those of an
// Fn::If that are not AWS::NoValue.
func (e *editor) branches(n *tree.Node) ([]*tree.Node, error) {
	arg := n.Get("Fn::If")
	if arg == nil {
		return []*tree.Node{n}, nil
	}
	if !arg.IsList() {
		return nil, e.errorf(arg, "Fn::If takes a list")
	}
	var out []*tree.Node
	for i, it := range arg.Items {
		if i > 0 && !base.IsNoValue(it) {
			out = append(out, it)
		}
	}
	return out, nil
}

// items returns the branches of a path, all maps.
func (e *editor) items(path string) ([]*tree.Node, error) {
	item := e.paths.Get(path)
	delete(e.state.stable, item) // the caller may change it
	bs, err := e.branches(item)
	if err != nil {
		return nil, err
	}
	for _, b := range bs {
		if !b.IsMap() {
			return nil, e.errorf(b, "the value of path %s must be a map", path)
		}
	}
	return bs, nil
}

// NormalMethod is a method as definitions write it: lower case, ANY as its
// extension. The text counts as the user's unless it is the extension.
func NormalMethod(method string, pos tree.Pos) (string, tree.Pos) {
	m := strings.ToLower(method)
	if m == "any" {
		return AnyMethod, tree.Pos{}
	}
	return m, pos
}

func normal(method string) string {
	m, _ := NormalMethod(method, tree.Pos{})
	return m
}

func hasIntegration(def *tree.Node) bool { return base.Truthy(def.Get(Integration)) }

// HasIntegration tells whether every branch of the path has the method with an
// integration.
func (e *editor) HasIntegration(path, method string) (bool, error) {
	method = normal(method)
	if !e.paths.Has(path) {
		return false, nil
	}
	bs, err := e.branches(e.paths.Get(path))
	if err != nil {
		return false, err
	}
	for _, b := range bs {
		if !b.IsMap() || method != "" && !b.Has(method) {
			return false, nil
		}
	}
	for _, b := range bs {
		m := b.Get(method)
		if !m.IsMap() {
			return false, nil
		}
		defs, err := e.branches(m)
		if err != nil {
			return false, err
		}
		any := false
		for _, d := range defs {
			if !d.IsMap() {
				return false, e.errorf(d, "method %s of path %s must be a map", method, path)
			}
			any = any || hasIntegration(d)
		}
		if !any {
			return false, nil
		}
	}
	return true, nil
}

// AddPath puts an empty method into a path, both made if absent. The
// positions tell whether the user wrote path and method.
func (e *editor) AddPath(path, method *tree.Node) error {
	item := e.paths.Get(path.Text)
	if item == nil {
		if len(e.paths.Entries) >= MaxRoutes {
			return e.errorf(path, "the API has more than %d paths", MaxRoutes)
		}
		item = tree.NewMap()
		pydict.Set(e.paths, path.Text, path.Pos, item)
	}
	if !item.IsMap() {
		return e.errorf(item, "the value of path %s must be a map", path.Text)
	}
	bs, err := e.items(path.Text)
	if err != nil {
		return err
	}
	name, pos := NormalMethod(method.Text, method.Pos)
	for _, b := range bs {
		if !b.Has(name) {
			pydict.Set(b, name, pos, tree.NewMap())
		}
	}
	return nil
}

// MakeConditional puts a path into an Fn::If.
func (e *editor) MakeConditional(path string, condition *tree.Node) {
	pydict.Put(e.paths, path, ifNode(condition, e.paths.Get(path)))
}

// ifNode makes an Fn::If that keeps the condition's position.
func ifNode(condition, v *tree.Node) *tree.Node {
	return base.Map("Fn::If", tree.NewList(condition.Clone(), v, base.NoValue()))
}

// defs returns the definitions of a method of a path that have an integration.
func (e *editor) defs(path, method string) ([]*tree.Node, error) {
	items, err := e.items(path)
	if err != nil {
		return nil, err
	}
	var out []*tree.Node
	for _, it := range items {
		bs, err := e.branches(it.Get(normal(method)))
		if err != nil {
			return nil, err
		}
		for _, d := range bs {
			if !d.IsMap() {
				return nil, e.errorf(d, "method %s of path %s must be a map", method, path)
			}
			if hasIntegration(d) {
				out = append(out, d)
			}
		}
	}
	return out, nil
}

// integration returns the integration of a definition, which must be a map.
func (e *editor) integration(def *tree.Node) (*tree.Node, error) {
	in := def.Get(Integration)
	if !in.IsMap() {
		return nil, e.errorf(in, "%s must be a map", Integration)
	}
	return in, nil
}

// SetIntegration puts one value into the integration of a method.
func (e *editor) SetIntegration(path, method, key string, v *tree.Node) error {
	defs, err := e.defs(path, method)
	if err != nil {
		return err
	}
	for _, d := range defs {
		in, err := e.integration(d)
		if err != nil {
			return err
		}
		pydict.Put(in, key, v.Clone())
	}
	return nil
}

// SetTimeout puts the integration's time limit.
func (e *editor) SetTimeout(path, method string, timeout *tree.Node) error {
	return e.SetIntegration(path, method, "timeoutInMillis", timeout)
}

// security returns the list under security of a definition.
func (e *editor) security(def *tree.Node, path, method string) ([]*tree.Node, error) {
	s := def.Get("security")
	if s == nil {
		return nil, nil
	}
	if !s.IsList() {
		return nil, e.errorf(s, "security of path %s, method %s must be a list", path, method)
	}
	for _, it := range s.Items {
		if !it.IsMap() {
			return nil, e.errorf(it, "each security of path %s, method %s must be a map", path, method)
		}
	}
	return s.Items, nil
}

// requirement makes one member of security.
func requirement(name *tree.Node, scopes *tree.Node) *tree.Node {
	m := tree.NewMap()
	if scopes == nil {
		scopes = tree.NewList()
	}
	pydict.Set(m, name.Text, name.Pos, scopes)
	return m
}

var (
	restVariable = regexp.MustCompile(`\{([a-zA-Z0-9._-]+|[a-zA-Z0-9._-]+\+|proxy\+)\}`)
	httpVariable = regexp.MustCompile(`\{([a-zA-Z0-9._-]+|proxy\+)\}`)
)

// RESTPattern writes the variables of a path as * for an ARN.
func RESTPattern(path string) string { return restVariable.ReplaceAllString(path, "*") }

// HTTPPattern does the same for an HTTP API.
func HTTPPattern(path string) string { return httpVariable.ReplaceAllString(path, "*") }

// deepMap follows keys from n, making maps that are absent; an error if a
// value on the way is no map.
func (e *editor) deepMap(n *tree.Node, keys ...string) (*tree.Node, error) {
	for _, k := range keys {
		if !n.IsMap() {
			return nil, e.errorf(n, "the parent of %s must be a map", k)
		}
		next := n.Get(k)
		if next == nil {
			next = tree.NewMap()
			pydict.Put(n, k, next)
		}
		n = next
	}
	if !n.IsMap() {
		return nil, e.errorf(n, "%s must be a map", strings.Join(keys, "."))
	}
	return n, nil
}

// section returns the map under key, or a fresh one if it is absent or empty.
func section(doc *tree.Node, key string) *tree.Node {
	if s := doc.Get(key); base.Truthy(s) {
		return s
	}
	return tree.NewMap()
}
