// SPDX-License-Identifier: Apache-2.0

package template

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const overridden = `Resources:
  A: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: a, ProtocolType: HTTP, Target: 'https://example.com'}}
  X: {Type: AWS::ApiGatewayV2::Authorizer, Properties: {ApiId: !Ref A, Name: x, AuthorizerType: JWT, IdentitySource: [$request.header.Authorization], JwtConfiguration: {Issuer: 'https://i.example'}}}
  O:
    Type: AWS::ApiGatewayV2::ApiGatewayManagedOverrides
    Properties:
      ApiId: !Ref A
      Route: {AuthorizationType: JWT, AuthorizerId: !Ref X, AuthorizationScopes: [s]}
      Integration: {TimeoutInMillis: 5000}
      Stage: {StageVariables: {k: v}, DefaultRouteSettings: {ThrottlingRateLimit: 7}}
`

// TestManagedOverrides: a quick-created API is protected by an override only.
func TestManagedOverrides(t *testing.T) {
	load := func(text string) (*Result, error) {
		file := filepath.Join(t.TempDir(), "t.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Load(t.Context(), file, Options{})
		if err != nil {
			return nil, err
		}
		return got[0], nil
	}
	r, err := load(overridden)
	if err != nil {
		t.Fatal(err)
	}
	a := r.Stack.APIs[0]
	rt, st := a.Routes[0], a.Stages[0]
	if rt.Authorization != "JWT" || rt.AuthorizerID == "" || rt.AuthorizerID != a.Authorizers[0].ID || len(rt.Scopes) != 1 ||
		rt.Integration.Timeout != 5*time.Second || rt.Integration.Method != "ANY" {
		t.Errorf("%+v %+v", rt, rt.Integration)
	}
	if st.Variables["k"] != "v" || st.Throttle.Rate == nil || *st.Throttle.Rate != 7 {
		t.Errorf("%+v", st)
	}
	for name, tt := range map[string][2]string{
		"nothing to override": {strings.Replace(overridden, ", Target: 'https://example.com'", "", 1), "only an API with a Target"},
		"no authorizer":       {strings.Replace(overridden, "AuthorizerId: !Ref X, ", "", 1), "authorization JWT needs an authorizer"},
	} {
		if _, err := load(tt[0]); err == nil || !strings.Contains(err.Error(), tt[1]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
