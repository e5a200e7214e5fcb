// SPDX-License-Identifier: Apache-2.0

package template

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const privateHead = `Resources:
  Door:
    Type: AWS::EC2::VPCEndpoint
    Properties: {VpcEndpointType: Interface, ServiceName: com.amazonaws.us-east-1.execute-api, VpcId: vpc-1, PolicyDocument: {Statement: []}}
  Files:
    Type: AWS::EC2::VPCEndpoint
    Properties: {ServiceName: com.amazonaws.us-east-1.s3, VpcId: vpc-1}
  Origin:
    Type: AWS::CloudFront::VpcOrigin
    Properties: {VpcOriginEndpointConfig: {Name: o, Arn: "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/a/0123456789abcdef"}}
  Link: {Type: AWS::ApiGateway::VpcLink, Properties: {Name: l, TargetArns: [x]}}
`

func TestA23PrivateResourcesAreRead(t *testing.T) {
	r := project(t, map[string]string{"template.yaml": privateHead + `
  Api:
    Type: AWS::ApiGateway::RestApi
    Metadata:
      Forelane:
        Require:
          Header: {Name: X-Verify, Values: [0123456789abcdef, fedcba9876543210]}
          Signature: {MaxAge: 30, Keys: [{Id: a, Secret: 0123456789abcdef}, {Id: b, PublicKey: MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=}]}
    Properties:
      Name: api
      EndpointConfiguration: {Types: [PRIVATE], VpcEndpointIds: [!Ref Door]}
  Method:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !GetAtt Api.RootResourceId
      HttpMethod: GET
      AuthorizationType: NONE
      Integration: {Type: HTTP_PROXY, IntegrationHttpMethod: GET, Uri: "http://inner:8080/", ConnectionType: VPC_LINK, ConnectionId: !Ref Link, IntegrationTarget: arn:x}
  Deployment: {Type: AWS::ApiGateway::Deployment, DependsOn: Method, Properties: {RestApiId: !Ref Api}}
  Stage: {Type: AWS::ApiGateway::Stage, Properties: {RestApiId: !Ref Api, DeploymentId: !Ref Deployment, StageName: prod}}
  Site:
    Type: AWS::CloudFront::Distribution
    Metadata: {Forelane: {Sign: {o: {Id: b, PrivateKey: MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF}}}}
    Properties:
      DistributionConfig:
        Enabled: true
        Origins: [{Id: o, DomainName: inner.example, VpcOriginConfig: {VpcOriginId: !Ref Origin}}]
        DefaultCacheBehavior: {TargetOriginId: o, ViewerProtocolPolicy: allow-all, CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad}
`}, Options{})
	st := r.Stack
	if len(st.Endpoints) != 1 || st.Endpoints[0].LogicalID != "Door" || st.Endpoints[0].VPC != "vpc-1" || st.Endpoints[0].PolicyJSON == "" || len(st.Endpoints[0].Hosts) != 1 {
		t.Errorf("endpoints %+v", st.Endpoints)
	}
	a := st.APIs[0]
	if a.Endpoint != "PRIVATE" || !slices.Equal(a.EndpointIDs, []string{st.Endpoints[0].ID}) {
		t.Errorf("%s %v", a.Endpoint, a.EndpointIDs)
	}
	if d := a.Demand; d == nil || d.Header != "X-Verify" || len(d.Values) != 2 || d.MaxAge != 30*time.Second || len(d.Keys) != 2 || len(d.Keys[1].Public) != 32 {
		t.Errorf("%+v", a.Demand)
	}
	in := a.Routes[0].Integration
	if st.PrivateName(in.VPCLink) != "Link" || in.VPCTarget != "arn:x" || st.PrivateName("vo_unknown") != "vo_unknown" {
		t.Errorf("%q %q", in.VPCLink, in.VPCTarget)
	}
	if o := st.Distributions[0].Origins[0]; o.VPCOrigin != "Origin" || o.Sign == nil || len(o.Sign.Private) != 64 {
		t.Errorf("%+v", o)
	}
}

func TestDemandIsRefused(t *testing.T) {
	for want, require := range map[string]string{
		"demands nothing":          "{}",
		"is no name of a header":   "{Header: {Name: 'X Y', Values: [0123456789abcdef]}}",
		"has 3 values":             "{Header: {Name: X, Values: [0123456789abcde1, 0123456789abcde2, 0123456789abcde3]}}",
		"16 characters or more":    "{Header: {Name: X, Values: [short]}}",
		"by no key":                "{Signature: {MaxAge: 5}}",
		"cannot be good for 2h0m0": "{Signature: {MaxAge: 7200, Keys: [{Id: a, Secret: 0123456789abcdef}]}}",
		"have one of the two":      "{Signature: {Keys: [{Id: a}]}}",
		"no Ed25519 key":           "{Signature: {Keys: [{Id: a, PublicKey: AAAA}]}}",
		"a key has an id":          "{Signature: {Keys: [{Secret: 0123456789abcdef}]}}",
	} {
		file := filepath.Join(t.TempDir(), "template.yaml")
		text := "Resources:\n  Api:\n    Type: AWS::ApiGateway::RestApi\n    Metadata: {Forelane: {Require: " + require + "}}\n    Properties: {Name: a}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(t.Context(), file, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
