// SPDX-License-Identifier: Apache-2.0

package graphql

import (
	"testing"

	"github.com/forelane/forelane/internal/template/sam/basetest"
)

const least = `
	SchemaInline: 'type Query { a: Int }'
	Auth: {Type: AWS_IAM}
`

func TestAPI(t *testing.T) {
	got, err := basetest.Properties(t, Expand, Type, least+`
	XrayEnabled: 'yes'
	Overlooked: x
	Tags: {team: web}
	ApiKeys: {Key: {ExpiresOn: 1700000000, Description: d}}
	Cache: {ApiCachingBehavior: FULL_REQUEST_CACHING, Ttl: 60, Type: SMALL}
	DomainName: {CertificateArn: c, DomainName: d.example.com}`)
	if err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, got, `
	R/Type: AWS::AppSync::GraphQLApi
	R/Properties:
	  Name: R
	  AuthenticationType: AWS_IAM
	  XrayEnabled: true
	  Tags: [{Key: team, Value: web}, {Key: 'graphqlapi:createdBy', Value: SAM}]
	  LogConfig: {FieldLogLevel: ALL, CloudWatchLogsRoleArn: !GetAtt RCloudWatchRole.Arn}
	RSchema/Properties: {ApiId: !GetAtt R.ApiId, Definition: 'type Query { a: Int }'}
	RKey/Properties: {ApiId: !GetAtt R.ApiId, Description: d, Expires: 1700000000}
	RApiCache/Properties: {ApiId: !GetAtt R.ApiId, ApiCachingBehavior: FULL_REQUEST_CACHING, Ttl: 60, Type: SMALL}
	RDomainName/Properties: {CertificateArn: c, DomainName: d.example.com}
	RDomainNameApiAssociation/Properties: {ApiId: !GetAtt R.ApiId, DomainName: !Ref RDomainName}
	`)
}

func TestLogging(t *testing.T) {
	for name, tt := range map[string]struct{ logging, want string }{
		"off":  {"false", "{R/Properties/LogConfig: null, RCloudWatchRole: null}"},
		"on":   {"true", "R/Properties/LogConfig/FieldLogLevel: ALL"},
		"role": {"{CloudWatchLogsRoleArn: r, FieldLogLevel: ERROR}", "{R/Properties/LogConfig: {CloudWatchLogsRoleArn: r, FieldLogLevel: ERROR}, RCloudWatchRole: null}"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := basetest.Properties(t, Expand, Type, least+"\tLogging: "+tt.logging)
			if err != nil {
				t.Fatal(err)
			}
			basetest.Compare(t, got, tt.want)
		})
	}
}

func TestAuth(t *testing.T) {
	got, err := basetest.Properties(t, Expand, Type, `
	SchemaUri: s3://b/k
	Auth:
	  Type: AMAZON_COGNITO_USER_POOLS
	  UserPool: {UserPoolId: p, DefaultAction: ALLOW}
	  Additional:
	  - Type: API_KEY
	  - Type: AWS_LAMBDA
	    LambdaAuthorizer: {AuthorizerUri: !GetAtt F.Arn}
	  - Type: AMAZON_COGNITO_USER_POOLS
	    UserPool: {UserPoolId: q, DefaultAction: DENY}`)
	if err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, got, `
	RSchema/Properties/DefinitionS3Location: s3://b/k
	R/Properties/UserPoolConfig: {UserPoolId: p, DefaultAction: ALLOW}
	R/Properties/AdditionalAuthenticationProviders:
	- AuthenticationType: API_KEY
	- {AuthenticationType: AWS_LAMBDA, LambdaAuthorizerConfig: {AuthorizerUri: !GetAtt F.Arn}}
	- {AuthenticationType: AMAZON_COGNITO_USER_POOLS, UserPoolConfig: {UserPoolId: q}}
	RToLambdaAuthConnector1WriteLambdaPermission/Properties:
	  Action: lambda:InvokeFunction
	  FunctionName: !GetAtt F.Arn
	  Principal: appsync.amazonaws.com
	  SourceArn: !Sub ['arn:${AWS::Partition}:appsync:${AWS::Region}:${AWS::AccountId}:apis/${SourceResourceId}', {SourceResourceId: !GetAtt R.ApiId}]
	`)
}

