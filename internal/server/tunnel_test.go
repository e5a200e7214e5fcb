// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template"
	"github.com/forelane/forelane/internal/tunnel"
)

const privateStack = `
Resources:
  LinkOne:
    Type: AWS::ApiGateway::VpcLink
    Properties: {Name: one, TargetArns: [!Ref Balancer]}
  Balancer:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties: {Type: network, Scheme: internal}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties: {LoadBalancerArn: !Ref Balancer, Port: 80, Protocol: HTTP, DefaultActions: []}
  LinkTwo:
    Type: AWS::ApiGatewayV2::VpcLink
    Properties: {Name: two, SubnetIds: [subnet-1]}
  Rest:
    Type: AWS::ApiGateway::RestApi
    Properties: {Name: rest, EndpointConfiguration: {Types: [REGIONAL]}}
  RestPath:
    Type: AWS::ApiGateway::Resource
    Properties: {RestApiId: !Ref Rest, ParentId: !GetAtt Rest.RootResourceId, PathPart: "{proxy+}"}
  RestMethod:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Rest
      ResourceId: !Ref RestPath
      HttpMethod: ANY
      AuthorizationType: NONE
      RequestParameters: {method.request.path.proxy: true}
      Integration:
        Type: HTTP_PROXY
        IntegrationHttpMethod: ANY
        Uri: !Sub "http://${Balancer.DNSName}:8080/v1/{proxy}"
        ConnectionType: VPC_LINK
        ConnectionId: ${stageVariables.link}
        RequestParameters: {integration.request.path.proxy: method.request.path.proxy}
  RestDeployment: {Type: AWS::ApiGateway::Deployment, DependsOn: RestMethod, Properties: {RestApiId: !Ref Rest}}
  RestStage:
    Type: AWS::ApiGateway::Stage
    Properties: {RestApiId: !Ref Rest, DeploymentId: !Ref RestDeployment, StageName: prod, Variables: {link: !Ref LinkOne}}
  Http:
    Type: AWS::ApiGatewayV2::Api
    Metadata:
      Forelane: {Require: {Signature: {Keys: [{Id: edge-1, Secret: 0123456789abcdef0123}]}}}
    Properties: {Name: http, ProtocolType: HTTP}
  HttpIntegration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Http
      IntegrationType: HTTP_PROXY
      IntegrationMethod: ANY
      IntegrationUri: !Ref Listener
      ConnectionType: VPC_LINK
      ConnectionId: !Ref LinkTwo
      PayloadFormatVersion: "1.0"
  HttpRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Http, RouteKey: $default, Target: !Sub "integrations/${HttpIntegration}"}
  HttpStage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Http, StageName: beta, AutoDeploy: true}
  Origin:
    Type: AWS::CloudFront::VpcOrigin
    Properties: {VpcOriginEndpointConfig: {Name: o, Arn: !Ref Balancer}}
  Site:
    Type: AWS::CloudFront::Distribution
    Metadata:
      Forelane: {Sign: {http: {Id: edge-1, Secret: 0123456789abcdef0123}}}
    Properties:
      DistributionConfig:
        Enabled: true
        Origins:
          - {Id: vpc, DomainName: internal.example, VpcOriginConfig: {VpcOriginId: !GetAtt Origin.Id}}
          - {Id: rest, DomainName: !Sub "${Rest}.execute-api.${AWS::Region}.amazonaws.com", OriginPath: /prod, CustomOriginConfig: {OriginProtocolPolicy: https-only}}
          - {Id: http, DomainName: !Sub "${Http}.execute-api.${AWS::Region}.amazonaws.com", OriginPath: /beta, CustomOriginConfig: {OriginProtocolPolicy: https-only}}
          - {Id: unsigned, DomainName: !Sub "${Http}.execute-api.${AWS::Region}.amazonaws.com", OriginPath: /beta, CustomOriginConfig: {OriginProtocolPolicy: https-only}}
          - {Id: direct, DomainName: direct.example, CustomOriginConfig: {OriginProtocolPolicy: http-only}}
        CacheBehaviors:
          - {PathPattern: /direct/*, TargetOriginId: direct, ViewerProtocolPolicy: allow-all, CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad}
          - {PathPattern: /rest/*, TargetOriginId: rest, ViewerProtocolPolicy: allow-all, CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad}
          - {PathPattern: /http/*, TargetOriginId: http, ViewerProtocolPolicy: allow-all, CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad}
          - {PathPattern: /unsigned/*, TargetOriginId: unsigned, ViewerProtocolPolicy: allow-all, CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad}
        DefaultCacheBehavior: {TargetOriginId: vpc, ViewerProtocolPolicy: allow-all, CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad}
`

