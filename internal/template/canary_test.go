// SPDX-License-Identifier: Apache-2.0

package template

import (
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

const staged = restAPI + "  M: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref A, ResourceId: !GetAtt A.RootResourceId, HttpMethod: GET, Integration: {Type: MOCK}}}\n" +
	"  D: {Type: AWS::ApiGateway::Deployment, DependsOn: M, Properties: {RestApiId: !Ref A}}\n" +
	"  N: {Type: AWS::ApiGateway::Method, DependsOn: [D], Properties: {RestApiId: !Ref A, ResourceId: !GetAtt A.RootResourceId, HttpMethod: PUT, Integration: {Type: MOCK}}}\n"

func TestA17Canary(t *testing.T) {
	stage := "  S: {Type: AWS::ApiGateway::Stage, Properties: {RestApiId: !Ref A, StageName: v1, DeploymentId: !Ref D, Variables: {a: b}}}\n"
	tests := []struct {
		name, more       string
		percent          float64
		routes, inCanary int
		variable         string
	}{
		{"none", stage, -1, 1, 0, ""},
		{"of the stage", strings.Replace(stage, "Variables: {a: b}", "Variables: {a: b}, CanarySetting: {PercentTraffic: 5.5, StageVariableOverrides: {a: c}}", 1), 5.5, 1, 1, "c"},
		{"another deployment", strings.Replace(stage, "Variables: {a: b}", "CanarySetting: {PercentTraffic: 100, DeploymentId: !Ref E}", 1) + "  E: {Type: AWS::ApiGateway::Deployment, DependsOn: N, Properties: {RestApiId: !Ref A}}\n", 100, 1, 2, ""},
		{"a deployment as the canary", stage + "  E: {Type: AWS::ApiGateway::Deployment, DependsOn: [N, S], Properties: {RestApiId: !Ref A, StageName: v1, DeploymentCanarySettings: {PercentTraffic: 1, StageVariableOverrides: {a: d}}}}\n", 1, 1, 2, "d"},
		{"a deployment that makes the stage", "  E: {Type: AWS::ApiGateway::Deployment, DependsOn: N, Properties: {RestApiId: !Ref A, StageName: v1, StageDescription: {CanarySetting: {PercentTraffic: 2}}}}\n", 2, 2, 2, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, err := load(t, staged+tt.more, Options{})
			if err != nil {
				t.Fatal(err)
			}
			a := res[0].Stack.APIs[0]
			s := a.Stages[0]
			count := func(r []*model.Route) int {
				if r == nil {
					return len(a.Routes)
				}
				return len(r)
			}
			if len(a.Stages) != 1 || count(s.Routes) != tt.routes {
				t.Errorf("%d stages, %d routes, want %d", len(a.Stages), count(s.Routes), tt.routes)
			}
			switch c := s.Canary; {
			case tt.percent < 0:
				if c != nil {
					t.Errorf("a canary: %+v", c)
				}
			case c == nil:
				t.Error("no canary")
			case c.Percent != tt.percent || count(c.Routes) != tt.inCanary || c.Variables["a"] != tt.variable || c.DeploymentID == "":
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestStagesRefuse(t *testing.T) {
	stage := staged + "  S: {Type: AWS::ApiGateway::Stage, Properties: {RestApiId: !Ref A, StageName: v1, DeploymentId: !Ref D, "
	for _, tt := range []struct{ name, text, want string }{
		{"A17 share", stage + "CanarySetting: {PercentTraffic: 101}}}\n", "a canary cannot get 101 %"},
		{"A17 own canary", staged + "  E: {Type: AWS::ApiGateway::Deployment, Properties: {RestApiId: !Ref A, StageName: v1, DeploymentCanarySettings: {PercentTraffic: 1}}}\n", "cannot be the canary of the stage that it makes"},
		{"A18 name", stage + "Variables: {a-b: c}}}\n", `"a-b" is no name of a stage variable`},
		{"A18 value", stage + "Variables: {a: 'b c'}}}\n", `"b c" is no value of a stage variable`},
		{"A18 long", stage + "Variables: {a: " + strings.Repeat("x", 513) + "}}}\n", "is no value of a stage variable"},
		{"A18 override", stage + "CanarySetting: {StageVariableOverrides: {a: '{}'}}}}\n", `"{}" is no value of a stage variable`},
		{"A25 long format", stage + "AccessLogSetting: {DestinationArn: a, Format: '$context.requestId" + strings.Repeat("x", 3<<10) + "'}}}\n", "an access log format has at most 3 KB"},
		{"A25 no id", stage + "AccessLogSetting: {DestinationArn: a, Format: $context.status}}}\n", "must hold $context.requestId"},
		{"A25 HTTP", httpAPI + "  S: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref A, StageName: v1, AccessLogSettings: {DestinationArn: a, Format: x}}}\n", "must hold $context.requestId"},
		{"A20 type", staged + "  G: {Type: AWS::ApiGateway::GatewayResponse, Properties: {RestApiId: !Ref A, ResponseType: THROTLED}}\n", `"THROTLED" is no type of a gateway response (did you mean THROTTLED?)`},
		{"A20 OpenAPI", strings.Replace(body, "paths:", "x-amazon-apigateway-gateway-responses: {TEAPOT: {}}\n        paths:", 1) + "{}\n", `"TEAPOT" is no type of a gateway response`},
		{"A18 HTTP", httpAPI + "  S: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref A, StageName: v1, StageVariables: {a: '$'}}}\n", `"$" is no value of a stage variable`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := load(t, tt.text, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
