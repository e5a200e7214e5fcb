// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/sam/basetest"
	"github.com/forelane/forelane/internal/template/tree"
)

const (
	restType = "AWS::Serverless::Api"
	httpType = "AWS::Serverless::HttpApi"

	restBody = "StageName: Prod, DefinitionBody: {swagger: '2.0', paths: {/a: {get: {x-amazon-apigateway-integration: {type: mock}}}}}"
	httpBody = "DefinitionBody: {openapi: 3.0.1, info: {title: !Ref AWS::StackName}, paths: {/a: {get: {x-amazon-apigateway-integration: {type: mock}}}}}"
)

func rest(t *testing.T, more string) (*tree.Node, error) {
	t.Helper()
	return basetest.Properties(t, ExpandREST, restType, "{"+restBody+more+"}")
}

func http(t *testing.T, more string) (*tree.Node, error) {
	t.Helper()
	return basetest.Properties(t, ExpandHTTP, httpType, "{"+httpBody+more+"}")
}

func TestREST(t *testing.T) {
	tests := []struct{ name, more, want string }{
		{"stage", ", Variables: {a: b}, TracingEnabled: true", `
	RProdStage/Properties/StageName: Prod
	RProdStage/Properties/Variables: {a: b}
	RProdStage/Properties/TracingEnabled: true
	R/Properties/EndpointConfiguration: null
	`},
		{"endpoint", ", EndpointConfiguration: {Type: PRIVATE, VPCEndpointIds: [v]}", `
	R/Properties/EndpointConfiguration: {Types: [PRIVATE], VpcEndpointIds: [v]}
	R/Properties/Parameters: {endpointConfigurationTypes: PRIVATE}
	`},
		{"authorizer's permission", ", Auth: {Authorizers: {A: {FunctionArn: f}}}", `
	RAAuthorizerPermission/Properties/FunctionName: f
	R/Properties/Body/securityDefinitions/A/x-amazon-apigateway-authtype: custom
	`},
		{"no permission", ", Auth: {Authorizers: {A: {FunctionArn: f, DisableFunctionDefaultPermissions: true}}}", "RAAuthorizerPermission: null"},
		{"usage plan", ", Auth: {ApiKeyRequired: true, UsagePlan: {CreateUsagePlan: PER_API, Description: d}}", `
	RUsagePlan: {Type: AWS::ApiGateway::UsagePlan, DependsOn: [R], Properties: {ApiStages: [{ApiId: !Ref R, Stage: !Ref RProdStage}], Description: d}}
	RApiKey/Properties: {Enabled: true, StageKeys: [{RestApiId: !Ref R, StageName: !Ref RProdStage}]}
	RUsagePlanKey/Properties: {KeyId: !Ref RApiKey, KeyType: API_KEY, UsagePlanId: !Ref RUsagePlan}
	`},
		{"gateway responses", ", GatewayResponses: {DEFAULT_4XX: {StatusCode: 400, ResponseParameters: {Headers: {a: b}}}}", `
	R/Properties/Body/x-amazon-apigateway-gateway-responses: {DEFAULT_4XX: {statusCode: '400', responseParameters: {gatewayresponse.header.a: b}, responseTemplates: {}}}
	`},
		{"media types", ", BinaryMediaTypes: [image~1png]", `
	R/Properties/Body/x-amazon-apigateway-binary-media-types: [image/png]
	R/Properties/BinaryMediaTypes: [image~1png]
	`},
		{"domain", ", Domain: {DomainName: d, CertificateArn: c, BasePath: a-b}", `
	RabBasePathMapping/Properties: {BasePath: ab, DomainName: !Ref ApiGatewayDomainName3c363836cf, RestApiId: !Ref R, Stage: !Ref R.Stage}
	ApiGatewayDomainName3c363836cf/Properties: {DomainName: d, RegionalCertificateArn: c, EndpointConfiguration: {Types: [REGIONAL]}}
	`},
		{"no execute-api", ", DisableExecuteApiEndpoint: true", `
	R/Properties/Body/x-amazon-apigateway-endpoint-configuration: {disableExecuteApiEndpoint: true}
	`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := rest(t, tt.more)
			if err != nil {
				t.Fatal(err)
			}
			basetest.Compare(t, got, tt.want)
		})
	}
}

