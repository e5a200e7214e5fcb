// SPDX-License-Identifier: Apache-2.0

// Package capacity expands AWS::Serverless::CapacityProvider, instances of the
// user's own that Lambda functions run on.
//
// The flow: the properties are checked against their shape; an operator role
// is made unless one is given; the AWS::Lambda::CapacityProvider gets the
// properties under CloudFormation's names.
//
// What it does not do: it validates no value that CloudFormation judges. It
// keeps no state.
package capacity

import (
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/shape"
	"github.com/forelane/forelane/internal/template/tree"
)

// Type is the resource type of a capacity provider.
const Type = "AWS::Serverless::CapacityProvider"

func properties() shape.Shape {
	texts := shape.OrMap(shape.List(shape.OrMap(shape.Text)))
	return shape.Map(
		shape.May("CapacityProviderName", shape.Any),
		shape.Must("VpcConfig", shape.Map(
			shape.May("SecurityGroupIds", texts),
			shape.Must("SubnetIds", texts),
		)),
		shape.May("OperatorRole", shape.Any),
		shape.May("Tags", shape.Dict(shape.Any)),
		shape.May("PropagateTags", shape.Flag),
		shape.May("InstanceRequirements", shape.Map(
			shape.May("Architectures", texts),
			shape.May("AllowedTypes", texts),
			shape.May("ExcludedTypes", texts),
		)),
		shape.May("ScalingConfig", shape.Map(
			shape.May("MaxVCpuCount", shape.OrMap(shape.Integer)),
			shape.May("AverageCPUUtilization", shape.OrMap(shape.Real)),
		)),
		shape.May("KmsKeyArn", shape.Any),
	)
}

func props() []base.Prop {
	text := base.OneOf(base.IsString, base.IsMap)
	return []base.Prop{
		{Name: "CapacityProviderName", Check: text, Plain: true},
		{Name: "VpcConfig", Check: base.IsMap, Required: true, Plain: true},
		{Name: "OperatorRole", Check: text, Plain: true},
		{Name: "Tags", Check: base.IsMap, Plain: true},
		{Name: "PropagateTags", Check: base.IsBool, Plain: true},
		{Name: "InstanceRequirements", Check: base.IsMap, Plain: true},
		{Name: "ScalingConfig", Check: base.IsMap, Plain: true},
		{Name: "KmsKeyArn", Check: text, Plain: true},
	}
}

// Expand makes the capacity provider and, unless given, its operator role.
func Expand(c *base.Context, id string, res *tree.Node) ([]base.Resource, error) {
	if err := base.CheckResource(id, res, props()); err != nil {
		return nil, err
	}
	p := res.Get("Properties")
	if err := shape.Check(properties(), "", p); err != nil {
		err.Path = "Resources." + id
		return nil, err
	}
	if req := p.Get("InstanceRequirements"); base.Opt(req, "AllowedTypes") != nil && base.Opt(req, "ExcludedTypes") != nil {
		err := base.Errorf(id, req, "InstanceRequirements has both AllowedTypes and ExcludedTypes")
		err.Mend = "keep one of them"
		return nil, err
	}

	provider := base.NewResource(id, "AWS::Lambda::CapacityProvider").Inherit(res)
	var out []base.Resource
	operator := p.Get("OperatorRole").Clone()
	if !base.Truthy(operator) {
		role := operatorRole(c, id, res)
		out = append(out, role)
		operator = base.GetAtt(role.ID, "Arn")
	}
	given(provider, "CapacityProviderName", p.Get("CapacityProviderName"))
	provider.Set("VpcConfig", pick(p.Get("VpcConfig"), "SubnetIds", "SubnetIds", "SecurityGroupIds", "SecurityGroupIds"))
	provider.Set("PermissionsConfig", base.Map("CapacityProviderOperatorRoleArn", operator))
	provider.Set("Tags", ownTags(p.Get("Tags")))
	given(provider, "InstanceRequirements", pick(p.Get("InstanceRequirements"), "Architectures", "Architectures",
		"AllowedTypes", "AllowedInstanceTypes", "ExcludedTypes", "ExcludedInstanceTypes"))
	if sc := p.Get("ScalingConfig"); hasValue(sc) {
		provider.Set("CapacityProviderScalingConfig", scaling(sc))
	}
	given(provider, "KmsKeyArn", p.Get("KmsKeyArn"))

	out = append(out, provider)
	if on, _ := shape.Bool(p.Get("PropagateTags")); on {
		for _, r := range out {
			r.Set("Tags", merge(r.Props().Get("Tags"), base.TagList(p.Get("Tags"))))
		}
	}
	return out, nil
}

