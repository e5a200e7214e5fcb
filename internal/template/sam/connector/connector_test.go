// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"testing"

	"github.com/forelane/forelane/internal/template/sam/basetest"
	"github.com/forelane/forelane/internal/template/tree"
)

// parts are resources as they stand in the result when connectors expand.
const parts = `
	F: {Type: AWS::Lambda::Function, Properties: {Role: !GetAtt FRole.Arn}}
	G: {Type: AWS::Lambda::Function, Properties: {Role: 'arn:aws:iam::1:role/x'}}
	T: {Type: AWS::DynamoDB::Table}
	Q: {Type: AWS::SQS::Queue}
	M: {Type: AWS::StepFunctions::StateMachine, Properties: {RoleArn: !GetAtt MRole.Arn}}
	A: {Type: AWS::ApiGatewayV2::Api}
	E:
	  Type: AWS::Events::Rule
	  Properties:
	    Targets: [{Arn: !Ref Other, RoleArn: !Ref OtherRole}, {Arn: !Ref M, RoleArn: !GetAtt RuleRole.Arn}]
	Map:
	  Type: AWS::Lambda::EventSourceMapping
	  Properties: {FunctionName: !Ref F, EventSourceArn: !GetAtt Q.Arn}
`

func TestExpand(t *testing.T) {
	tests := []struct{ name, connector, want string }{
		{"by id", "{Source: {Id: F}, Destination: {Id: T}, Permissions: [Read]}", `
	Resources/CPolicy/Type: AWS::IAM::ManagedPolicy
	Resources/CPolicy/Properties/Roles: [!Ref FRole]
	`},
		{"several destinations", "{Source: {Id: F}, Destination: [{Id: T}, {Id: Q}], Permissions: [Write]}", `
	Resources/CPolicyDestination0/Properties/Roles: [!Ref FRole]
	Resources/CPolicyDestination1/Properties/Roles: [!Ref FRole]
	Resources/CPolicy: null
	`},
		{"mapping waits", "{Source: {Id: Q}, Destination: {Id: F}, Permissions: [Read, Write]}", `
	Resources/Map/DependsOn: [CPolicy]
	`},
		{"machine waits", "{Source: {Id: M}, Destination: {Type: AWS::Serverless::StateMachine, Arn: a, Name: n}, Permissions: [Read]}", `
	Resources/M/DependsOn: [CPolicy]
	Resources/CPolicy/Metadata: {'aws:sam:connectors': {C: {Source: {Type: AWS::StepFunctions::StateMachine}, Destination: {Type: AWS::StepFunctions::StateMachine}}}}
	`},
		{"rule uses the role of its target", "{Source: {Id: E}, Destination: {Id: M}, Permissions: [Write]}", `
	Resources/CPolicy/Properties/Roles: [!Ref RuleRole]
	`},
		{"qualifier", "{Source: {Id: A, Qualifier: Prod/GET/x}, Destination: {Id: F}, Permissions: [Write]}", `
	Resources/CWriteLambdaPermission/Properties/SourceArn: !Sub
	- arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${SourceResourceId}/${SourceQualifier}
	- {SourceResourceId: !Ref A, SourceQualifier: Prod/GET/x}
	`},
		{"a resource elsewhere", "{Source: {Type: AWS::Lambda::Function, RoleName: r}, Destination: {Type: AWS::SQS::Queue, Arn: q}, Permissions: [Write]}", `
	Resources/CPolicy/Properties/Roles: [r]
	`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := basetest.Context(t, parts+"\tC: {Type: AWS::Serverless::Connector, Properties: "+tt.connector+"}")
			if _, err := basetest.Expand(c, Expand, "C"); err != nil {
				t.Fatal(err)
			}
			basetest.Compare(t, c.Out, tt.want)
		})
	}
}

func TestAttributes(t *testing.T) {
	c := basetest.Context(t, parts+`
	X: {Type: Some::Type, DependsOn: [C, T]}
	Y: {Type: Some::Type, DependsOn: C}
	C:
	  Type: AWS::Serverless::Connector
	  Condition: OnlyHere
	  DependsOn: T
	  Metadata: {note: mine}
	  Properties: {Source: {Id: F}, Destination: [{Id: T}, {Id: Q}], Permissions: [Write]}`)
	if _, err := basetest.Expand(c, Expand, "C"); err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, c.Out.Get("Resources"), `
	X/DependsOn: [T, CPolicyDestination0, CPolicyDestination1]
	Y/DependsOn: [CPolicyDestination0, CPolicyDestination1]
	CPolicyDestination0/Condition: OnlyHere
	CPolicyDestination0/DependsOn: T
	CPolicyDestination1/Metadata/note: mine
	`)
}

