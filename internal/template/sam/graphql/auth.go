// SPDX-License-Identifier: Apache-2.0

package graphql

import (
	"strconv"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/grant"
	"github.com/forelane/forelane/internal/template/tree"
)

// auth writes the API's main and additional authorizers into r and returns
// the ARNs of the functions among them.
func (a *api) auth(r base.Resource) ([]*tree.Node, error) {
	auth := a.props.Get("Auth")
	main := auth.Clone()
	main.Delete("Additional")
	name, conf, err := a.authorizer("Auth", main)
	if err != nil {
		return nil, err
	}
	r.Set("AuthenticationType", auth.Get("Type").Clone())
	var functions []*tree.Node
	if conf != nil {
		r.Set(name, conf)
		functions = appendURI(functions, name, conf)
	}
	more := tree.NewList()
	for i, one := range items(auth.Get("Additional")) {
		name, conf, err := a.authorizer("Auth.Additional."+strconv.Itoa(i), one)
		if err != nil {
			return nil, err
		}
		if name == "UserPoolConfig" {
			conf.Delete("DefaultAction") // only the main authorizer has one
		}
		provider := base.Map("AuthenticationType", one.Get("Type").Clone())
		if conf != nil {
			provider.Set(name, conf)
			functions = appendURI(functions, name, conf)
		}
		more.Add(provider)
	}
	if more.Len() > 0 {
		r.Set("AdditionalAuthenticationProviders", more)
	}
	return functions, nil
}

func appendURI(to []*tree.Node, name string, conf *tree.Node) []*tree.Node {
	if name == "LambdaAuthorizerConfig" {
		to = append(to, conf.Get("AuthorizerUri"))
	}
	return to
}

// authorizer is the configuration that one authorizer needs and its name in
// CloudFormation; conf is nil for the types without one.
func (a *api) authorizer(path string, n *tree.Node) (name string, conf *tree.Node, err error) {
	if present(n).Len() > 2 {
		return "", nil, base.Errorf(a.id, n, "%s configures more than one authorizer", path)
	}
	typ := base.Text(n, "Type")
	section := ""
	switch typ {
	case authLambda:
		section, name = "LambdaAuthorizer", "LambdaAuthorizerConfig"
	case authOpenID:
		section, name = "OpenIDConnect", "OpenIDConnectConfig"
	case authCognito:
		section, name = "UserPool", "UserPoolConfig"
	default:
		return "", nil, nil
	}
	if conf = base.Opt(n, section); conf == nil {
		return "", nil, base.Errorf(a.id, n, "%s is of type %s and needs %s", path, typ, section)
	}
	return name, present(conf), nil
}

// letAuthorize lets the API invoke its authorizer functions.
func (a *api) letAuthorize(functions []*tree.Node) error {
	for i, arn := range functions {
		link := grant.Link{
			ID: a.id + "ToLambdaAuthConnector" + strconv.Itoa(i+1), At: a.res, Access: []string{"Write"},
			Source:      grant.End{Type: "AWS::AppSync::GraphQLApi", Arn: base.Ref(a.id), ResourceID: a.apiID()},
			Destination: grant.End{Type: "AWS::Lambda::Function", Arn: arn},
		}
		if err := a.grant(link); err != nil {
			return err
		}
	}
	return nil
}

func (a *api) grant(l grant.Link) error {
	rs, _, err := l.Resources()
	a.out = append(a.out, rs...)
	return err
}

// present is a copy of a map without its null members.
func present(n *tree.Node) *tree.Node {
	out := tree.NewMap()
	out.Pos = n.Pos
	for _, e := range n.Entries {
		if !e.Value.IsNull() {
			out.Set(e.Key, e.Value.Clone())
		}
	}
	return out
}

func items(n *tree.Node) []*tree.Node {
	if !n.IsList() {
		return nil
	}
	return n.Items
}
