// SPDX-License-Identifier: Apache-2.0

package websocket

import (
	"testing"

	"github.com/forelane/forelane/internal/template/sam/basetest"
)

const routes = `
	RouteSelectionExpression: $request.body.action
	Routes:
	  $connect: {FunctionArn: !GetAtt F.Arn, RequestParameters: {a: {Required: true}}}
	  sendMessage: {FunctionArn: !GetAtt G.Arn, IntegrationTimeout: 5000}
`

func TestExpand(t *testing.T) {
	got, err := basetest.Properties(t, Expand, Type, routes)
	if err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, got, `
	R/Type: AWS::ApiGatewayV2::Api
	R/Properties: {Name: R, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action, Tags: {'websocketapi:createdBy': SAM}}
	RSendmessageRoute/Properties:
	  RouteKey: sendMessage
	  ApiId: !Ref R
	  Target: !Join [/, [integrations, !Ref RSendmessageIntegration]]
	RSendmessageIntegration/Properties:
	  ApiId: !Ref R
	  IntegrationType: AWS_PROXY
	  IntegrationUri: !Sub
	  - arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${FunctionArn}/invocations
	  - {FunctionArn: !GetAtt G.Arn}
	  TimeoutInMillis: 5000
	RSendmessagePermission/Properties/SourceArn: !Sub arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${R.ApiId}/default/sendMessage
	RConnectRoute/Properties/RequestParameters: {a: {Required: true}}
	RConnectRoute/Properties/AuthorizationType: null
	RDefaultStage/Properties: {ApiId: !Ref R, StageName: default, AutoDeploy: true, Tags: {'websocketapi:createdBy': SAM}}
	RDefaultStage/DependsOn: null
	`)
}

func TestStageAndTags(t *testing.T) {
	got, err := basetest.Properties(t, Expand, Type, routes+`
	StageName: !Ref S
	RouteSettings: {sendMessage: {ThrottlingRateLimit: 3}}
	Tags: {team: web}
	PropagateTags: true`)
	if err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, got, `
	RStage/Properties/StageName: !Ref S
	RStage/Properties/Tags: {team: web, 'websocketapi:createdBy': SAM}
	RStage/DependsOn: [RConnectRoute, RSendmessageRoute]
	RConnectPermission/Properties/SourceArn: !Sub
	- arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${R.ApiId}/${__StageName__}/$connect
	- {__StageName__: !Ref S}
	`)
}

func TestAuth(t *testing.T) {
	tests := []struct{ name, auth, want string }{
		{"function", "{AuthType: CUSTOM, AuthArn: !GetAtt A.Arn, IdentitySource: [route.request.header.Auth]}", `
	RConnectRoute/Properties/AuthorizationType: CUSTOM
	RConnectRoute/Properties/AuthorizerId: !Ref RConnectAuthorizer
	RSendmessageRoute/Properties/AuthorizationType: null
	RConnectAuthorizer/Properties/IdentitySource: [route.request.header.Auth]
	RConnectAuthorizer/Properties/Name: RConnectAuthorizer
	RAuthorizerPermission/Properties/FunctionName: !GetAtt A.Arn
	`},
		{"function by role", "{AuthType: CUSTOM, AuthArn: !GetAtt A.Arn, InvokeRole: !Ref Role, Name: N}", `
	RConnectAuthorizer/Properties/AuthorizerCredentialsArn: !Ref Role
	RConnectAuthorizer/Properties/Name: N
	RAuthorizerPermission: null
	`},
		{"IAM", "{AuthType: AWS_IAM}", "RConnectRoute/Properties/AuthorizationType: AWS_IAM"},
		{"none", "{AuthType: NONE}", "RConnectRoute/Properties/AuthorizationType: NONE"},
		{"lower case passes the check and is not compared", "{AuthType: aws_iam}", "RConnectRoute/Properties/AuthorizationType: NONE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := basetest.Properties(t, Expand, Type, routes+"\tAuth: "+tt.auth)
			if err != nil {
				t.Fatal(err)
			}
			basetest.Compare(t, got, tt.want)
		})
	}
}

