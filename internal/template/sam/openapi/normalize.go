// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/pydict"
	"github.com/forelane/forelane/internal/template/tree"
)

// Normalize writes the Swagger 2 parts of an OpenAPI 3 definition in OpenAPI's
// way: security definitions and models under components, no consumes and
// produces in OPTIONS, schemas around the types of its headers. It changes
// def. version is the API's OpenApiVersion, may be nil.
func Normalize(c *base.Context, id string, def, version *tree.Node) error {
	e := editor{id: id, doc: def}
	if st, ok := c.Bag[stateKey{id}].(*state); ok {
		clear(st.stable) // any path may change here
	}
	if !def.Get("swagger").IsNull() {
		return nil
	}
	v := version
	if v.IsNull() {
		v = def.Get("openapi")
	}
	if !base.Truthy(v) || !IsVersion3(v) {
		return nil
	}
	for _, p := range []struct{ from, to string }{{securityDefs, "securitySchemes"}, {"definitions", "schemas"}} {
		if !base.Truthy(def.Get(p.from)) {
			continue
		}
		c := section(def, "components")
		if !c.IsMap() {
			return e.errorf(c, "components must be a map")
		}
		pydict.Put(c, p.to, def.Get(p.from))
		pydict.Put(def, "components", c)
		pydict.Delete(def, p.from)
	}
	paths := def.Get("paths")
	if !base.Truthy(paths) {
		return nil
	}
	if !paths.IsMap() {
		return e.errorf(paths, "paths must be a map")
	}
	for _, p := range paths.Entries {
		if !p.Value.IsMap() {
			return e.errorf(p.Value, "the value of path %s must be a map", p.Key)
		}
		if err := e.options(p.Key, p.Value.Get("options")); err != nil {
			return err
		}
	}
	return nil
}

func (e *editor) options(path string, options *tree.Node) error {
	if !base.Truthy(options) {
		return nil
	}
	if !options.IsMap() {
		return e.errorf(options, "method options of path %s must be a map", path)
	}
	for _, k := range pydict.OrderKeys(options) {
		if k == "produces" || k == "consumes" {
			pydict.Delete(options, k)
		}
	}
	rs := options.Get("responses")
	if rs.IsNull() {
		return nil
	}
	if !rs.IsMap() {
		return e.errorf(rs, "responses of method options, path %s must be a map", path)
	}
	ok := rs.Get("200")
	if ok.IsNull() {
		return nil
	}
	if !ok.IsMap() {
		return e.errorf(ok, "response 200 of method options, path %s must be a map", path)
	}
	headers := ok.Get("headers")
	if !base.Truthy(headers) {
		return nil
	}
	if !headers.IsMap() {
		return e.errorf(headers, "headers of method options, path %s must be a map", path)
	}
	for i := range headers.Entries {
		headers.Entries[i].Value = base.Map("schema", headers.Entries[i].Value)
	}
	return nil
}