func TestPipeline(t *testing.T) {
	got, err := basetest.Properties(t, Expand, Type, least+`
	DataSources:
	  DynamoDb: {Posts: {TableName: !Ref T, Permissions: [Read]}}
	  Lambda: {Calc: {FunctionArn: !GetAtt F.Arn, ServiceRoleArn: role}}
	Functions:
	  load: {DataSource: Posts, InlineCode: c, Runtime: {Name: APPSYNC_JS, Version: 1.0.0}}
	  calc: {DataSource: Calc, CodeUri: s3://b/k, Runtime: {Name: APPSYNC_JS, Version: 1.0.0}, MaxBatchSize: 5}
	  pass: {DataSource: none, InlineCode: c, Runtime: {Name: APPSYNC_JS, Version: 1.0.0}}
	  given: {Id: !Ref Elsewhere}
	Resolvers:
	  Query:
	    a: {Pipeline: [load, given, pass]}
	    other: {FieldName: b, Pipeline: [calc], CodeUri: s3://b/r, Runtime: {Name: APPSYNC_JS, Version: 1.0.0}, Caching: {Ttl: 9}}`)
	if err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, got, `
	RPostsDynamoDBDataSource/Properties:
	  Name: Posts
	  ApiId: !GetAtt R.ApiId
	  Type: AMAZON_DYNAMODB
	  DynamoDBConfig: {AwsRegion: !Ref AWS::Region, TableName: !Ref T}
	  ServiceRoleArn: !GetAtt RPostsDynamoDBDataSourceRole.Arn
	RPostsDynamoDBDataSourceToTableConnectorPolicy/Properties/Roles: [!Ref RPostsDynamoDBDataSourceRole]
	RCalcLambdaDataSource/Properties/ServiceRoleArn: role
	RCalcLambdaDataSourceRole: null
	Rload/Properties/DataSourceName: !GetAtt RPostsDynamoDBDataSource.Name
	Rload/Properties/Runtime: {Name: APPSYNC_JS, RuntimeVersion: 1.0.0}
	Rcalc/Properties/CodeS3Location: s3://b/k
	Rcalc/Properties/MaxBatchSize: 5
	Rpass/Properties/DataSourceName: !GetAtt RNoneDataSource.Name
	RNoneDataSource/Properties: {ApiId: !GetAtt R.ApiId, Name: RNoneDataSource, Type: NONE}
	Rgiven: null
	RQuerya/DependsOn: [RSchema]
	RQuerya/Properties/FieldName: a
	RQuerya/Properties/Kind: PIPELINE
	RQuerya/Properties/PipelineConfig: {Functions: [!GetAtt Rload.FunctionId, !Ref Elsewhere, !GetAtt Rpass.FunctionId]}
	RQuerya/Properties/Runtime: {Name: APPSYNC_JS, RuntimeVersion: 1.0.0}
	RQueryother/Properties/FieldName: b
	RQueryother/Properties/CachingConfig: {Ttl: 9}
	`)
}

func TestRefused(t *testing.T) {
	fn := func(s string) string { return least + "\tFunctions: {f: {" + s + "}}" }
	for name, tt := range map[string]struct{ props, word string }{
		"name in an id":      {fn("Id: x") + "\n\tApiKeys: {my-key: {}}", "my-key"},
		"no auth":            {"SchemaInline: x", "Auth"},
		"no schema":          {"Auth: {Type: AWS_IAM}", "SchemaInline"},
		"two schemas":        {least + "\tSchemaUri: s3://b/k", "SchemaUri"},
		"auth type":          {"{SchemaInline: x, Auth: {Type: NONE}}", "Auth.Type"},
		"auth without part":  {"{SchemaInline: x, Auth: {Type: AWS_LAMBDA}}", "LambdaAuthorizer"},
		"auth with two":      {"{SchemaInline: x, Auth: {Type: AWS_LAMBDA, LambdaAuthorizer: {AuthorizerUri: a}, UserPool: {UserPoolId: p}}}", "more than one"},
		"flag as intrinsic":  {least + "\tXrayEnabled: !Ref X", "XrayEnabled"},
		"unknown in source":  {least + "\tDataSources: {Lambda: {A: {Arn: x}}}", "DataSources.Lambda.A.FunctionArn"},
		"function code":      {fn("DataSource: none"), "InlineCode"},
		"function two codes": {fn("DataSource: none, InlineCode: a, CodeUri: b"), "both"},
		"function runtime":   {fn("DataSource: none, InlineCode: a"), "Runtime"},
		"function source":    {fn("InlineCode: a, Runtime: {Name: n, Version: v}"), "DataSource"},
		"no such source":     {fn("DataSource: nope, InlineCode: a, Runtime: {Name: n, Version: v}"), "nope"},
		"id and more":        {fn("Id: a, Name: n"), "Id"},
		"no pipeline":        {least + "\tResolvers: {Query: {a: {}}}", "Pipeline"},
		"no such function":   {least + "\tResolvers: {Query: {a: {Pipeline: [f]}}}", "function f"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := basetest.Properties(t, Expand, Type, tt.props)
			basetest.Refused(t, err, "R", tt.word)
		})
	}
}

func FuzzExpand(f *testing.F) {
	basetest.Fuzz(f, Expand, Type, least, least+`
	DataSources: {DynamoDb: {T: {TableName: t}}, Lambda: {L: {FunctionArn: a}}}
	Functions: {f: {DataSource: T, InlineCode: c, Runtime: {Name: n, Version: v}}}
	Resolvers: {Query: {a: {Pipeline: [f]}}}`)
}