// given sets a property that is present and not empty.
func given(r base.Resource, name string, v *tree.Node) {
	if base.Truthy(v) {
		r.Set(name, v.Clone())
	}
}

// hasValue tells whether a map has a member that is not null.
func hasValue(n *tree.Node) bool {
	for _, k := range n.Keys() {
		if base.Opt(n, k) != nil {
			return true
		}
	}
	return false
}

// pick copies members of n under new names, given in pairs.
func pick(n *tree.Node, names ...string) *tree.Node {
	out := tree.NewMap()
	for i := 0; i+1 < len(names); i += 2 {
		if v := base.Opt(n, names[i]); v != nil {
			out.Set(names[i+1], v.Clone())
		}
	}
	return out
}

// scaling writes ScalingConfig: a target for the CPU makes scaling manual.
func scaling(n *tree.Node) *tree.Node {
	out := tree.NewMap()
	if v := base.Opt(n, "MaxVCpuCount"); v != nil {
		out.Set("MaxVCpuCount", asNumber(v))
	}
	target := base.Opt(n, "AverageCPUUtilization")
	if target == nil {
		return out.With("ScalingMode", tree.NewString("Auto"))
	}
	policy := base.Map("PredefinedMetricType", "LambdaCapacityProviderAverageCPUUtilization", "TargetValue", asNumber(target))
	return out.With("ScalingMode", tree.NewString("Manual")).With("ScalingPolicies", tree.NewList(policy))
}

// asNumber makes a number of one that was written as text.
func asNumber(n *tree.Node) *tree.Node {
	s, ok := n.Str()
	if !ok {
		return n.Clone()
	}
	s = strings.TrimSpace(s)
	if i, err := strconv.Atoi(s); err == nil {
		return tree.NewInt(i)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return n.Clone()
	}
	return &tree.Node{Kind: tree.Number, Text: strconv.FormatFloat(f, 'f', -1, 64), Pos: n.Pos}
}

// operatorRole is the role with which Lambda manages the instances.
func operatorRole(c *base.Context, id string, res *tree.Node) base.Resource {
	role := base.NewResource(id+"OperatorRole", "AWS::IAM::Role").PassThrough(res)
	role.Set("AssumeRolePolicyDocument", base.AssumeRole("lambda.amazonaws.com"))
	role.Set("ManagedPolicyArns", tree.NewList(c.AWSPolicy("AWSLambdaManagedEC2ResourceOperator")))
	return role.Set("Tags", ownTags(nil))
}

// ownTags is the user's tags and SAM's, which comes last.
func ownTags(tags *tree.Node) *tree.Node {
	all := tree.NewMap()
	if tags.IsMap() {
		all = tags.Clone()
	}
	return base.TagList(all.With("lambda:createdBy", tree.NewString("SAM")))
}

// merge is the tag list a with those of b; b's value wins, at a's place.
func merge(a, b *tree.Node) *tree.Node {
	values := tree.NewMap()
	for _, l := range []*tree.Node{a, b} {
		for _, t := range l.Items {
			values.Set(base.Text(t, "Key"), t.Get("Value"))
		}
	}
	return base.TagList(values)
}
