// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/pydict"
	"github.com/forelane/forelane/internal/template/tree"
)

// HTTP edits the definition of an HTTP API.
type HTTP struct {
	editor
	schemes *tree.Node // components.securitySchemes
	tags    *tree.Node
	info    *tree.Node
}

// ValidHTTP tells whether n is a definition that HTTP can edit.
func ValidHTTP(n *tree.Node) bool {
	return n.IsMap() && n.Get("paths").IsMap() && base.Truthy(n.Get("openapi")) && IsVersion3(n.Get("openapi"))
}

// NewHTTP opens the definition of the API id, def or a copy of it. Only
// Definition may be used of it afterwards.
func NewHTTP(c *base.Context, id string, def *tree.Node) (*HTTP, error) {
	if !ValidHTTP(def) {
		return nil, base.Errorf(id, def, "DefinitionBody must be an OpenAPI 3 definition with paths")
	}
	e, err := open(c, id, def)
	if err != nil {
		return nil, err
	}
	doc := e.doc
	h := &HTTP{editor: e, schemes: tree.NewMap(), info: section(doc, "info")}
	if c := doc.Get("components"); !c.IsNull() {
		if !c.IsMap() {
			return nil, h.errorf(c, "components must be a map")
		}
		h.schemes = section(c, "securitySchemes")
	}
	if h.tags = doc.Get("tags"); !base.Truthy(h.tags) {
		h.tags = tree.NewList()
	}
	if !h.info.IsMap() || !h.schemes.IsMap() {
		return nil, h.errorf(doc, "info and components.securitySchemes must be maps")
	}
	return h, nil
}

// HTTPSkeleton is the definition of an HTTP API without paths.
func HTTPSkeleton() *tree.Node {
	return base.Map("openapi", "3.0.1", "info", base.Map("version", "1.0", "title", DefaultTitle()), "paths", tree.NewMap())
}

// DefaultTitle is the title of an API that gives none.
func DefaultTitle() *tree.Node { return base.Ref("AWS::StackName") }

// Definition returns the edited definition.
func (h *HTTP) Definition() *tree.Node {
	if h.tags.Len() > 0 {
		pydict.Put(h.doc, "tags", h.tags)
	}
	if h.schemes.Len() > 0 {
		c := section(h.doc, "components")
		pydict.Put(h.doc, "components", c)
		pydict.Put(c, "securitySchemes", h.schemes)
	}
	if h.info.Len() > 0 {
		pydict.Put(h.doc, "info", h.info)
	}
	return h.settled()
}

var functionArn = regexp.MustCompile(`([A-Za-z0-9]+)\.Arn`)

// CallsFunction tells whether the route calls the function of that logical id.
func (h *HTTP) CallsFunction(path, method, id string) (bool, error) {
	if has, err := h.HasIntegration(path, method); !has || err != nil {
		return false, err
	}
	items, err := h.items(path)
	if err != nil {
		return false, err
	}
	for _, it := range items {
		defs, err := h.branches(it.Get(normal(method)))
		if err != nil {
			return false, err
		}
		for _, d := range defs {
			in := d.Get(Integration)
			if in != nil && !in.IsMap() {
				return false, h.errorf(in, "%s must be a map", Integration)
			}
			uri := in.Get("uri")
			if !uri.IsMap() {
				return false, nil
			}
			us, err := h.branches(uri)
			if err != nil {
				return false, err
			}
			for _, u := range us {
				m := functionArn.FindStringSubmatch(base.Text(u, "Fn::Sub"))
				if m == nil || m[1] != id {
					return false, nil
				}
			}
		}
	}
	return true, nil
}