func TestDomain(t *testing.T) {
	got, err := basetest.Properties(t, Expand, Type, routes+`
	Domain:
	  DomainName: ws.example.com
	  CertificateArn: cert
	  BasePath: [/chat/v-1, main]
	  SecurityPolicy: TLS_1_2
	  Route53: {HostedZoneId: Z1, IpV6: true, EvaluateTargetHealth: false}`)
	if err != nil {
		t.Fatal(err)
	}
	// The suffixes are the SHA-1 of ws.example.com and of Z1.
	basetest.Compare(t, got, `
	ApiGatewayDomainNameV2453c43f60a/Properties:
	  DomainName: ws.example.com
	  DomainNameConfigurations: [{CertificateArn: cert, EndpointType: REGIONAL, SecurityPolicy: TLS_1_2}]
	  Tags: {'websocketapi:createdBy': SAM}
	Rchatv1ApiMapping/Properties: {DomainName: !Ref ApiGatewayDomainNameV2453c43f60a, ApiId: !Ref R, Stage: !Ref R.Stage, ApiMappingKey: chat/v-1}
	RmainApiMapping/Properties/ApiMappingKey: main
	RecordSetGroup0cf6d58763/Properties:
	  HostedZoneId: Z1
	  RecordSets:
	  - Name: ws.example.com
	    Type: A
	    AliasTarget: &a
	      EvaluateTargetHealth: false
	      HostedZoneId: !GetAtt ApiGatewayDomainNameV2453c43f60a.RegionalHostedZoneId
	      DNSName: !GetAtt ApiGatewayDomainNameV2453c43f60a.RegionalDomainName
	  - {Name: ws.example.com, Type: AAAA, AliasTarget: *a}
	`)
}

func TestRefused(t *testing.T) {
	domain := func(s string) string { return routes + "\tDomain: {DomainName: d, CertificateArn: c, " + s + "}" }
	for name, tt := range map[string]struct{ props, word string }{
		"no routes":            {"{RouteSelectionExpression: x, Routes: {}}", "at least one route"},
		"no expression":        {"Routes: {a: {FunctionArn: f}}", "RouteSelectionExpression"},
		"route key":            {"{RouteSelectionExpression: x, Routes: {'a-b': {FunctionArn: f}}}", "a-b"},
		"route is text":        {"{RouteSelectionExpression: x, Routes: {a: f}}", "FunctionArn"},
		"route not function":   {"{RouteSelectionExpression: x, Routes: {a: {Arn: f}}}", "FunctionArn"},
		"parameters":           {"{RouteSelectionExpression: x, Routes: {a: {FunctionArn: f, RequestParameters: {b: {}}}}}", "RequestParameters"},
		"stage":                {routes + "\tStageName: $default", "$default"},
		"stage in an id":       {routes + "\tStageName: my-stage", "my-stage"},
		"address type":         {routes + "\tIpAddressType: ipv6", "IpAddressType"},
		"auth of no route":     {"{RouteSelectionExpression: x, Routes: {a: {FunctionArn: f}}, Auth: {AuthType: NONE}}", "$connect"},
		"auth without type":    {routes + "\tAuth: {AuthArn: a}", "AuthType"},
		"unknown auth":         {routes + "\tAuth: {AuthType: JWT}", "AuthType"},
		"auth needs function":  {routes + "\tAuth: {AuthType: CUSTOM}", "AuthArn"},
		"IAM with more":        {routes + "\tAuth: {AuthType: AWS_IAM, Name: n}", "no other property"},
		"domain without cert":  {routes + "\tDomain: {DomainName: d}", "CertificateArn"},
		"edge endpoint":        {domain("EndpointConfiguration: EDGE"), "REGIONAL"},
		"mutual TLS":           {domain("MutualTlsAuthentication: {TruststoreUri: u}"), "MutualTlsAuthentication"},
		"base path number":     {domain("BasePath: [1]"), "BasePath"},
		"base path characters": {domain("BasePath: [a b]"), "BasePath"},
		"records without zone": {domain("Route53: {IpV6: true}"), "HostedZoneId"},
		"settings as list":     {routes + "\tRouteSettings: []", "RouteSettings"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := basetest.Properties(t, Expand, Type, tt.props)
			basetest.Refused(t, err, "R", tt.word)
		})
	}
}

func FuzzExpand(f *testing.F) {
	basetest.Fuzz(f, Expand, Type, routes, routes+"\tDomain: {DomainName: d, CertificateArn: c, BasePath: [a], Route53: {HostedZoneId: z}}",
		routes+"\tAuth: {AuthType: CUSTOM, AuthArn: a}")
}
