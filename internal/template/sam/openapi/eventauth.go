// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

// Link is the REST API that an event names.
type Link struct {
	ID    string
	Props *tree.Node // Properties of the API in Context.Template; edits go there
	Stage *tree.Node // the text that stands for the stage in ids and policies
}

// LinkREST finds the API that RestApiId of an event names.
func LinkREST(c *base.Context, owner, event string, restAPI *tree.Node) (Link, error) {
	id := APIID(restAPI)
	name, ok := id.Str()
	if !ok {
		return Link{}, base.EventErrorf(owner, event, restAPI, "RestApiId must name an API of this template by !Ref")
	}
	res := c.Lookup(name)
	if !res.IsMap() {
		return Link{}, base.EventErrorf(owner, event, restAPI, "RestApiId names %s, which is no resource of this template", name)
	}
	props := res.Get("Properties")
	if props == nil {
		props = tree.NewMap()
		res.Set("Properties", props)
	}
	if !props.IsMap() {
		return Link{}, base.Errorf(name, props, "Properties must be a map")
	}
	stage := props.Get("StageName")
	if !stage.IsString() {
		return Link{ID: name, Props: props, Stage: tree.NewString("Stage")}, nil
	}
	if stage.Text == "" {
		return Link{}, base.Errorf(name, stage, "StageName must not be empty")
	}
	return Link{ID: name, Props: props, Stage: stage}, nil
}

// APIID is the id in a RestApiId or ApiId: the argument of a Ref, or the value
// itself.
func APIID(n *tree.Node) *tree.Node {
	if r := n.Get("Ref"); r != nil {
		return r
	}
	return n
}

// EventAuth is the Auth of an Api event with what it stands for.
type EventAuth struct {
	Owner, Event string // ids of the resource and its event
	API          Link
	Auth         *tree.Node
	Path, Method *tree.Node
}

func (a EventAuth) errorf(at *tree.Node, format string, args ...any) error {
	return base.EventErrorf(a.Owner, a.Event, at, format, args...)
}

// ApplyAuth checks the Auth of an event against the API's and gives it to the
// method.
func (s *Swagger) ApplyAuth(c *base.Context, a EventAuth) error {
	api, err := resolveAuth(c, a.API.Props)
	if err != nil {
		return err
	}
	if err := a.check(api); err != nil {
		return err
	}
	if base.Truthy(a.Auth.Get("Authorizer")) || !a.Auth.Get("ApiKeyRequired").IsNull() {
		if err := s.MethodAuth(a.Path.Text, a.Method.Text, a.Auth, a.API.Props); err != nil {
			return err
		}
	}
	policy := a.Auth.Get("ResourcePolicy")
	if !base.Truthy(policy) {
		return nil
	}
	if !policy.IsMap() {
		return a.errorf(policy, "Auth.ResourcePolicy must be a map")
	}
	if err := s.AddPolicy(policy, a.Path, a.API.Stage); err != nil {
		return err
	}
	if st := policy.Get("CustomStatements"); base.Truthy(st) {
		s.AddStatements(st)
	}
	return nil
}

// resolveAuth resolves parameters in the API's Auth, in place.
func resolveAuth(c *base.Context, props *tree.Node) (*tree.Node, error) {
	auth := props.Get("Auth")
	if auth == nil {
		return nil, nil
	}
	r, err := c.Resolve(auth)
	if err != nil {
		return nil, err
	}
	if auth.IsMap() && r.IsMap() {
		*auth = *r
		return auth, nil
	}
	return r, nil
}

func (a EventAuth) check(api *tree.Node) error {
	name := a.Auth.Get("Authorizer")
	if base.Truthy(name) {
		if err := a.checkName(name, api); err != nil {
			return err
		}
	}
	if scopes := a.Auth.Get("AuthorizationScopes"); base.Truthy(scopes) {
		if !scopes.IsList() {
			return a.errorf(scopes, "Auth.AuthorizationScopes must be a list")
		}
		if !base.Truthy(name) {
			return a.errorf(scopes, "Auth.AuthorizationScopes needs an Authorizer beside it")
		}
	}
	if k := a.Auth.Get("ApiKeyRequired"); !k.IsNull() && !base.Truthy(k) && !base.Truthy(api.Get("ApiKeyRequired")) {
		return a.errorf(k, "Auth.ApiKeyRequired: false has a meaning only if the API sets Auth.ApiKeyRequired")
	}
	return nil
}

func (a EventAuth) checkName(name, api *tree.Node) error {
	all := api.Get("Authorizers")
	if base.Truthy(all) && !all.IsMap() {
		return base.Errorf(a.API.ID, all, "Auth.Authorizers must be a map")
	}
	switch text, _ := name.Str(); text {
	case iamName:
		return nil
	case noneName:
		if !base.Truthy(api.Get("DefaultAuthorizer")) {
			return a.errorf(name, "Auth.Authorizer: NONE has a meaning only if the API sets Auth.DefaultAuthorizer")
		}
		return nil
	}
	return KnownAuthorizer(name, all, a.errorf)
}

// KnownAuthorizer checks that name is the name of one of the authorizers all.
func KnownAuthorizer(name, all *tree.Node, fail func(at *tree.Node, format string, args ...any) error) error {
	switch {
	case !base.Truthy(all):
		return fail(name, "Auth.Authorizer names an authorizer, but the API defines none")
	case !name.IsString() || !all.IsMap():
		return fail(name, "Auth.Authorizer must be the name of an authorizer of the API")
	case !base.Truthy(all.Get(name.Text)):
		return fail(name, "Auth.Authorizer: the API defines no authorizer %s", name.Text)
	}
	return nil
}