// privateNode runs privateStack.
func privateNode(t testing.TB, o Options) *Server {
	t.Helper()
	return nodeOf(t, privateStack, o)
}

// nodeOf runs a template.
func nodeOf(t testing.TB, text string, o Options) *Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	loaded, err := template.Load(t.Context(), file, template.Options{StackName: "s"})
	if err != nil {
		t.Fatal(err)
	}
	o.HTTP, o.Data = "127.0.0.1:0", t.TempDir()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := s.Bind(t.Context()); err != nil {
		t.Fatal(err)
	}
	var stacks []*model.Stack
	for _, r := range loaded {
		stacks = append(stacks, r.Stack)
	}
	if err := s.Apply(t.Context(), stacks); err != nil {
		t.Fatal(err)
	}
	s.Start()
	return s
}

func fetchURL(t *testing.T, url string) (int, string) {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	rq.Close = true
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	if err != nil {
		t.Fatal(err)
	}
	return rs.StatusCode, string(b)
}

// TestA24O10PrivateOriginsByAgents: VPC links of both versions and a VPC origin,
// each by the agent that serves its name.
func TestA24O10PrivateOriginsByAgents(t *testing.T) {
	s := privateNode(t, Options{Tunnel: "127.0.0.1:0"})
	for _, tt := range []struct {
		path   string
		status int
	}{{"/a", 502}, {"/rest/a", 504}, {"/http/a", 503}} { // AWS's words: 502 of the edge, 504 of REST APIs, 503 of HTTP APIs
		if status, body := fetchURL(t, "http://"+s.Addr("http")+tt.path); status != tt.status {
			t.Errorf("%s without an agent: %d %s", tt.path, status, body)
		}
	}
	target := func(name string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s %s %s %q", name, r.Host, r.RequestURI, r.Header["Signature"])
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	runAgent(t, s.hub, s.Addr("tunnel"), tunnel.AgentOptions{Origins: map[string]string{"Origin": target("origin"), "LinkOne:8080": target("port"), "Listener": target("listener")}})
	runAgent(t, s.hub, s.Addr("tunnel"), tunnel.AgentOptions{Origins: map[string]string{"LinkOne": target("link one"), "LinkTwo": target("link two")}, Carrier: tunnel.OnlyTCP})
	r := s.Ready()
	api := r.APIs
	if len(r.Private) != 3 || r.Tunnel == "" {
		t.Errorf("ready: %+v", r.Private)
	}
	for _, p := range r.Private {
		if p.Agents == 0 {
			t.Errorf("ready: no agent for %v", p.Names)
		}
	}
	for _, tt := range []struct {
		path string
		want string
	}{
		{"/a", "origin internal.example /a []"},
		{"/rest/a", "port …:8080 /v1/rest/a []"},
		{"/http/a", "listener " + api[1].ID + ".execute-api.us-east-1.amazonaws.com /beta/http/a []"},
	} {
		status, body := fetchURL(t, "http://"+s.Addr("http")+tt.path)
		before, after, _ := strings.Cut(tt.want, "…")
		if status != 200 || !strings.HasPrefix(body, before) || !strings.HasSuffix(body, after) {
			t.Errorf("%s: %d %q, want %q", tt.path, status, body, tt.want)
		}
	}
	if status, body := fetchURL(t, "http://"+s.Addr("http")+"/unsigned/a"); status != 403 || body != `{"message":"Forbidden"}` {
		t.Errorf("an unsigned request: %d %s", status, body)
	}
}

// TestPrivateOriginsElsewhere: --origin takes the place of agents, and without
// both a request fails.
func TestPrivateOriginsElsewhere(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RequestURI) }))
	defer srv.Close()
	s := privateNode(t, Options{Origins: map[string]string{"Origin": srv.URL, "LinkTwo": srv.URL}})
	for _, tt := range []struct {
		path, want string
		status     int
	}{{"/a", "/a", 200}, {"/http/a", "/beta/http/a", 200}, {"/rest/a", "", 504}} {
		if status, body := fetchURL(t, "http://"+s.Addr("http")+tt.path); status != tt.status || tt.want != "" && body != tt.want {
			t.Errorf("%s: %d %s", tt.path, status, body)
		}
	}
}