func TestRefused(t *testing.T) {
	for name, tt := range map[string]struct{ connector, word string }{
		"no such resource":  {"{Source: {Id: F}, Destination: {Id: Nowhere}, Permissions: [Read]}", "Nowhere"},
		"id and more":       {"{Source: {Id: F, Arn: a}, Destination: {Id: T}, Permissions: [Read]}", "either an Id"},
		"nothing":           {"{Source: {Id: F}, Destination: {}, Permissions: [Read]}", "either an Id"},
		"no type":           {"{Source: {Id: F}, Destination: {Arn: a}, Permissions: [Read]}", "Type"},
		"id is a map":       {"{Source: {Id: F}, Destination: {Id: {a: b}}, Permissions: [Read]}", "string"},
		"no destination":    {"{Source: {Id: F}, Destination: [], Permissions: [Read]}", "empty"},
		"no permissions":    {"{Source: {Id: F}, Destination: {Id: T}}", "Permissions"},
		"a role elsewhere":  {"{Source: {Id: G}, Destination: {Id: T}, Permissions: [Read]}", "role"},
		"unknown property":  {"{Source: {Id: F}, Destination: {Id: T}, Permissions: [Read], Name: x}", "Name"},
		"type has no table": {"{Source: {Id: T}, Destination: {Id: Q}, Permissions: [Read]}", "cannot be connected"},
	} {
		t.Run(name, func(t *testing.T) {
			c := basetest.Context(t, parts+"\tC: {Type: AWS::Serverless::Connector, Properties: "+tt.connector+"}")
			_, err := basetest.Expand(c, Expand, "C")
			basetest.Refused(t, err, "C", tt.word)
		})
	}
}

func TestLift(t *testing.T) {
	c := basetest.Context(t, `
	F:
	  Type: AWS::Serverless::Function
	  Connectors:
	    ToTable:
	      Condition: Here
	      Properties: {Destination: {Id: T}, Permissions: [Read]}
	    ToApi:
	      Properties: {SourceReference: {Qualifier: q}, Destination: {Id: A}, Permissions: [Write]}
	T: {Type: AWS::DynamoDB::Table}`)
	if err := Lift(c); err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, c.Resources(), `
	F: {Type: AWS::Serverless::Function}
	FToTable:
	  Type: AWS::Serverless::Connector
	  Condition: Here
	  Properties: {Source: {Id: F}, Destination: {Id: T}, Permissions: [Read]}
	FToApi:
	  Type: AWS::Serverless::Connector
	  Properties: {Source: {Id: F, Qualifier: q}, Destination: {Id: A}, Permissions: [Write]}
	`)
}

func TestLiftRefused(t *testing.T) {
	for name, tt := range map[string]struct{ connectors, word string }{
		"list":          {"[]", "must be a map"},
		"text":          {"{C: x}", "must be a map"},
		"no properties": {"{C: {}}", "Properties"},
		"id overridden": {"{C: {Properties: {SourceReference: {Id: x}}}}", "cannot have an Id"},
		"bad reference": {"{C: {Properties: {SourceReference: x}}}", "must be a map"},
		"id in use":     {"{Two: {Properties: {Destination: {Id: F}}}}", "FTwo"},
	} {
		t.Run(name, func(t *testing.T) {
			c := basetest.Context(t, "F: {Type: T}\nFTwo: {Type: T}")
			c.Lookup("F").Set("Connectors", basetest.Parse(t, tt.connectors))
			basetest.Refused(t, Lift(c), "F", tt.word)
			if c.Lookup("F").Has("Connectors") {
				t.Error("the attribute is still there")
			}
		})
	}
}

func TestUnionKeepsOrder(t *testing.T) {
	got := union(tree.NewStrings("a", "b").Items, []string{"b", "c"})
	if !tree.Equal(got, tree.NewStrings("a", "b", "c")) {
		t.Errorf("got %s", tree.JSON(got))
	}
}

func FuzzExpand(f *testing.F) {
	basetest.Fuzz(f, Expand, Type, "{Source: {Type: AWS::Lambda::Function, RoleName: r}, Destination: [{Type: AWS::SQS::Queue, Arn: q}], Permissions: [Write]}",
		"{Source: {Id: R}, Destination: {Id: R}, Permissions: [Read]}")
}
