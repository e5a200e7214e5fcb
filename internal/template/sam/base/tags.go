// SPDX-License-Identifier: Apache-2.0

package base

import "github.com/forelane/forelane/internal/template/tree"

// TagList writes a map of tags as CloudFormation's list of Key and Value. A
// null value is an empty one. Nil for an absent map.
func TagList(tags *tree.Node) *tree.Node {
	l := tree.NewList()
	if tags.IsMap() {
		for _, e := range tags.Entries {
			v := e.Value
			if v.IsNull() {
				v = tree.NewString("")
			}
			l.Add(Map("Key", e.Key, "Value", v.Clone()))
		}
	}
	return l
}

// reservedTags are the keys that a user may not give.
var reservedTags = [...]string{"lambda:createdBy", "serverlessrepo:applicationId", "serverlessrepo:semanticVersion"}

// SAMTags is the tag list of a resource that SAM marks as its own:
// lambda:createdBy first, then extra, then the user's.
func SAMTags(id string, tags, extra *tree.Node) (*tree.Node, error) {
	for _, r := range reservedTags {
		if tags.Has(r) {
			err := Errorf(id, tags.Get(r), "the tag key %s is reserved", r)
			err.Mend = "choose another tag key"
			return nil, err
		}
	}
	l := TagList(Map("lambda:createdBy", "SAM"))
	l.Add(TagList(extra).Items...)
	l.Add(TagList(tags).Items...)
	return l, nil
}

// Taggable tells whether resources of a type that SAM generates take a Tags
// property; AsMap tells that it is a map there instead of a list.
func Taggable(typ string) (ok, asMap bool) {
	switch typ {
	case "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Stage", "AWS::ApiGatewayV2::DomainName":
		return true, true
	case "AWS::Lambda::Function", "AWS::Lambda::CapacityProvider", "AWS::IAM::Role",
		"AWS::ApiGateway::RestApi", "AWS::ApiGateway::Stage", "AWS::ApiGateway::DomainName",
		"AWS::ApiGateway::DomainNameV2", "AWS::ApiGateway::UsagePlan", "AWS::ApiGateway::ApiKey",
		"AWS::ApiGateway::DomainNameAccessAssociation",
		"AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup", "AWS::DynamoDB::Table",
		"AWS::CloudFormation::Stack", "AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::S3::Bucket",
		"AWS::IoT::TopicRule", "AWS::StepFunctions::StateMachine", "AWS::AppSync::GraphQLApi":
		return true, false
	}
	return false, false
}

// PropagateTags sets the Tags of every resource that can have them to tags.
func PropagateTags(rs []Resource, tags, propagate *tree.Node) {
	if !Truthy(propagate) || !Truthy(tags) {
		return
	}
	for _, r := range rs {
		if r.Type() == "AWS::ApiGatewayV2::Api" && Text(r.Props(), "ProtocolType") != "WEBSOCKET" {
			continue // an HTTP API carries its tags in its definition
		}
		switch ok, asMap := Taggable(r.Type()); {
		case ok && asMap:
			r.Set("Tags", tags.Clone())
		case ok:
			r.Set("Tags", TagList(tags))
		}
	}
}
