// SPDX-License-Identifier: Apache-2.0

// Package graphql expands AWS::Serverless::GraphQLApi into AppSync resources.
//
// The flow:
//
//  1. The properties are checked against their shape (shape.go).
//  2. The API with its authorizers and logging, its schema, keys, cache and
//     domain name (graphql.go, auth.go).
//  3. Data sources with the roles and policies they need (source.go); package
//     grant knows the policies.
//  4. Functions and the pipeline resolvers that call them (pipeline.go).
//
// What it does not do: it reads no schema and no code. An expansion is a value
// of its own; nothing is shared.
package graphql

import (
	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/shape"
	"github.com/forelane/forelane/internal/template/tree"
)

// Type is the resource type of a GraphQL API.
const Type = "AWS::Serverless::GraphQLApi"

// api is one expansion.
type api struct {
	id    string
	res   *tree.Node
	props *tree.Node

	out []base.Resource
	// sources and functions are what names of the template mean in AppSync.
	sources   map[string]*tree.Node
	functions map[string]*tree.Node
	// none is the data source for functions that need none; it is made once.
	none *base.Resource
}

// Expand makes the AppSync resources of one API.
func Expand(_ *base.Context, id string, res *tree.Node) ([]base.Resource, error) {
	res, err := known(id, res)
	if err != nil {
		return nil, err
	}
	a := &api{
		id: id, res: res, props: res.Get("Properties"),
		sources: map[string]*tree.Node{}, functions: map[string]*tree.Node{},
	}
	if err := shape.Check(properties(), "", a.props); err != nil {
		err.Path = "Resources." + id
		return nil, err
	}
	for _, step := range []func() error{a.main, a.schema, a.keys, a.cache, a.tables, a.lambdas, a.domain, a.functionConfigs, a.resolvers} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if a.none != nil {
		a.out = append(a.out, *a.none)
	}
	for _, r := range a.out {
		if !shape.IsID(r.ID) {
			return nil, base.Errorf(id, res, "the name of one of its parts makes the logical id %s, which must be of letters and digits", r.ID)
		}
	}
	return a.out, nil
}

// known is res with the properties that a GraphQL API has, checked. Unlike in
// the sections below, AWS overlooks properties that it does not know.
func known(id string, res *tree.Node) (*tree.Node, error) {
	specs := props()
	out := *res
	out.Entries = append([]tree.Entry(nil), res.Entries...)
	if p := res.Get("Properties"); p.IsMap() {
		few := tree.NewMap()
		few.Pos = p.Pos
		for _, s := range specs {
			few.With(s.Name, p.Get(s.Name))
		}
		out.Set("Properties", few)
	}
	return &out, base.CheckResource(id, &out, specs)
}

// add makes a resource of the API; all of them inherit its attributes.
func (a *api) add(id, typ string) base.Resource {
	r := base.NewResource(id, typ).Inherit(a.res)
	a.out = append(a.out, r)
	return r
}

func (a *api) apiID() *tree.Node { return base.GetAtt(a.id, "ApiId") }

// take copies the members of from that are present, name by name.
func take(r base.Resource, from *tree.Node, names ...string) {
	for _, n := range names {
		r.Set(n, base.Opt(from, n).Clone())
	}
}

// orText is v, or text if v is absent or empty.
func orText(v *tree.Node, text string) *tree.Node {
	if base.Truthy(v) {
		return v.Clone()
	}
	return tree.NewString(text)
}

