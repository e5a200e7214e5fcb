// SPDX-License-Identifier: Apache-2.0

// Package statemachine expands AWS::Serverless::StateMachine.
//
// The flow:
//
//  1. The machine with its definition: written in the template
//     (definition.go), in S3, or in a local file.
//  2. An execution role, unless one is given.
//  3. A version and an alias, if AutoPublishAlias asks for them.
//  4. What its events need: rules and schedules with the roles that start an
//     execution (event.go, schedule.go), and methods of REST APIs (api.go),
//     which are written into the API's definition in the template.
//
// What it does not do: it checks no definition. A Context belongs to one
// goroutine, so Expand does too.
package statemachine

import (
	"net/url"
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/shape"
	"github.com/forelane/forelane/internal/template/tree"
)

// Type is the resource type of a state machine.
const Type = "AWS::Serverless::StateMachine"

func props() []base.Prop {
	text := func(name string) base.Prop { return base.Prop{Name: name, Check: base.IsString} }
	section := func(name string) base.Prop { return base.Prop{Name: name, Check: base.IsMap} }
	policy := base.OneOf(base.IsString, base.IsMap)
	return []base.Prop{
		section("Definition"),
		{Name: "DefinitionUri", Check: base.OneOf(base.IsString, base.IsMap)},
		section("Logging"), text("Role"),
		{Name: "RolePath", Plain: true},
		section("DefinitionSubstitutions"),
		{Name: "Events", Check: base.MapOf(base.IsMap)},
		text("Name"), text("Type"), section("Tags"),
		{Name: "PropagateTags", Check: base.IsBool},
		{Name: "Policies", Check: base.OneOf(base.IsString, base.ListOf(policy))},
		section("Tracing"),
		text("PermissionsBoundary"),
		{Name: "AutoPublishAlias", Plain: true},
		{Name: "DeploymentPreference", Plain: true},
		{Name: "UseAliasAsEventTarget", Check: base.IsBool, Plain: true},
	}
}

// machine is one expansion.
type machine struct {
	c     *base.Context
	id    string
	res   *tree.Node
	props *tree.Node
	out   []base.Resource
	// target is the logical id of what events start: machine or alias.
	target string
}

// Expand makes the resources of one state machine.
func Expand(c *base.Context, id string, res *tree.Node) ([]base.Resource, error) {
	if err := base.CheckResource(id, res, props()); err != nil {
		return nil, err
	}
	m := &machine{c: c, id: id, res: res, props: res.Get("Properties"), target: id}
	main := m.add(id, "AWS::StepFunctions::StateMachine").Inherit(res)
	for _, step := range []func(base.Resource) error{m.definition, m.role} {
		if err := step(main); err != nil {
			return nil, err
		}
	}
	for _, n := range [][2]string{
		{"Name", "StateMachineName"},
		{"Type", "StateMachineType"},
		{"Logging", "LoggingConfiguration"},
		{"Tracing", "TracingConfiguration"},
	} {
		main.Set(n[1], m.props.Get(n[0]).Clone())
	}
	main.Set("Tags", m.tags())
	if err := m.publish(); err != nil {
		return nil, err
	}
	if err := m.events(); err != nil {
		return nil, err
	}
	base.PropagateTags(m.out, m.props.Get("Tags"), m.props.Get("PropagateTags"))
	return m.out, nil
}

func (m *machine) fault(at *tree.Node, format string, args ...any) *tree.Error {
	if at == nil {
		at = m.res
	}
	return base.Errorf(m.id, at, format, args...)
}

// add makes a resource; attributes are the caller's business.
func (m *machine) add(id, typ string) base.Resource {
	r := base.NewResource(id, typ)
	m.out = append(m.out, r)
	return r
}

// tags is SAM's tag and the user's.
func (m *machine) tags() *tree.Node {
	l := base.TagList(base.Map("stateMachine:createdBy", "SAM"))
	l.Add(base.TagList(m.props.Get("Tags")).Items...)
	return l
}

func (m *machine) definition(main base.Resource) error {
	inline, uri := m.props.Get("Definition"), m.props.Get("DefinitionUri")
	if base.Truthy(inline) == base.Truthy(uri) {
		return m.fault(m.props, "give the definition either as Definition or as DefinitionUri")
	}
	subs := tree.NewMap()
	if s := m.props.Get("DefinitionSubstitutions"); base.Truthy(s) {
		subs = s.Clone()
	}
	if base.Truthy(uri) {
		s3, local, err := m.location(uri)
		if err != nil {
			return err
		}
		main.Set("DefinitionS3Location", s3)
		inline = local
	}
	if inline != nil {
		def := inline.Clone()
		for _, e := range cutDynamic(def).Entries {
			subs.Set(e.Key, e.Value)
		}
		main.Set("DefinitionString", definitionString(def))
	}
	if subs.Len() > 0 {
		main.Set("DefinitionSubstitutions", subs)
	}
	return nil
}

