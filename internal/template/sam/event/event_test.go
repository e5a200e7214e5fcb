// SPDX-License-Identifier: Apache-2.0

package event

import (
	"testing"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/basetest"
	"github.com/forelane/forelane/internal/template/tree"
)

const others = `
	F: {Type: AWS::Serverless::Function}
	B: {Type: AWS::S3::Bucket, DependsOn: X}
	P: {Type: AWS::Cognito::UserPool, Properties: {LambdaConfig: {PreSignUp: x}}}
	T: {Type: AWS::SNS::Topic, Properties: {FifoTopic: true}}
	Api:
	  Type: AWS::Serverless::Api
	  Properties:
	    StageName: Prod
	    __MANAGE_SWAGGER: true
	    DefinitionBody: {swagger: "2.0", paths: {/taken: {get: {x-amazon-apigateway-integration: {type: mock}}}}}
	    Models: {User: {type: object}}
	    Auth: {Authorizers: {A: {FunctionArn: f}}}
	Http:
	  Type: AWS::Serverless::HttpApi
	  Properties: {__MANAGE_SWAGGER: true, DefinitionBody: {openapi: 3.0.1, paths: {}}}
`

// expand expands the event E of function F, or of its alias.
func expand(t *testing.T, ev string, alias bool) (*tree.Node, *base.Context, error) {
	t.Helper()
	c := basetest.Context(t, others)
	role := base.NewResource("FRole", "AWS::IAM::Role").Set("ManagedPolicyArns", tree.NewList())
	target := Target{ID: "F", Res: c.Lookup("F")}
	if alias {
		target = Target{ID: "FAliaslive", Alias: true, Res: c.Lookup("F")}
	}
	call := Call{C: c, Function: "F", Event: "E", Node: basetest.Parse(t, ev), Target: target, Role: &role}
	rs, err := call.Expand()
	out := tree.NewMap().With("Role", role.Node).With("Template", c.Template)
	for _, r := range rs {
		out.Set(r.ID, r.Node)
	}
	return out, c, err
}

func TestExpand(t *testing.T) {
	tests := []struct{ name, event, want string }{
		{"schedule", "{Type: Schedule, Properties: {Schedule: rate(1 day), Enabled: false, Input: x, Name: n}}", `
	FE/Properties/State: DISABLED
	FE/Properties/Targets: [{Arn: !GetAtt F.Arn, Id: FELambdaTarget, Input: x}]
	FEPermission/Properties/Principal: events.amazonaws.com
	FEPermission/Properties/SourceArn: !GetAtt FE.Arn
	`},
		{"rule with a queue", "{Type: CloudWatchEvent, Properties: {Pattern: {a: [b]}, DeadLetterConfig: {Type: SQS}}}", `
	FEQueue/Type: AWS::SQS::Queue
	FEQueuePolicy/Properties/Queues: [!Ref FEQueue]
	FE/Properties/Targets: [{Arn: !GetAtt F.Arn, Id: FELambdaTarget, DeadLetterConfig: {Arn: !GetAtt FEQueue.Arn}}]
	`},
		{"scheduler", "{Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 day)}}", `
	FE/Properties: {ScheduleExpression: rate(1 day), Name: FE, FlexibleTimeWindow: {Mode: 'OFF'}, Target: {Arn: !GetAtt F.Arn, RoleArn: !GetAtt FERole.Arn}}
	FERole/Properties/Policies: [{PolicyName: FELambdaPolicy, PolicyDocument: {Statement: [{Action: 'lambda:InvokeFunction', Effect: Allow, Resource: !GetAtt F.Arn}]}}]
	`},
		{"bucket", "{Type: S3, Properties: {Bucket: !Ref B, Events: [a, a]}}", `
	B/DependsOn: [X, FEPermission]
	B/Properties/NotificationConfiguration/LambdaConfigurations: [{Function: !GetAtt F.Arn, Event: a}]
	`},
		{"topic", "{Type: SNS, Properties: {Topic: !Ref T, Region: r}}", `
	FE/Properties: {Protocol: lambda, Endpoint: !GetAtt F.Arn, TopicArn: !Ref T, Region: r}
	`},
		{"topic through a queue", "{Type: SNS, Properties: {Topic: !Ref T, SqsSubscription: true}}", `
	FEQueue/Properties: {FifoQueue: true}
	FEEventSourceMapping/Properties/BatchSize: 10
	Role/Properties/ManagedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole']
	`},
		{"stream", "{Type: Kinesis, Properties: {Stream: s, StartingPosition: LATEST, DestinationConfig: {OnFailure: {Type: SQS, Destination: q}}}}", `
	FE/Properties: {FunctionName: !Ref F, EventSourceArn: s, StartingPosition: LATEST, DestinationConfig: {OnFailure: {Destination: q}}}
	Role/Properties/Policies: [{PolicyName: FESQSPolicy, PolicyDocument: {Statement: [{Action: 'sqs:SendMessage', Effect: Allow, Resource: q}]}}]
	`},
		{"kafka", "{Type: MSK, Properties: {Stream: s, StartingPosition: LATEST, ConsumerGroupId: g}}", `
	FE/Properties/AmazonManagedKafkaEventSourceConfig: {ConsumerGroupId: g}
	`},
		{"logs", "{Type: CloudWatchLogs, Properties: {LogGroupName: l, FilterPattern: p}}", `
	FE/Properties: {LogGroupName: l, FilterPattern: p, DestinationArn: !GetAtt F.Arn}
	`},
		{"user pool", "{Type: Cognito, Properties: {UserPool: !Ref P, Trigger: PostConfirmation}}", `
	P/Properties/LambdaConfig: {PreSignUp: x, PostConfirmation: !GetAtt F.Arn}
	FCognitoPermission/Properties/SourceArn: !GetAtt P.Arn
	`},
		{"REST route", "{Type: Api, Properties: {RestApiId: !Ref Api, Path: '/a/{id}/', Method: ANY, TimeoutInMillis: 5}}", `
	FEPermissionProd/Properties/SourceArn: !Sub ['arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/${__Stage__}/*/a/*', {__ApiId__: !Ref Api, __Stage__: '*'}]
	Template/Resources/Api/Properties/DefinitionBody/paths: {/taken: {get: {x-amazon-apigateway-integration: {type: mock}}}, '/a/{id}/': {x-amazon-apigateway-any-method: {responses: {}, x-amazon-apigateway-integration: {type: aws_proxy, httpMethod: POST, timeoutInMillis: 5, uri: !Sub 'arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations'}}}}
	`},
		{"HTTP route", "{Type: HttpApi, Properties: {ApiId: !Ref Http, Path: '/a/{id}', Method: get, PayloadFormatVersion: '1.0'}}", `
	Template/Resources/Http/Properties/DefinitionBody/paths: {'/a/{id}': {get: {responses: {}, parameters: [{name: id, in: path, required: true}], x-amazon-apigateway-integration: {type: aws_proxy, httpMethod: POST, payloadFormatVersion: '1.0', uri: !Sub 'arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations'}}}}
	`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, c, err := expand(t, tt.event, false)
			if err != nil {
				t.Fatal(err)
			}
			got.Set("Template", tree.NewMap().With("Resources", c.Resources()))
			for _, e := range basetest.Parse(t, tt.want).Entries {
				compare(t, got, e)
			}
		})
	}
}