// TestDeploymentID pins what makes a new deployment.
func TestDeploymentID(t *testing.T) {
	id := func(more string) string {
		got, err := rest(t, more)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range got.Keys() {
			if strings.HasPrefix(k, "RDeployment") {
				return k
			}
		}
		return ""
	}
	first := id("")
	for more, same := range map[string]bool{
		", TracingEnabled: true":                       true,
		", Tags: {a: b}":                               true,
		", Cors: \"'*'\"":                              false,
		", OpenApiVersion: 2.0.0":                      false,
		", Domain: {DomainName: d, CertificateArn: c}": false,
	} {
		if got := id(more); (got == first) != same {
			t.Errorf("%s: %s, without %s", more, got, first)
		}
	}
}

func TestHTTP(t *testing.T) {
	tests := []struct{ name, more, want string }{
		{"default stage", "", `
	RApiGatewayDefaultStage/Properties: {ApiId: !Ref R, StageName: $default, AutoDeploy: true, Tags: {'httpapi:createdBy': SAM}}
	R/Properties/Body/tags: [{name: 'httpapi:createdBy', x-amazon-apigateway-tag-value: SAM}]
	`},
		{"named stage", ", StageName: v1, StageVariables: {a: b}", "Rv1Stage/Properties/StageVariables: {a: b}"},
		{"CORS for all", ", CorsConfiguration: true", "R/Properties/Body/x-amazon-apigateway-cors: {allowOrigins: ['*']}"},
		{"CORS", ", CorsConfiguration: {AllowOrigins: [a], MaxAge: 0, AllowCredentials: true}", `
	R/Properties/Body/x-amazon-apigateway-cors: {allowOrigins: [a], maxAge: 0, allowCredentials: true}
	`},
		{"JWT", ", Auth: {DefaultAuthorizer: J, Authorizers: {J: {IdentitySource: s, AuthorizationScopes: [x], JwtConfiguration: {Issuer: i, Audience: [a]}}}}", `
	R/Properties/Body/components/securitySchemes/J: {type: oauth2, x-amazon-apigateway-authorizer: {type: jwt, identitySource: s, jwtConfiguration: {issuer: i, audience: [a]}}}
	R/Properties/Body/paths: {/a: {get: {x-amazon-apigateway-integration: {type: mock}, security: [{J: [x]}]}}}
	`},
		{"name and description", ", Name: n, Description: d", "R/Properties/Body/info: {title: n, description: d}"},
		{"domain", ", Domain: {DomainName: d, CertificateArn: c, BasePath: [/x/], Route53: {HostedZoneId: z}}", `
	RxApiMapping/Properties: {ApiMappingKey: x, DomainName: !Ref ApiGatewayDomainNameV23c363836cf, ApiId: !Ref R, Stage: !Ref R.Stage}
	RecordSetGroup395df8f7c5/Properties/HostedZoneId: z
	`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := http(t, tt.more)
			if err != nil {
				t.Fatal(err)
			}
			basetest.Compare(t, got, tt.want)
		})
	}
}