// location finds the definition that uri names: an object in S3, or a local
// file where local files are available. AWS itself sees no local files, as
// its command line uploads them before.
func (m *machine) location(uri *tree.Node) (s3, local *tree.Node, err error) {
	if uri.IsMap() {
		if !base.Truthy(uri.Get("Bucket")) || !base.Truthy(uri.Get("Key")) {
			return nil, nil, m.fault(uri, "DefinitionUri needs Bucket and Key")
		}
		s3 = base.Map("Bucket", uri.Get("Bucket").Clone(), "Key", uri.Get("Key").Clone())
		return s3.With("Version", uri.Get("Version").Clone()), nil, nil
	}
	text, _ := uri.Str()
	if s3 := parseS3(text); s3 != nil {
		return s3, nil, nil
	}
	if m.c.ReadFile != nil && !strings.Contains(text, "://") {
		local, err = m.c.ReadFile(text)
		if err != nil {
			return nil, nil, m.fault(uri, "DefinitionUri %s: %v", text, err)
		}
		return nil, local, nil
	}
	fault := m.fault(uri, "DefinitionUri %q is not an S3 URI", text)
	fault.Mend = "write s3://bucket/key, with ?versionId=… if wanted, or Bucket and Key"
	return nil, nil, fault
}

// parseS3 reads s3://bucket/key?versionId=v; nil if s is none.
func parseS3(s string) *tree.Node {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || !strings.EqualFold(scheme, "s3") {
		return nil
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	bucket, key, ok := strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return nil
	}
	out := base.Map("Bucket", bucket, "Key", strings.TrimLeft(key, "/"))
	if q, err := url.ParseQuery(query); err == nil && len(q["versionId"]) == 1 && q["versionId"][0] != "" {
		out.Set("Version", tree.NewString(q["versionId"][0]))
	}
	return out
}

// role gives the machine the user's role or one made from Policies.
func (m *machine) role(main base.Resource) error {
	given, policies := m.props.Get("Role"), m.props.Get("Policies")
	if base.Truthy(given) {
		if base.Truthy(policies) {
			return m.fault(policies, "Policies cannot be added to a Role that is given; keep one of them")
		}
		main.Set("RoleArn", given.Clone())
		return nil
	}
	all := tree.NewList(base.PolicyList(policies)...)
	if on := m.props.At("Tracing", "Enabled"); on != nil && on.Kind == tree.Bool && on.Bool {
		all.Add(tree.NewString(m.tracingPolicy()))
	}
	role, err := base.Role{
		Owner: m.id, Source: m.res, Trust: base.AssumeRole("states.amazonaws.com"), Policies: all,
		Path: base.Opt(m.props, "RolePath"), Boundary: base.Opt(m.props, "PermissionsBoundary"), Tags: m.tags(),
	}.Build(m.c)
	if err != nil {
		return err
	}
	m.out = append(m.out, role)
	main.Set("RoleArn", base.GetAtt(role.ID, "Arn"))
	return nil
}

// tracingPolicy is the managed policy that lets a machine write traces; the
// older partition keeps the older name.
func (m *machine) tracingPolicy() string {
	if m.c.Partition == "aws" {
		return "AWSXrayWriteOnlyAccess"
	}
	return "AWSXRayDaemonWriteAccess"
}

// publish makes the version and the alias of AutoPublishAlias.
func (m *machine) publish() error {
	alias, pref := m.props.Get("AutoPublishAlias"), m.props.Get("DeploymentPreference")
	use := m.props.Get("UseAliasAsEventTarget")
	if !base.Truthy(alias) {
		for _, n := range []string{"UseAliasAsEventTarget", "DeploymentPreference"} {
			if v := m.props.Get(n); base.Truthy(v) {
				return m.fault(v, "%s needs AutoPublishAlias", n)
			}
		}
		return nil
	}
	name, ok := alias.Str()
	if !ok || !shape.IsID(name) {
		return m.fault(alias, "AutoPublishAlias becomes part of a logical id, so it must be made of letters and digits")
	}
	// The version of the last deployment must outlive this one for traffic to
	// shift from it.
	version := m.add(m.id+"Version", "AWS::StepFunctions::StateMachineVersion").PassThrough(m.res)
	for _, a := range []string{base.DeletionPolicy, base.UpdateReplacePolicy} {
		if !version.Node.Has(a) {
			version.Attr(a, tree.NewString("Retain"))
		}
	}
	version.Set("StateMachineArn", base.Ref(m.id)).Set("StateMachineRevisionId", base.GetAtt(m.id, "StateMachineRevisionId"))

	a := m.add(m.id+"Alias"+name, "AWS::StepFunctions::StateMachineAlias").PassThrough(m.res)
	how := base.Map("Type", "ALL_AT_ONCE")
	if base.Truthy(pref) {
		if !pref.IsMap() {
			return m.fault(pref, "DeploymentPreference must be a map")
		}
		how = pref.Clone()
	}
	how.Set("StateMachineVersionArn", base.Ref(version.ID))
	a.Set("Name", alias.Clone()).Set("DeploymentPreference", how)
	if base.Truthy(use) {
		m.target = a.ID
	}
	return nil
}