// AddLambda adds a proxy integration unless the route has one.
func (h *HTTP) AddLambda(l Lambda) error {
	name := normal(l.Method.Text)
	if has, err := h.HasIntegration(l.Path.Text, name); has || err != nil {
		return err
	}
	if err := h.AddPath(l.Path, l.Method); err != nil {
		return err
	}
	uri := l.URI
	if l.Condition != nil {
		uri = ifNode(l.Condition, uri)
	}
	items, err := h.items(l.Path.Text)
	if err != nil {
		return err
	}
	for _, it := range items {
		m := it.Get(name)
		if m.IsNull() {
			m = tree.NewMap()
			pydict.Put(it, name, m)
		}
		if !m.IsMap() {
			return h.errorf(m, "method %s of path %s must be a map", name, l.Path.Text)
		}
		pydict.Put(m, Integration, base.Map("type", "aws_proxy", "httpMethod", "POST", "payloadFormatVersion", "2.0", "uri", uri))
		if l.Path.Text == DefaultPath && name == AnyMethod {
			pydict.Put(m, "isDefaultRoute", tree.NewBool(true))
		}
		if !m.Has("responses") {
			pydict.Put(m, "responses", tree.NewMap())
		}
		if l.Condition != nil {
			pydict.Put(it, name, ifNode(l.Condition, m))
		}
	}
	return nil
}

// AddPathParameters declares the variables of a path.
func (h *HTTP) AddPathParameters(path, method string, names []string) error {
	defs, err := h.defs(path, method)
	if err != nil {
		return err
	}
	for _, d := range defs {
		ps := d.Get("parameters")
		if ps == nil {
			ps = tree.NewList()
			pydict.Put(d, "parameters", ps)
		}
		if !ps.IsList() {
			return h.errorf(ps, "parameters of path %s must be a list", path)
		}
		for _, n := range names {
			var p *tree.Node
			for _, have := range ps.Items {
				if base.Text(have, "name") == n {
					p = have
				}
			}
			if p == nil {
				p = base.Map("name", n)
				ps.Add(p)
			}
			pydict.Put(p, "in", tree.NewString("path"))
			pydict.Put(p, "required", tree.NewBool(true))
		}
	}
	return nil
}

// DefaultAuthorizer makes name the authorizer of every method of path but
// OPTIONS that has no security.
func (h *HTTP) DefaultAuthorizer(path string, name, scopes *tree.Node) error {
	items, err := h.items(path)
	if err != nil {
		return err
	}
	for _, it := range items {
		for _, e := range it.Entries {
			if m := normal(e.Key); m == "parameters" || m == "options" {
				continue
			}
			if m := normal(e.Key); !it.Has(m) {
				return h.errorf(e.Value, "path %s: write method %s as %s", path, e.Key, m)
			}
			defs, err := h.branches(e.Value)
			if err != nil {
				return err
			}
			for _, d := range defs {
				if !d.IsMap() {
					return h.errorf(d, "method %s of path %s must be a map", e.Key, path)
				}
				if hasIntegration(d) && !base.Truthy(d.Get("security")) {
					pydict.Put(d, "security", tree.NewList(requirement(name, scopes.Clone())))
				}
			}
		}
	}
	return nil
}

// MethodAuth gives a method the authorizer and the scopes of an event's Auth.
func (h *HTTP) MethodAuth(path, method string, auth, api *tree.Node) error {
	name := auth.Get("Authorizer")
	if !name.IsString() || name.Text == "" {
		return nil
	}
	defs, err := h.defs(path, method)
	if err != nil {
		return err
	}
	for _, d := range defs {
		var scopes *tree.Node
		if name.Text != noneName && name.Text != iamName {
			a := api.At("Auth", "Authorizers").Get(name.Text)
			if a != nil && !a.IsMap() {
				return h.errorf(a, "authorizer %s must be a map", name.Text)
			}
			if scopes = auth.Get("AuthorizationScopes"); !base.Truthy(scopes) {
				scopes = a.Get("AuthorizationScopes")
			}
			if !base.Truthy(a) || !base.Truthy(scopes) {
				scopes = nil
			}
		}
		have, err := h.security(d, path, method)
		if err != nil {
			return err
		}
		list := append(append([]*tree.Node(nil), have...), requirement(name, scopes.Clone()))
		pydict.Put(d, "security", tree.NewList(list...))
	}
	return nil
}

