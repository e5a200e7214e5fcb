// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/grant"
	"github.com/forelane/forelane/internal/template/tree"
)

// cloudFormationType is the type that the main resource of a serverless
// resource has in the result; typ itself for any other.
func cloudFormationType(typ string) string {
	switch typ {
	case "AWS::Serverless::Function":
		return "AWS::Lambda::Function"
	case "AWS::Serverless::StateMachine":
		return "AWS::StepFunctions::StateMachine"
	case "AWS::Serverless::Api":
		return "AWS::ApiGateway::RestApi"
	case "AWS::Serverless::HttpApi":
		return "AWS::ApiGatewayV2::Api"
	case "AWS::Serverless::SimpleTable":
		return "AWS::DynamoDB::Table"
	}
	return typ
}

// end describes the resource that ref names; other is the reference to the
// other side. A reference is either {Id} or all that must be known, in both
// cases perhaps with a Qualifier.
func end(c *base.Context, id string, ref, other *tree.Node) (grant.End, error) {
	rest := ref.Len()
	for _, k := range []string{"Id", "Qualifier"} {
		if ref.Has(k) {
			rest--
		}
	}
	if ref.Has("Id") == (rest > 0) {
		return grant.End{}, base.Errorf(id, ref, "a Source or Destination has either an Id or the Type, Arn and so on of a resource")
	}
	if base.Truthy(ref.Get("Id")) {
		return inTemplate(c, id, ref, other)
	}
	typ, ok := ref.Get("Type").Str()
	if !ok || typ == "" {
		return grant.End{}, base.Errorf(id, ref, "a Source or Destination without Id needs a Type, and it must be a string")
	}
	return grant.End{
		Type: cloudFormationType(typ), Arn: ref.Get("Arn"), RoleName: ref.Get("RoleName"), QueueURL: ref.Get("QueueUrl"),
		ResourceID: ref.Get("ResourceId"), Name: ref.Get("Name"), Qualifier: ref.Get("Qualifier"),
	}, nil
}

// inTemplate describes a resource of this template.
func inTemplate(c *base.Context, id string, ref, other *tree.Node) (grant.End, error) {
	target, ok := ref.Get("Id").Str()
	if !ok {
		return grant.End{}, base.Errorf(id, ref.Get("Id"), "the Id of a Source or Destination must be a string")
	}
	res := c.LookupOut(target)
	if res == nil {
		err := base.Errorf(id, ref.Get("Id"), "there is no resource %s in this template", target)
		err.Mend = "correct the Id, or give Type, Arn and so on of a resource outside"
		return grant.End{}, err
	}
	typ, ok := res.Get("Type").Str()
	if !ok || typ == "" {
		return grant.End{}, base.Errorf(id, ref.Get("Id"), "resource %s has no Type", target)
	}
	e := grant.End{ID: target, Type: typ}
	if was := c.Lookup(target); was != nil {
		e.Origin, _ = was.Get("Type").Str()
	}
	describe(&e)
	if role := roleOf(typ, res.Get("Properties"), other); role != "" {
		e.RoleName = base.Ref(role)
	}
	if ref.Has("Qualifier") {
		e.Qualifier = ref.Get("Qualifier")
	}
	return e, nil
}

// describe fills in how CloudFormation names the resource e.ID. What Ref and
// Fn::GetAtt give for a type is told by the CloudFormation template reference.
func describe(e *grant.End) {
	switch e.Type {
	case "AWS::StepFunctions::StateMachine":
		e.Arn, e.Name = base.Ref(e.ID), base.GetAtt(e.ID, "Name")
	case "AWS::AppSync::GraphQLApi":
		e.Arn, e.ResourceID = base.Ref(e.ID), base.GetAtt(e.ID, "ApiId")
	case "AWS::AppSync::DataSource", "AWS::SNS::Topic":
		e.Arn = base.Ref(e.ID)
	case "AWS::SQS::Queue":
		e.Arn, e.QueueURL = base.GetAtt(e.ID, "Arn"), base.Ref(e.ID)
	case "AWS::ApiGatewayV2::Api", "AWS::ApiGateway::RestApi":
		e.Arn, e.ResourceID, e.Qualifier = base.GetAtt(e.ID, "Arn"), base.Ref(e.ID), tree.NewString("*")
	case "AWS::Lambda::Function", "AWS::Events::Rule", "AWS::Events::EventBus", "AWS::DynamoDB::Table",
		"AWS::S3::Bucket", "AWS::Location::PlaceIndex":
		e.Arn = base.GetAtt(e.ID, "Arn")
	}
}

// roleOf is the logical id of the role that a resource acts with, if it is a
// role of this template. An event rule has a role for each target.
func roleOf(typ string, props, other *tree.Node) string {
	var role *tree.Node
	switch typ {
	case "AWS::Lambda::Function":
		role = props.Get("Role")
	case "AWS::StepFunctions::StateMachine":
		role = props.Get("RoleArn")
	case "AWS::AppSync::DataSource":
		role = props.Get("ServiceRoleArn")
	case "AWS::Events::Rule":
		role = targetRole(props.Get("Targets"), other)
	}
	id, _ := base.RefTarget(role)
	return id
}

func targetRole(targets, other *tree.Node) *tree.Node {
	if !targets.IsList() {
		return nil
	}
	wanted, _ := other.Get("Id").Str()
	for _, t := range targets.Items {
		arn := t.Get("Arn")
		id, ok := base.RefTarget(arn)
		if ok && id == wanted || base.Truthy(other.Get("Arn")) && tree.Equal(arn, other.Get("Arn")) {
			return t.Get("RoleArn")
		}
	}
	return nil
}

// mappings are the event source mappings from source to function.
func mappings(all *tree.Node, source, function string) []*tree.Node {
	var out []*tree.Node
	for _, e := range all.Entries {
		if e.Value.IsMap() && base.TypeOf(e.Value) == "AWS::Lambda::EventSourceMapping" {
			f, okF := base.RefTarget(e.Value.At("Properties", "FunctionName"))
			s, okS := base.RefTarget(e.Value.At("Properties", "EventSourceArn"))
			if okF && okS && f == function && s == source {
				out = append(out, e.Value)
			}
		}
	}
	return out
}

// addDependsOn makes res wait for id.
func addDependsOn(res *tree.Node, id string) {
	if res.IsMap() {
		res.Set(base.DependsOn, union(listOf(res.Get(base.DependsOn)), []string{id}))
	}
}

// relinkDependsOn lets what waited for the connector id wait for made.
func relinkDependsOn(all *tree.Node, id string, made []base.Resource) {
	ids := make([]string, len(made))
	for i, r := range made {
		ids[i] = r.ID
	}
	for _, e := range all.Entries {
		deps := listOf(e.Value.Get(base.DependsOn))
		for i, d := range deps {
			if s, ok := d.Str(); ok && s == id {
				e.Value.Set(base.DependsOn, union(append(deps[:i:i], deps[i+1:]...), ids))
				break
			}
		}
	}
}

func listOf(n *tree.Node) []*tree.Node {
	switch {
	case n.IsNull():
		return nil
	case n.IsList():
		return n.Items
	}
	return []*tree.Node{n}
}

// union is a new list of items and those of ids that it has not yet.
func union(items []*tree.Node, ids []string) *tree.Node {
	out := tree.NewList(append([]*tree.Node(nil), items...)...)
	for _, id := range ids {
		n, has := tree.NewString(id), false
		for _, it := range out.Items {
			has = has || tree.Equal(it, n)
		}
		if !has {
			out.Add(n)
		}
	}
	return out
}
