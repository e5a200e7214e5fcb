// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/peer"
	"github.com/forelane/forelane/internal/template"
)

const apartTemplate = `
Resources:
  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: api}}
  Method:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !GetAtt Api.RootResourceId
      HttpMethod: GET
      AuthorizationType: NONE
      ApiKeyRequired: true
      Integration:
        Type: MOCK
        RequestTemplates: {application/json: '{"statusCode": 200}'}
        IntegrationResponses: [{StatusCode: "200", ResponseTemplates: {application/json: "REVISION"}}]
      MethodResponses: [{StatusCode: "200"}]
  Deployment: {Type: AWS::ApiGateway::Deployment, DependsOn: Method, Properties: {RestApiId: !Ref Api}}
  Stage: {Type: AWS::ApiGateway::Stage, Properties: {RestApiId: !Ref Api, DeploymentId: !Ref Deployment, StageName: prod}}
  Key: {Type: AWS::ApiGateway::ApiKey, Properties: {Enabled: true, Value: "01234567890123456789"}}
  Plan: {Type: AWS::ApiGateway::UsagePlan, Properties: {ApiStages: [{ApiId: !Ref Api, Stage: !Ref Stage}]}}
  PlanKey: {Type: AWS::ApiGateway::UsagePlanKey, Properties: {KeyId: !Ref Key, KeyType: API_KEY, UsagePlanId: !Ref Plan}}
  Edge:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Aliases: [www.example.com]
        Origins: [{Id: api, DomainName: !Sub "${Api}.execute-api.${AWS::Region}.amazonaws.com", OriginPath: /prod, CustomOriginConfig: {OriginProtocolPolicy: https-only}}]
        DefaultCacheBehavior: {TargetOriginId: api, ViewerProtocolPolicy: allow-all, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6, OriginRequestPolicyId: b689b0a8-53d0-40ab-baf2-68738e2966ac}
  Zone: {Type: AWS::Route53::HostedZone, Properties: {Name: example.com}}
  Record: {Type: AWS::Route53::RecordSet, Properties: {HostedZoneId: !Ref Zone, Name: www.example.com, Type: A, AliasTarget: {HostedZoneId: Z2FDTNDATAQYW2, DNSName: !GetAtt Edge.DomainName}}}
`

// apart are nodes with one role each.
type apart struct {
	gateway, edge, names *Server
}