// compare is basetest.Compare for keys that may have a slash.
func compare(t *testing.T, got *tree.Node, want tree.Entry) {
	t.Helper()
	basetest.Compare(t, got, string(tree.JSON(tree.NewMap().With(want.Key, want.Value))))
}

func TestAlias(t *testing.T) {
	got, c, err := expand(t, "{Type: Api, Properties: {RestApiId: !Ref Api, Path: /a, Method: get}}", true)
	if err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, got, "FEPermissionProd/Properties/FunctionName: !Ref FAliaslive")
	uri := c.Lookup("Api").At("Properties", "DefinitionBody", "paths", "/a", "get", "x-amazon-apigateway-integration", "uri", "Fn::Sub")
	if uri.Text != "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${FAliaslive}/invocations" {
		t.Errorf("got %s", uri.Text)
	}
}

func TestRefused(t *testing.T) {
	tests := []struct{ name, event, want string }{
		{"no such type", "{Type: Sqs}", "no event of type"},
		{"unknown property", "{Type: SQS, Properties: {Queue: q, Batch: 1}}", "property Batch"},
		{"required property", "{Type: SQS}", "property Queue is required"},
		{"wrong kind", "{Type: SQS, Properties: {Queue: q, BatchSize: many}}", "BatchSize must be an integer"},
		{"State and Enabled", "{Type: Schedule, Properties: {Schedule: s, State: ENABLED, Enabled: true}}", "not both"},
		{"queue and ARN", "{Type: Schedule, Properties: {Schedule: s, DeadLetterConfig: {Type: SQS, Arn: a}}}", "not both"},
		{"another queue", "{Type: Schedule, Properties: {Schedule: s, DeadLetterConfig: {Type: SNS}}}", "must be SQS"},
		{"bucket elsewhere", "{Type: S3, Properties: {Bucket: b, Events: e}}", "a bucket of this template"},
		{"trigger twice", "{Type: Cognito, Properties: {UserPool: !Ref P, Trigger: PreSignUp}}", "PreSignUp already"},
		{"route twice", "{Type: Api, Properties: {RestApiId: !Ref Api, Path: /taken, Method: GET}}", "GET /taken already"},
		{"no such model", "{Type: Api, Properties: {RestApiId: !Ref Api, Path: /a, Method: get, RequestModel: {Model: Cart}}}", "no model Cart"},
		{"no such authorizer", "{Type: Api, Properties: {RestApiId: !Ref Api, Path: /a, Method: get, Auth: {Authorizer: B}}}", "no authorizer B"},
		{"NONE without a default", "{Type: Api, Properties: {RestApiId: !Ref Api, Path: /a, Method: get, Auth: {Authorizer: NONE}}}", "DefaultAuthorizer"},
		{"no key to opt out of", "{Type: Api, Properties: {RestApiId: !Ref Api, Path: /a, Method: get, Auth: {ApiKeyRequired: false}}}", "ApiKeyRequired"},
		{"parameter", "{Type: Api, Properties: {RestApiId: !Ref Api, Path: /a, Method: get, RequestParameters: [header.x]}}", "method.request.header"},
		{"no authorizer at all", "{Type: HttpApi, Properties: {ApiId: !Ref Http, Path: /a, Method: get, Auth: {}}}", ""},
		{"filter", "{Type: SQS, Properties: {Queue: q, FilterCriteria: {Filter: []}}}", "FilterCriteria"},
		{"no broker secret", "{Type: MQ, Properties: {Broker: b, Queues: [q]}}", "SourceAccessConfigurations is required"},
		{"kafka network", "{Type: SelfManagedKafka, Properties: {KafkaBootstrapServers: [k], Topics: [t], SourceAccessConfigurations: [{Type: VPC_SUBNET, URI: s}]}}", "or neither"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := expand(t, tt.event, false)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			basetest.Refused(t, err, "F", tt.want)
		})
	}
}