func (a *api) main() error {
	r := a.add(a.id, "AWS::AppSync::GraphQLApi")
	r.Set("Name", orText(a.props.Get("Name"), a.id))
	for _, n := range []string{"Visibility", "OwnerContact", "IntrospectionConfig", "QueryDepthLimit", "ResolverCountLimit"} {
		if v := a.props.Get(n); base.Truthy(v) {
			r.Set(n, v.Clone())
		}
	}
	if v := base.Opt(a.props, "XrayEnabled"); v != nil {
		on, _ := shape.Bool(v)
		r.Set("XrayEnabled", tree.NewBool(on))
	}
	tags := tree.NewMap()
	if t := a.props.Get("Tags"); t.IsMap() {
		tags = t.Clone()
	}
	r.Set("Tags", base.TagList(tags.With("graphqlapi:createdBy", tree.NewString("SAM"))))
	authorizers, err := a.auth(r)
	if err != nil {
		return err
	}
	a.logging(r)
	return a.letAuthorize(authorizers)
}

// logging is on unless it is switched off; without a role of the user's one
// is made.
func (a *api) logging(r base.Resource) {
	l := a.props.Get("Logging")
	if on, ok := shape.Bool(l); ok && !on {
		return
	}
	conf := tree.NewMap()
	if v := l.Get("ExcludeVerboseContent"); base.Truthy(v) {
		conf.Set("ExcludeVerboseContent", v.Clone())
	}
	conf.Set("FieldLogLevel", orText(l.Get("FieldLogLevel"), "ALL"))
	role := l.Get("CloudWatchLogsRoleArn").Clone()
	if !base.Truthy(role) {
		made := a.serviceRole(a.id + "CloudWatchRole")
		made.Set("ManagedPolicyArns", tree.NewList(
			base.Sub("arn:${AWS::Partition}:iam::aws:policy/service-role/AWSAppSyncPushToCloudWatchLogs", nil)))
		role = base.GetAtt(made.ID, "Arn")
	}
	r.Set("LogConfig", conf.With("CloudWatchLogsRoleArn", role))
}

// serviceRole makes a role that AppSync may assume.
func (a *api) serviceRole(id string) base.Resource {
	return a.add(id, "AWS::IAM::Role").Set("AssumeRolePolicyDocument", base.AssumeRole("appsync.amazonaws.com"))
}

func (a *api) schemaID() string { return a.id + "Schema" }

func (a *api) schema() error {
	text, uri := a.props.Get("SchemaInline"), a.props.Get("SchemaUri")
	if base.Truthy(text) == base.Truthy(uri) {
		return base.Errorf(a.id, a.props, "give the schema either as SchemaInline or as SchemaUri")
	}
	r := a.add(a.schemaID(), "AWS::AppSync::GraphQLSchema").Set("ApiId", a.apiID())
	r.Set("Definition", text.Clone()).Set("DefinitionS3Location", uri.Clone())
	return nil
}

func (a *api) keys() error {
	for _, e := range entries(a.props.Get("ApiKeys")) {
		r := a.add(a.id+e.Key, "AWS::AppSync::ApiKey").Set("ApiId", a.apiID())
		take(r, e.Value, "ApiKeyId", "Description")
		r.Set("Expires", e.Value.Get("ExpiresOn").Clone())
	}
	return nil
}

func (a *api) cache() error {
	if c := base.Opt(a.props, "Cache"); c != nil {
		r := a.add(a.id+"ApiCache", "AWS::AppSync::ApiCache").Set("ApiId", a.apiID())
		take(r, c, "ApiCachingBehavior", "Type", "Ttl", "AtRestEncryptionEnabled", "TransitEncryptionEnabled")
	}
	return nil
}

func (a *api) domain() error {
	if d := base.Opt(a.props, "DomainName"); d != nil {
		name := a.add(a.id+"DomainName", "AWS::AppSync::DomainName")
		take(name, d, "CertificateArn", "DomainName", "Description")
		link := a.add(a.id+"DomainNameApiAssociation", "AWS::AppSync::DomainNameApiAssociation")
		link.Set("ApiId", a.apiID()).Set("DomainName", base.Ref(name.ID))
	}
	return nil
}

// entries are the members of a section; none if it is absent.
func entries(n *tree.Node) []tree.Entry {
	if !n.IsMap() {
		return nil
	}
	return n.Entries
}
