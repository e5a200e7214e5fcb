// SPDX-License-Identifier: Apache-2.0

package authorizer

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/forelane/forelane/internal/authorizer/authorizertest"
	"github.com/forelane/forelane/internal/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const issuerURL = "https://issuer.example/t1"

// claimsOf are the claims of a good token, with changes: a nil value takes a
// claim away.
func claimsOf(t testing.TB, change map[string]any) string {
	t.Helper()
	now := time.Now().Unix()
	m := map[string]any{"iss": issuerURL, "aud": "app", "sub": "alice", "exp": now + 3600, "iat": now - 10, "scope": "read write"}
	for k, v := range change {
		if v == nil {
			delete(m, k)
		} else {
			m[k] = v
		}
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// signed is a token by a key of the issuer.
func signed(key int, header, claims string) string {
	return authorizertest.Sign(authorizertest.Key(key), header, claims)
}

const rs256 = authorizertest.Header

// good is a token that passes.
func good(t testing.TB) string { return signed(0, rs256, claimsOf(t, nil)) }

// jwtOf compiles a JWT authorizer for the audience app.
func jwtOf(t testing.TB, i *authorizertest.Issuer) *Authorizer {
	t.Helper()
	a, err := Compile(&model.Authorizer{Kind: "JWT", Issuer: issuerURL, Audience: []string{"app", "other"}},
		Options{Issuers: NewIssuers(IssuerOptions{Client: i})})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// ask asks with one Authorization field.
func ask(t testing.TB, a *Authorizer, value string, scopes ...string) (*Grant, *Denial) {
	t.Helper()
	g, d := a.Authorize(t.Context(), &Request{Header: http.Header{"Authorization": {value}}, Scopes: scopes})
	if (g == nil) == (d == nil) {
		t.Fatalf("grant %v, denial %v", g, d)
	}
	return g, d
}