// AddScheme defines a security scheme.
func (h *HTTP) AddScheme(name string, pos tree.Pos, scheme *tree.Node) {
	pydict.Set(h.schemes, name, pos, scheme)
}

// AddTags sets tags by name.
func (h *HTTP) AddTags(tags *tree.Node) error {
	const key = "x-amazon-apigateway-tag-value"
	for _, e := range tags.Entries {
		if !h.tags.IsList() {
			return h.errorf(h.tags, "tags must be a list")
		}
		var tag *tree.Node
		for _, t := range h.tags.Items {
			if base.Text(t, "name") == e.Key {
				tag = t
				break
			}
		}
		if tag == nil {
			tag = base.Map("name", e.Key)
			h.tags.Add(tag)
		}
		pydict.Put(tag, key, e.Value.Clone())
	}
	return nil
}

// DisableEndpoint sets disableExecuteApiEndpoint.
func (h *HTTP) DisableEndpoint(v *tree.Node) error {
	servers := h.doc.Get("servers")
	if servers == nil {
		servers = tree.NewList(tree.NewMap())
	}
	for _, it := range servers.Items {
		m, err := h.deepMap(it, endpointKey)
		if err != nil {
			return err
		}
		pydict.Put(m, "disableExecuteApiEndpoint", v.Clone())
	}
	pydict.Put(h.doc, "servers", servers)
	return nil
}

// corsNames are the properties of CorsConfiguration and their names in the
// definition, in the order in which they are written.
var corsNames = [...]struct{ from, to string }{
	{"AllowOrigins", "allowOrigins"},
	{"AllowHeaders", "allowHeaders"},
	{"AllowMethods", "allowMethods"},
	{"ExposeHeaders", "exposeHeaders"},
	{"MaxAge", "maxAge"},
	{"AllowCredentials", "allowCredentials"},
}

// SetCORS writes a CorsConfiguration; one that is an intrinsic is written with
// the names inside it changed.
func (h *HTTP) SetCORS(config *tree.Node) error {
	const key = "x-amazon-apigateway-cors"
	cors := h.doc.Get(key)
	if cors == nil {
		cors = tree.NewMap()
	}
	if !cors.IsMap() {
		return h.errorf(cors, "%s must be a map", key)
	}
	if o := config.Get("AllowOrigins"); config.IsIntrinsic() || o.IsIntrinsic() {
		if !config.IsIntrinsic() {
			config = o
		}
		for _, e := range rename(config).Entries {
			pydict.Put(cors, e.Key, e.Value)
		}
	} else {
		for _, n := range corsNames {
			v := config.Get(n.from)
			switch {
			case n.from == "MaxAge" && !v.IsNull():
			case n.from == "AllowCredentials" && v != nil && (v.Kind != tree.Bool || !v.Bool):
				continue
			case !base.Truthy(v):
				continue
			}
			pydict.Put(cors, n.to, v.Clone())
		}
	}
	pydict.Put(h.doc, key, cors)
	return nil
}

// rename writes the names of CorsConfiguration in n, keys and texts, as the
// definition wants them.
func rename(n *tree.Node) *tree.Node {
	text := string(tree.JSON(n))
	for _, c := range corsNames {
		text = strings.ReplaceAll(text, c.from, c.to)
	}
	if !json.Valid([]byte(text)) {
		return n.Clone()
	}
	out, err := tree.Parse("", []byte(text))
	if err != nil {
		return n.Clone()
	}
	return out
}

// SetDescription sets info.description unless it is there.
func (h *HTTP) SetDescription(v *tree.Node) {
	if !base.Truthy(h.info.Get("description")) {
		pydict.Put(h.info, "description", v.Clone())
	}
}

// SetTitle sets info.title if it is the default one.
func (h *HTTP) SetTitle(v *tree.Node) {
	if tree.Equal(h.info.Get("title"), DefaultTitle()) {
		pydict.Put(h.info, "title", v.Clone())
	}
}
