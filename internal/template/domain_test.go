// SPDX-License-Identifier: Apache-2.0

package template

import (
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

func TestA22Refuse(t *testing.T) {
	rest := restAPI + "  D: {Type: AWS::ApiGateway::Deployment, Properties: {RestApiId: !Ref A, StageName: v1}}\n"
	domain := "  N: {Type: AWS::ApiGateway::DomainName, Properties: {DomainName: api.example.com}}\n"
	mapping := "  P: {Type: AWS::ApiGateway::BasePathMapping, Properties: {DomainName: !Ref N, RestApiId: !Ref A, Stage: v1, BasePath: x}}\n"
	for _, tt := range []struct{ name, text, want string }{
		{"two domains", rest + domain + "  O: {Type: AWS::ApiGatewayV2::DomainName, Properties: {DomainName: API.example.com}}\n", "api.example.com is a custom domain already (N)"},
		{"two mappings", rest + domain + mapping + strings.Replace(mapping, "  P:", "  Q:", 1), `api.example.com has a mapping for "x" already`},
		{"path", rest + domain + strings.Replace(mapping, "BasePath: x", "BasePath: /x", 1), `"/x" is no path that an API can be mapped to`},
		{"no stage", httpAPI + "  P: {Type: AWS::ApiGatewayV2::ApiMapping, Properties: {DomainName: a.example.com, ApiId: !Ref A, Stage: ''}}\n", "a mapping to an HTTP API names its stage"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := load(t, tt.text, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestA22Domains(t *testing.T) {
	res, err := load(t, restAPI+"  D: {Type: AWS::ApiGateway::Deployment, Properties: {RestApiId: !Ref A, StageName: v1}}\n"+
		"  N: {Type: AWS::ApiGateway::DomainName, Properties: {DomainName: Api.example.com, MutualTlsAuthentication: {TruststoreUri: s3://a/b}}}\n"+
		"  P: {Type: AWS::ApiGateway::BasePathMapping, Properties: {DomainName: Api.example.com, RestApiId: !Ref A, Stage: v1, BasePath: (none)}}\n"+
		"  Q: {Type: AWS::ApiGatewayV2::ApiMapping, Properties: {DomainName: elsewhere.example.com, ApiId: !Ref A, Stage: v1, ApiMappingKey: a/b}}\n", Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := res[0].Stack
	if len(s.Domains) != 2 || len(s.APIs) != 1 {
		t.Fatalf("%d domains", len(s.Domains))
	}
	d, id := s.Domains[0], s.APIs[0].ID
	if d.LogicalID != "N" || d.Name != "api.example.com" || !d.ClientCertificates || len(d.Targets) != 2 || !strings.HasSuffix(d.Targets[0], ".execute-api.us-east-1.amazonaws.com") {
		t.Errorf("%+v", d)
	}
	if len(d.Mappings) != 1 || d.Mappings[0].Path != "" || d.Mappings[0].APIID != id || d.Mappings[0].Stage != "v1" {
		t.Errorf("%+v", d.Mappings)
	}
	if d := s.Domains[1]; d.LogicalID != "" || d.Name != "elsewhere.example.com" || len(d.Mappings) != 1 || d.Mappings[0] != (model.DomainMapping{Path: "a/b", APIID: id, Stage: "v1", Pos: d.Pos}) {
		t.Errorf("%+v", d)
	}
}
