// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/pydict"
	"github.com/forelane/forelane/internal/template/tree"
)

// Security of REST APIs. A method's security is a list of requirements, each a
// map of one name. SAM gives two names a meaning of its own: {NONE: []} opts a
// method out of the default authorizer, {api_key_false: []} out of the API
// key; both are taken out where something else stands beside them.

const (
	iamName    = "AWS_IAM"
	noneName   = "NONE"
	keyName    = "api_key"
	keyOutName = "api_key_false"
)

// eachMethod calls f for every method of a path that has an integration.
func (s *Swagger) eachMethod(path string, f func(method string, def *tree.Node) error) error {
	items, err := s.items(path)
	if err != nil {
		return err
	}
	for _, it := range items {
		for _, e := range pydict.Order(it) {
			if e.Key == "summary" || e.Key == "description" || e.Key == "parameters" {
				continue
			}
			defs, err := s.branches(e.Value)
			if err != nil {
				return err
			}
			for _, d := range defs {
				if !d.IsMap() {
					return s.errorf(d, "method %s of path %s must be a map", e.Key, path)
				}
				if !hasIntegration(d) {
					continue
				}
				if err := f(normal(e.Key), d); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// AddAuthorizers defines authorizers by name.
func (s *Swagger) AddAuthorizers(as []Authorizer) error {
	for _, a := range as {
		def, err := a.definition(s)
		if err != nil {
			return err
		}
		pydict.Set(s.schemes, a.Name, a.Pos, def)
	}
	return nil
}

func (s *Swagger) addIAMScheme() {
	if !s.schemes.Has(iamName) {
		pydict.Put(s.schemes, iamName, base.Map(authType, "awsSigv4", "type", "apiKey", "name", "Authorization", "in", "header"))
	}
}

// AddAPIKeyScheme defines api_key.
func (s *Swagger) AddAPIKeyScheme() {
	if !s.schemes.Has(keyName) {
		pydict.Put(s.schemes, keyName, base.Map("type", "apiKey", "name", "x-api-key", "in", "header"))
	}
}

// DefaultAuthorizer makes name the authorizer of every method of path that
// names none itself.
func (s *Swagger) DefaultAuthorizer(path string, name *tree.Node, as []Authorizer, preflight bool) error {
	known := map[string]bool{iamName: true}
	var scopes *tree.Node
	for _, a := range as {
		known[a.Name] = true
		if a.Name == name.Text {
			scopes = a.Scopes
		}
	}
	return s.eachMethod(path, func(method string, def *tree.Node) error {
		if method == "options" && !preflight {
			return nil
		}
		have, err := s.security(def, path, method)
		if err != nil {
			return err
		}
		var own, others []*tree.Node
		for _, h := range have {
			if hasAny(h, known) {
				own = append(own, h)
			} else {
				others = append(others, h)
			}
		}
		out, found := without(others, noneName)
		switch {
		case found:
		case len(own) > 0:
			out = append(out, own...)
		default:
			out = append(out, requirement(name, scopes))
		}
		s.setSecurity(def, out)
		return nil
	})
}

// setSecurity sets the list unless it is empty.
func (s *Swagger) setSecurity(def *tree.Node, list []*tree.Node) {
	if len(list) == 0 {
		return
	}
	pydict.Put(def, "security", tree.NewList(list...))
	if list[0].Has(iamName) {
		s.addIAMScheme()
	}
}

func hasAny(m *tree.Node, names map[string]bool) bool {
	for _, k := range m.Keys() {
		if names[k] {
			return true
		}
	}
	return false
}

// without copies list without the first requirement of that name.
func without(list []*tree.Node, name string) (out []*tree.Node, found bool) {
	for _, it := range list {
		if !found && it.Has(name) {
			found = true
			continue
		}
		out = append(out, it)
	}
	return out, found
}

// DefaultAPIKey asks for the API key on every method of path that does not opt
// out; preflight tells whether OPTIONS is asked too.
func (s *Swagger) DefaultAPIKey(path string, preflight bool) error {
	names := map[string]bool{keyName: true, keyOutName: true}
	return s.eachMethod(path, func(method string, def *tree.Node) error {
		have, err := s.security(def, path, method)
		if err != nil {
			return err
		}
		var out, keys []*tree.Node
		for _, h := range have {
			if hasAny(h, names) {
				keys = append(keys, h)
			} else {
				out = append(out, h)
			}
		}
		if _, optOut := without(keys, keyOutName); !optOut && (method != "options" || preflight) {
			out = append(out, requirement(tree.NewString(keyName), nil))
		}
		if !tree.Equal(tree.NewList(out...), tree.NewList(have...)) {
			pydict.Put(def, "security", tree.NewList(out...))
		}
		return nil
	})
}

// MethodAuth gives a method the authorizer, scopes and API key of an event's
// Auth. api are the properties of the API.
func (s *Swagger) MethodAuth(path, method string, auth, api *tree.Node) error {
	if a := auth.Get("Authorizer"); a.IsString() && a.Text != "" {
		if err := s.methodAuthorizer(path, method, a, auth.Get("AuthorizationScopes"), api.At("Auth", "Authorizers")); err != nil {
			return err
		}
	}
	if k := auth.Get("ApiKeyRequired"); !k.IsNull() {
		return s.methodAPIKey(path, method, base.Truthy(k))
	}
	return nil
}

func (s *Swagger) methodAuthorizer(path, method string, name, scopes, authorizers *tree.Node) error {
	defs, err := s.defs(path, method)
	if err != nil {
		return err
	}
	for _, d := range defs {
		have, err := s.security(d, path, method)
		if err != nil {
			return err
		}
		var own *tree.Node
		if name.Text != noneName && authorizers.Len() > 0 {
			a := authorizers.Get(name.Text)
			if a != nil && !a.IsMap() {
				return s.errorf(a, "authorizer %s must be a map", name.Text)
			}
			if own = a.Get("AuthorizationScopes"); !scopes.IsNull() {
				own = scopes
			}
			if own.IsNull() || a.IsNull() {
				own = nil
			}
		}
		list := append(append([]*tree.Node(nil), have...), requirement(name, own.Clone()))
		s.setSecurity(d, list)
	}
	return nil
}

func (s *Swagger) methodAPIKey(path, method string, required bool) error {
	defs, err := s.defs(path, method)
	if err != nil {
		return err
	}
	for _, d := range defs {
		name := keyOutName
		if required {
			name = keyName
			s.AddAPIKeyScheme()
		}
		have, err := s.security(d, path, method)
		if err != nil {
			return err
		}
		list := append(append([]*tree.Node(nil), have...), requirement(tree.NewString(name), nil))
		pydict.Put(d, "security", tree.NewList(list...))
	}
	return nil
}