func newApart(t *testing.T) *apart {
	t.Helper()
	authority, err := peer.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	id := func(name string) peer.Identity {
		id, err := authority.Issue(name)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	start := func(o Options) *Server {
		o.Data = t.TempDir()
		s, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := s.Close(ctx); err != nil {
				t.Error(err)
			}
		})
		if err := s.Bind(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Start()
		return s
	}
	a := &apart{}
	a.gateway = start(Options{NoEdge: true, Principals: errandPrincipals(t), Peers: &Peers{Self: "gateway", Listen: "127.0.0.1:0", Identity: id("gateway")}})
	a.edge = start(Options{HTTP: "127.0.0.1:0", NoGateway: true, Peers: &Peers{
		Self: "edge", Identity: id("edge"), Gateways: peer.Static{{Name: "gateway", Addr: a.gateway.Addr("peers")}}, Patience: 10 * time.Second,
	}})
	a.names = start(Options{NoEdge: true, NoGateway: true, DNS: DNS{Addr: "127.0.0.1:0", Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.7")}}})
	return a
}

// stackOf is the stack whose API says word.
func stackOf(t *testing.T, word string) *model.Stack {
	t.Helper()
	file := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(apartTemplate, "REVISION", word)), 0o600); err != nil {
		t.Fatal(err)
	}
	stacks, err := template.Load(t.Context(), file, template.Options{StackName: "s", Region: "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	st := stacks[0].Stack
	st.Revision = word
	return st
}

// get asks the edge, with a key or without.
func (a *apart) get(t *testing.T, host, key string) (status int, body string, h http.Header) {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.edge.Addr("http")+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	rq.Host = host
	if key != "" {
		rq.Header.Set("X-Api-Key", key)
	}
	rs, body := do(t, rq)
	return rs.StatusCode, body, rs.Header
}

// TestAnEdgeApart: what the gateway of another node says of who asked keeps its
// answer from being shared, each revision is answered by itself, and the nodes
// answer for nothing but their roles.
func TestAnEdgeApart(t *testing.T) {
	const key = "01234567890123456789"
	a := newApart(t)
	one, two := stackOf(t, "one"), stackOf(t, "two")
	for _, s := range []*Server{a.gateway, a.edge, a.names} {
		if err := s.Apply(t.Context(), []*model.Stack{one}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if status, body, h := a.get(t, "www.example.com", key); status != 200 || body != "one" || h.Get("X-Cache") != "Miss from cloudfront" || h.Get("X-Edge-Identity") != "" {
			t.Errorf("with a key: %d %s %v", status, body, h)
		}
		if status, body, _ := a.get(t, "www.example.com", ""); status != 403 {
			t.Errorf("without: %d %s", status, body)
		}
	}
	if status, body, _ := a.get(t, one.APIs[0].ID+".execute-api.eu-west-1.amazonaws.com", key); status != 404 || !strings.Contains(body, "Nothing answers") {
		t.Errorf("the API by its own name: %d %s", status, body)
	}
	m := new(dns.Msg)
	m.SetQuestion("www.example.com.", dns.TypeA)
	c := dns.Client{Timeout: 5 * time.Second}
	if r, _, err := c.ExchangeContext(t.Context(), m, a.names.Addr("dns")); err != nil || len(r.Answer) != 1 || !strings.HasSuffix(r.Answer[0].String(), "192.0.2.7") {
		t.Errorf("%v %v", r, err)
	}

	if err := a.gateway.Apply(t.Context(), []*model.Stack{two}); err != nil {
		t.Fatal(err)
	}
	if status, body, _ := a.get(t, "www.example.com", key); status != 200 || body != "one" {
		t.Errorf("the edge is a revision behind: %d %s", status, body)
	}
	if err := a.edge.Apply(t.Context(), []*model.Stack{two}); err != nil {
		t.Fatal(err)
	}
	if status, body, _ := a.get(t, "www.example.com", key); status != 200 || body != "two" {
		t.Errorf("both are at the next one: %d %s", status, body)
	}
	if err := a.edge.Apply(t.Context(), []*model.Stack{stackOf(t, "three")}); err != nil {
		t.Fatal(err)
	}
	done := make(chan string)
	go func() {
		_, body, _ := a.get(t, "www.example.com", key)
		done <- body
	}()
	if err := a.gateway.Apply(t.Context(), []*model.Stack{stackOf(t, "three")}); err != nil {
		t.Fatal(err)
	}
	if body := <-done; body != "three" {
		t.Errorf("the gateway comes later: %s", body)
	}
}

// TestAnEdgeThatKnowsNoGateway refuses a stack whose API it could not reach.
func TestAnEdgeThatKnowsNoGateway(t *testing.T) {
	s, err := New(Options{NoGateway: true, Data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { leave(t, s) })
	st := stackOf(t, "one")
	if err := s.Try(t.Context(), []*model.Stack{st}); err == nil || !strings.Contains(err.Error(), "peers.gateways") {
		t.Errorf("%v", err)
	}
	b := st.Distributions[0].Default()
	b.Functions = append(b.Functions, model.FunctionAssociation{Event: model.OriginRequest, ARN: "arn:f", Lambda: true})
	if err := s.Try(t.Context(), []*model.Stack{st}); err == nil || !strings.Contains(err.Error(), "Lambda@Edge") {
		t.Errorf("%v", err)
	}
}

func do(t *testing.T, rq *http.Request) (*http.Response, string) {
	t.Helper()
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		t.Error(err)
		return &http.Response{}, ""
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	if err != nil {
		t.Error(err)
	}
	return rs, string(b)
}