// APIs of one hosted zone share a record set group, shared usage plans a plan.
func TestShared(t *testing.T) {
	c := basetest.Context(t, `
	A: {Type: AWS::Serverless::Api, Condition: C1, Properties: {`+restBody+`, Auth: {UsagePlan: {CreateUsagePlan: SHARED}}, Domain: {DomainName: a, CertificateArn: c, Route53: {HostedZoneName: z.}}}}
	B: {Type: AWS::Serverless::Api, Condition: C2, Properties: {`+restBody+`, Auth: {UsagePlan: {CreateUsagePlan: SHARED}}}}
	H: {Type: AWS::Serverless::HttpApi, Properties: {`+httpBody+`, Domain: {DomainName: h, CertificateArn: c, Route53: {HostedZoneName: z., IpV6: true}}}}
	`)
	for _, id := range []string{"A", "B"} {
		if _, err := basetest.Expand(c, ExpandREST, id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := basetest.Expand(c, ExpandHTTP, "H"); err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, c.Out, `
	Resources/ServerlessUsagePlan: {Type: AWS::ApiGateway::UsagePlan, Condition: SharedUsagePlanCondition, DependsOn: [A, B], Properties: {ApiStages: [{ApiId: !Ref A, Stage: !Ref AProdStage}, {ApiId: !Ref B, Stage: !Ref BProdStage}]}}
	Conditions/SharedUsagePlanCondition: !Or [!Condition C1, !Condition C2]
	`)
	for _, e := range c.Out.Get("Resources").Entries {
		if strings.HasPrefix(e.Key, "RecordSetGroup") && e.Value.At("Properties", "RecordSets").Len() != 3 {
			t.Errorf("the group has %s", tree.JSON(e.Value))
		}
	}
}

func TestLocalDefinition(t *testing.T) {
	c := basetest.Context(t, "R: {Type: AWS::Serverless::HttpApi, Properties: {DefinitionUri: api.yaml}}")
	if _, err := ExpandHTTP(c, "R", c.Lookup("R").Clone()); err == nil {
		t.Error("a file that is not available was accepted")
	}
	c.ReadFile = func(path string) (*tree.Node, error) {
		return basetest.Parse(t, "{openapi: 3.0.1, info: {title: "+path+"}, paths: {}}"), nil
	}
	got, err := basetest.Expand(c, ExpandHTTP, "R")
	if err != nil {
		t.Fatal(err)
	}
	basetest.Compare(t, got, "R/Properties/Body/info: {title: api.yaml}\nR/Properties/BodyS3Location: null")
}

func TestRefused(t *testing.T) {
	tests := []struct{ name, rest, http, want string }{
		{"unknown property", ", CorsConfiguration: true", ", Cors: true", "is not known"},
		{"unknown header", ", Cors: {AllowOrigins: '*'}", ", CorsConfiguration: {AllowOrigin: ['*']}", "AllowOrigin"},
		{"credentials for all", ", Cors: {AllowCredentials: true}", ", CorsConfiguration: {AllowOrigins: ['*'], AllowCredentials: true}", "AllowCredentials"},
		{"unknown authorizer", ", Auth: {Authorizers: {A: {UserPoolArn: a}}, DefaultAuthorizer: B}", ", Auth: {DefaultAuthorizer: B}", "no authorizer B"},
		{"default that is a list", ", Auth: {Authorizers: {A: {UserPoolArn: a}}, DefaultAuthorizer: [A]}", ", Auth: {DefaultAuthorizer: [A]}", "must be a string"},
		{"unknown in Auth", ", Auth: {Authorizer: A}", ", Auth: {Authorizer: A}", "no property Authorizer"},
		{"half a domain", ", Domain: {DomainName: d}", ", Domain: {DomainName: d}", "CertificateArn is required"},
		{
			"trust store", ", Domain: {DomainName: d, CertificateArn: c, MutualTlsAuthentication: {Truststore: x}}",
			", Domain: {DomainName: d, CertificateArn: c, MutualTlsAuthentication: x}", "MutualTlsAuthentication",
		},
		{"zone", ", Domain: {DomainName: d, CertificateArn: c, Route53: {IpV6: true}}", ", Domain: {DomainName: d, CertificateArn: c, Route53: {}}", "HostedZoneId"},
		{"both definitions", ", DefinitionUri: s3://a/b", ", DefinitionUri: s3://a/b", "exclude each other"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := rest(t, tt.rest)
			basetest.Refused(t, err, "R", tt.want)
			_, err = http(t, tt.http)
			basetest.Refused(t, err, "R", tt.want)
		})
	}
}
