// SPDX-License-Identifier: Apache-2.0

package statemachine

import (
	"errors"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/basetest"
	"github.com/forelane/forelane/internal/template/tree"
)

const least = `
	DefinitionUri: s3://b/k
	Role: r
`

func TestDefinition(t *testing.T) {
	got, err := basetest.Properties(t, Expand, Type, `
	Role: r
	DefinitionSubstitutions: {mine: 1}
	Definition:
	  States: {B: {Type: Task, Resource: !GetAtt F.Arn, Next: "{{resolve:ssm:n:1}}"}, A: {List: [], Map: {}, N: [1, 2.50, true, null, "é\n"]}}
	  Name: !Ref N`)
	if err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, got, `
	R/Properties/DefinitionSubstitutions:
	  mine: 1
	  definition_substitution_1: !Ref N
	  definition_substitution_2: "{{resolve:ssm:n:1}}"
	  definition_substitution_3: !GetAtt F.Arn
	R/Properties/DefinitionString: !Join
	- "\n"
	- - '{'
	  - '    "Name": "${definition_substitution_1}",'
	  - '    "States": {'
	  - '        "A": {'
	  - '            "List": [],'
	  - '            "Map": {},'
	  - '            "N": ['
	  - '                1,'
	  - '                2.5,'
	  - '                true,'
	  - '                null,'
	  - '                "\u00e9\n"'
	  - '            ]'
	  - '        },'
	  - '        "B": {'
	  - '            "Next": "${definition_substitution_2}",'
	  - '            "Resource": "${definition_substitution_3}",'
	  - '            "Type": "Task"'
	  - '        }'
	  - '    }'
	  - '}'
	`)
}

func TestLocation(t *testing.T) {
	for name, tt := range map[string]struct{ uri, want string }{
		"uri":     {"s3://b/k/l", "{Bucket: b, Key: k/l}"},
		"version": {"s3://b/k?versionId=7", "{Bucket: b, Key: k, Version: '7'}"},
		"map":     {"{Bucket: b, Key: k, Version: 3}", "{Bucket: b, Key: k, Version: 3}"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := basetest.Properties(t, Expand, Type, "Role: r\nDefinitionUri: "+tt.uri)
			if err != nil {
				t.Fatal(err)
			}
			basetest.Compare(t, got, "R/Properties/DefinitionS3Location: "+tt.want)
		})
	}
}

func TestLocalDefinition(t *testing.T) {
	c := basetest.Context(t, "R: {Type: AWS::Serverless::StateMachine, Properties: {Role: r, DefinitionUri: m.asl.json}}")
	c.ReadFile = func(path string) (*tree.Node, error) {
		if path != "m.asl.json" {
			return nil, errors.New("not there")
		}
		return base.Map("StartAt", "A"), nil
	}
	got, err := basetest.Expand(c, Expand, "R")
	if err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, got, `R/Properties/DefinitionString: !Join ["\n", ['{', '    "StartAt": "A"', '}']]`)
	c.Lookup("R").Get("Properties").Set("DefinitionUri", tree.NewString("other"))
	_, err = basetest.Expand(c, Expand, "R")
	basetest.Refused(t, err, "R", "not there")
}

func TestRoleAndAttributes(t *testing.T) {
	c := basetest.Context(t, `
	R:
	  Type: AWS::Serverless::StateMachine
	  Condition: Here
	  DependsOn: X
	  Properties:
	    DefinitionUri: s3://b/k
	    Name: n
	    Type: EXPRESS
	    Policies: [AWSLambdaExecute, {Statement: [{Effect: Deny}]}]
	    RolePath: /p/
	    Tracing: {Enabled: true}
	    Tags: {team: web}`)
	got, err := basetest.Expand(c, Expand, "R")
	if err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, got, `
	R/Condition: Here
	R/DependsOn: X
	R/Properties/StateMachineName: n
	R/Properties/StateMachineType: EXPRESS
	R/Properties/TracingConfiguration: {Enabled: true}
	R/Properties/RoleArn: !GetAtt RRole.Arn
	R/Properties/Tags: [{Key: 'stateMachine:createdBy', Value: SAM}, {Key: team, Value: web}]
	RRole/Condition: Here
	RRole/DependsOn: null
	RRole/Properties/Path: /p/
	RRole/Properties/ManagedPolicyArns: ['arn:aws:iam::aws:policy/AWSLambdaExecute', 'arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess']
	RRole/Properties/Policies: [{PolicyName: RRolePolicy1, PolicyDocument: {Statement: [{Effect: Deny}]}}]
	`)
}