const oneProcess = `
Resources:
  Door:
    Type: AWS::EC2::VPCEndpoint
    Properties: {VpcEndpointType: Interface, ServiceName: com.amazonaws.us-east-1.execute-api, VpcId: vpc-1}
  Api:
    Type: AWS::ApiGateway::RestApi
    Properties:
      Name: api
      EndpointConfiguration: {Types: [PRIVATE], VpcEndpointIds: [!Ref Door]}
      Policy:
        Statement:
          - {Effect: Allow, Principal: "*", Action: execute-api:Invoke, Resource: execute-api:/*, Condition: {StringEquals: {aws:SourceVpce: !Ref Door}}}
  Path: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: "{proxy+}"}}
  Method:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !Ref Path
      HttpMethod: GET
      AuthorizationType: NONE
      MethodResponses: [{StatusCode: "200"}]
      Integration:
        Type: MOCK
        RequestTemplates: {application/json: '{"statusCode": 200}'}
        IntegrationResponses: [{StatusCode: "200", ResponseTemplates: {application/json: "by $context.identity.vpceId of $context.identity.vpcId"}}]
  Deployment: {Type: AWS::ApiGateway::Deployment, DependsOn: Method, Properties: {RestApiId: !Ref Api}}
  Stage: {Type: AWS::ApiGateway::Stage, Properties: {RestApiId: !Ref Api, DeploymentId: !Ref Deployment, StageName: prod}}
  Origin: {Type: AWS::CloudFront::VpcOrigin, Properties: {VpcOriginEndpointConfig: {Name: o, Arn: x}}}
  Site:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins:
          - {Id: within, DomainName: !Sub "${Api}-${Door}.execute-api.us-east-1.amazonaws.com", OriginPath: /prod, VpcOriginConfig: {VpcOriginId: !Ref Origin}}
          - {Id: public, DomainName: !Sub "${Api}-${Door}.execute-api.us-east-1.amazonaws.com", OriginPath: /prod, CustomOriginConfig: {OriginProtocolPolicy: https-only}}
          - {Id: other, DomainName: !Sub "other-${Door}.execute-api.us-east-1.amazonaws.com", OriginPath: /prod, CustomOriginConfig: {OriginProtocolPolicy: https-only}}
        CacheBehaviors:
          - {PathPattern: /public/*, TargetOriginId: public, ViewerProtocolPolicy: allow-all, CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad}
          - {PathPattern: /other/*, TargetOriginId: other, ViewerProtocolPolicy: allow-all, CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad}
        DefaultCacheBehavior: {TargetOriginId: within, ViewerProtocolPolicy: allow-all, CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad}
`

// TestA23PrivateAPIInOneProcess: a VPC origin reaches a private API without a
// tunnel, an ordinary origin does not; an API of another place at the same
// endpoint is asked by agents.
func TestA23PrivateAPIInOneProcess(t *testing.T) {
	s := nodeOf(t, oneProcess, Options{Tunnel: "127.0.0.1:0", Endpoint: "127.0.0.1:0"})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) }))
	defer srv.Close()
	runAgent(t, s.hub, s.Addr("tunnel"), tunnel.AgentOptions{Origins: map[string]string{"Door": srv.URL}})
	st := s.current.Load().stacks[0]
	door := st.Endpoints[0].ID
	for _, tt := range []struct {
		path, want string
		status     int
	}{
		{"/a", "by " + door + " of vpc-1", 200},
		{"/public/a", `{"message":"Forbidden"}`, 403},
		{"/other/a", "other-" + door + ".execute-api.us-east-1.amazonaws.com", 200},
	} {
		if status, body := fetchURL(t, "http://"+s.Addr("http")+tt.path); status != tt.status || body != tt.want {
			t.Errorf("%s: %d %s", tt.path, status, body)
		}
	}
	for _, tt := range []struct {
		listener, host string
		status         int
	}{
		{"endpoint", st.APIs[0].ID + ".execute-api.us-east-1.amazonaws.com", 200},
		{"http", st.APIs[0].ID + ".execute-api.us-east-1.amazonaws.com", 403},
		{"endpoint", st.Distributions[0].DomainName, 403}, // never an edge
	} {
		rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr(tt.listener)+"/prod/a", nil)
		if err != nil {
			t.Fatal(err)
		}
		rq.Host, rq.Close = tt.host, true
		rs, err := http.DefaultClient.Do(rq)
		if err != nil {
			t.Fatal(err)
		}
		_ = rs.Body.Close()
		if rs.StatusCode != tt.status {
			t.Errorf("%s at %s: %d, want %d", tt.host, tt.listener, rs.StatusCode, tt.status)
		}
	}
}