func TestAlias(t *testing.T) {
	got, err := basetest.Properties(t, Expand, Type, least+`
	AutoPublishAlias: live
	UseAliasAsEventTarget: true
	DeploymentPreference: {Type: CANARY, Percentage: 10, Interval: 5}
	Events: {E: {Type: EventBridgeRule, Properties: {Pattern: {source: [a]}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, got, `
	RVersion/DeletionPolicy: Retain
	RVersion/UpdateReplacePolicy: Retain
	RVersion/Properties: {StateMachineArn: !Ref R, StateMachineRevisionId: !GetAtt R.StateMachineRevisionId}
	RAliaslive/Properties:
	  Name: live
	  DeploymentPreference: {Type: CANARY, Percentage: 10, Interval: 5, StateMachineVersionArn: !Ref RVersion}
	RE/Properties/Targets: [{Arn: !Ref RAliaslive, Id: REStepFunctionsTarget, RoleArn: !GetAtt RERole.Arn}]
	`)
}

func TestEvents(t *testing.T) {
	tests := []struct{ name, event, want string }{
		{"schedule", "{Type: Schedule, Properties: {Schedule: rate(1 day), Enabled: false, Input: '{}', RetryPolicy: {MaximumRetryAttempts: 1}}}", `
	RE/Properties:
	  ScheduleExpression: rate(1 day)
	  State: DISABLED
	  Targets: [{Arn: !Ref R, Id: REStepFunctionsTarget, RoleArn: !GetAtt RERole.Arn, Input: '{}', RetryPolicy: {MaximumRetryAttempts: 1}}]
	RERole/Properties:
	  AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: [{Action: ['sts:AssumeRole'], Effect: Allow, Principal: {Service: [events.amazonaws.com]}}]}
	  Policies: [{PolicyName: RERoleStartExecutionPolicy, PolicyDocument: {Statement: [{Action: 'states:StartExecution', Effect: Allow, Resource: !Ref R}]}}]
	`},
		{"schedule with role and target id", "{Type: Schedule, Properties: {Schedule: rate(1 day), RoleArn: mine, Target: {Id: t}}}", `
	RE/Properties/Targets: [{Arn: !Ref R, Id: t, RoleArn: mine}]
	RERole: null
	`},
		{"dead letters", "{Type: CloudWatchEvent, Properties: {Pattern: {a: [b]}, DeadLetterConfig: {Type: SQS, QueueLogicalId: Dead}}}", `
	Dead/Type: AWS::SQS::Queue
	REQueuePolicy/Properties/Queues: [!Ref Dead]
	RE/Properties/Targets: [{Arn: !Ref R, Id: REStepFunctionsTarget, RoleArn: !GetAtt RERole.Arn, DeadLetterConfig: {Arn: !GetAtt Dead.Arn}}]
	`},
		{"scheduler", "{Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 day), GroupName: g, DeadLetterConfig: {Arn: q}}}", `
	RE/Properties:
	  ScheduleExpression: rate(1 day)
	  Name: RE
	  GroupName: g
	  FlexibleTimeWindow: {Mode: 'OFF'}
	  Target: {Arn: !Ref R, RoleArn: !GetAtt RERole.Arn, DeadLetterConfig: {Arn: q}}
	RERole/Properties/Policies:
	- {PolicyName: REStartExecutionPolicy, PolicyDocument: {Statement: [{Action: 'states:StartExecution', Effect: Allow, Resource: !Ref R}]}}
	- {PolicyName: RESQSPolicy, PolicyDocument: {Statement: [{Action: 'sqs:SendMessage', Effect: Allow, Resource: q}]}}
	`},
		{"scheduler without name", "{Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 day), OmitName: true, DeadLetterConfig: {Type: SQS}}}", `
	RE/Properties/Name: null
	REQueue/Type: AWS::SQS::Queue
	REQueuePolicy: null
	`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := basetest.Properties(t, Expand, Type, least+"\tEvents: {E: "+tt.event+"}")
			if err != nil {
				t.Fatal(err)
			}
			basetest.Compare(t, got, tt.want)
		})
	}
}

func TestTargetIDIsCut(t *testing.T) {
	long := "ScheduleOfAnUnreasonablyLongNameThatLeavesNoRoomForItsSuffix"
	got, err := basetest.Properties(t, Expand, Type, least+"\tEvents: {"+long+": {Type: Schedule, Properties: {Schedule: s}}}")
	if err != nil {
		t.Fatal(err)
	}
	id, _ := got.At("R"+long, "Properties", "Targets").Items[0].Get("Id").Str()
	if len(id) != maxTargetID || id != ("R" + long)[:45]+"StepFunctionsTarget" {
		t.Errorf("target id is %s", id)
	}
}

func TestAPIEvent(t *testing.T) {
	tests := []struct{ name, managed, event, want string }{
		{"managed", "true", "{Path: /a, Method: POST, RestApiId: !Ref A}", `
	post:
	  responses: {'200': {description: OK}, '400': {description: Bad Request}}
	  x-amazon-apigateway-integration:
	    type: aws
	    httpMethod: POST
	    uri: !Sub arn:${AWS::Partition}:apigateway:${AWS::Region}:states:action/StartExecution
	    credentials: !GetAtt RERole.Arn
	    responses: {'200': {statusCode: '200'}, '400': {statusCode: '400'}}
	    requestTemplates:
	      application/json: !Sub '{"input": "$util.escapeJavaScript($input.json(''$''))", "stateMachineArn": "${R}"}'
	`},
		{"not managed", "false", "{Path: /a, Method: post, RestApiId: !Ref A}", "null"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := basetest.Context(t, `
	A:
	  Type: AWS::Serverless::Api
	  Properties: {StageName: Prod, __MANAGE_SWAGGER: `+tt.managed+`, DefinitionBody: {swagger: '2.0', paths: {}}}
	R:
	  Type: AWS::Serverless::StateMachine
	  Properties: {Role: r, DefinitionUri: s3://b/k, Events: {E: {Type: Api, Properties: `+tt.event+`}}}`)
			got, err := basetest.Expand(c, Expand, "R")
			if err != nil {
				t.Fatal(err)
			}
			basetest.Compare(t, got, `RERole/Properties/AssumeRolePolicyDocument/Statement:
	- {Action: ['sts:AssumeRole'], Effect: Allow, Principal: {Service: [apigateway.amazonaws.com]}}`)
			want := basetest.Parse(t, tt.want)
			paths := c.Lookup("A").At("Properties", "DefinitionBody", "paths")
			if method := paths.Get("/a"); want.IsNull() != (method == nil) || method != nil && !tree.Equal(method, want) {
				t.Errorf("got %s\nwant %s", tree.JSON(paths), tree.JSON(want))
			}
		})
	}
}

func TestEventsAreWalkedInTheOrderGiven(t *testing.T) {
	evs := basetest.Parse(t, "{a: {}, b: {}, c: {}}")
	c := basetest.Context(t, "R: {}")
	m := &machine{c: c, id: "R"}
	keys := func() string {
		var out []string
		for _, e := range m.walk(evs) {
			out = append(out, e.Key)
		}
		return strings.Join(out, " ")
	}
	if got := keys(); got != "a b c" {
		t.Errorf("order of the template: got %s", got)
	}
	c.HashOrder = true
	if got := keys(); got != "a c b" {
		t.Errorf("order of the hash table: got %s", got)
	}
	c.EventOrder["R"] = []string{"c", "b", "a"}
	if got := keys(); got != "c b a" {
		t.Errorf("order of the context: got %s", got)
	}
	if m.walk(nil) != nil {
		t.Error("no events have an order")
	}
}

func TestUnescapedRequest(t *testing.T) {
	e := event{m: &machine{target: "M"}, props: basetest.Parse(t, "UnescapeMappingTemplate: true")}
	want := `{"input": "$util.escapeJavaScript($input.json('$')).replaceAll("\\'","'")", "stateMachineArn": "${M}"}`
	if got := e.request(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRefused(t *testing.T) {
	ev := func(s string) string { return least + "\tEvents: {E: {Type: " + s + "}}" }
	for name, tt := range map[string]struct{ props, word string }{
		"no definition":       {"Role: r", "Definition"},
		"two definitions":     {least + "\tDefinition: {a: b}", "DefinitionUri"},
		"definition as text":  {"{Role: r, Definition: x}", "Definition"},
		"local file":          {"{Role: r, DefinitionUri: ./a.json}", "S3"},
		"location incomplete": {"{Role: r, DefinitionUri: {Bucket: b}}", "Key"},
		"role and policies":   {least + "\tPolicies: P", "Role"},
		"policy":              {"{DefinitionUri: s3://b/k, Policies: [{Unknown: {}}]}", "Policies"},
		"preference":          {least + "\tDeploymentPreference: {Type: CANARY}", "AutoPublishAlias"},
		"alias as target":     {least + "\tUseAliasAsEventTarget: true", "AutoPublishAlias"},
		"alias":               {least + "\tAutoPublishAlias: !Ref A", "AutoPublishAlias"},
		"event type":          {ev("SQS, Properties: {}"), "event E"},
		"schedule missing":    {ev("Schedule, Properties: {}"), "Schedule is required"},
		"state twice":         {ev("Schedule, Properties: {Schedule: s, State: ENABLED, Enabled: true}"), "Enabled"},
		"dead letters both":   {ev("Schedule, Properties: {Schedule: s, DeadLetterConfig: {Arn: a, Type: SQS}}"), "both Arn and Type"},
		"dead letters type":   {ev("Schedule, Properties: {Schedule: s, DeadLetterConfig: {Type: SNS}}"), "SQS"},
		"dead letters none":   {ev("EventBridgeRule, Properties: {DeadLetterConfig: {QueueLogicalId: q}}"), "Arn"},
		"queue id":            {ev("ScheduleV2, Properties: {ScheduleExpression: s, DeadLetterConfig: {Type: SQS, QueueLogicalId: !Ref Q}}"), "QueueLogicalId"},
		"name and no name":    {ev("ScheduleV2, Properties: {ScheduleExpression: s, Name: n, OmitName: true}"), "OmitName"},
		"unknown property":    {ev("CloudWatchEvent, Properties: {Schedule: s}"), "Schedule"},
		"no such API":         {ev("Api, Properties: {Path: /, Method: get, RestApiId: !Ref Nope}"), "Nope"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := basetest.Properties(t, Expand, Type, tt.props)
			basetest.Refused(t, err, "R", tt.word)
		})
	}
}

func FuzzExpand(f *testing.F) {
	basetest.Fuzz(f, Expand, Type, least, "{Definition: {a: !Ref b}, Policies: [x], AutoPublishAlias: a}",
		least+"\tEvents: {E: {Type: Schedule, Properties: {Schedule: s, DeadLetterConfig: {Type: SQS}}}}",
		least+"\tEvents: {E: {Type: Api, Properties: {Path: /, Method: get, RestApiId: !Ref R}}}")
}

// FuzzDefinition checks that a printed definition reads back as what it was.
func FuzzDefinition(f *testing.F) {
	f.Add(`{"a": [1, 2.5, "é\n", {}], "b": null}`)
	f.Fuzz(func(t *testing.T, text string) {
		n, err := tree.Parse("f.json", []byte(text))
		if err != nil || !n.IsMap() || cutDynamic(n).Len() > 0 {
			return
		}
		var b strings.Builder
		for i, l := range definitionString(n).Get("Fn::Join").Items[1].Items {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(l.Text)
		}
		again, err := tree.Parse("f.json", []byte(b.String()))
		if err != nil || !tree.Equal(n, again) {
			t.Errorf("%s became %s (%v)", tree.JSON(n), b.String(), err)
		}
	})
}
