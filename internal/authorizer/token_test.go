// SPDX-License-Identifier: Apache-2.0

package authorizer

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/authorizer/authorizertest"
	"github.com/forelane/forelane/internal/model"
)

func TestA11JWT(t *testing.T) {
	i := authorizertest.New(issuerURL)
	i.Keys["k2"] = authorizertest.Key(1)
	a := jwtOf(t, i)
	now := time.Now().Unix()
	with := func(change map[string]any) string { return signed(0, rs256, claimsOf(t, change)) }
	tests := []struct {
		name, token string
		scopes      []string
		want        string // "ok", or part of the challenge
		kind        Kind
	}{
		{"as it is", good(t), nil, "ok", 0},
		{"with Bearer", "Bearer " + good(t), nil, "ok", 0},
		{"with bearer", "bearer " + good(t), nil, "ok", 0},
		{"client_id for aud", with(map[string]any{"aud": nil, "client_id": "app"}), nil, "ok", 0},
		{"one of several audiences", with(map[string]any{"aud": []string{"x", "other"}}), nil, "ok", 0},
		{"one of the scopes", good(t), []string{"admin", "write"}, "ok", 0},
		{"scp as a list", with(map[string]any{"scope": nil, "scp": []string{"admin"}}), []string{"admin"}, "ok", 0},
		{"aud counts before client_id", with(map[string]any{"aud": "x", "client_id": "app"}), nil, "valid audience", Invalid},
		{"no audience", with(map[string]any{"aud": nil}), nil, "valid audience", Invalid},
		{"expired", with(map[string]any{"exp": now - 1}), nil, "has expired", Expired},
		{"never expires", with(map[string]any{"exp": nil}), nil, "invalid_token", Invalid},
		{"exp as text", with(map[string]any{"exp": "9999999999"}), nil, "invalid_token", Invalid},
		{"not yet", with(map[string]any{"nbf": now + 60}), nil, "not valid yet", Invalid},
		{"issued later", with(map[string]any{"iat": now + 60}), nil, "not valid yet", Invalid},
		{"another issuer", with(map[string]any{"iss": "https://evil.example"}), nil, "valid issuer", Invalid},
		{"no issuer", with(map[string]any{"iss": nil}), nil, "valid issuer", Invalid},
		{"no such scope", good(t), []string{"admin"}, `scope="admin" error="insufficient_scope"`, Scope},
		{"part of a scope", good(t), []string{"rea"}, "insufficient_scope", Scope},
		{"another's key", signed(2, rs256, claimsOf(t, nil)), nil, "signature", Invalid},
		{"key id of another key", signed(0, `{"alg":"RS256","kid":"k2"}`, claimsOf(t, nil)), nil, "signature", Invalid},
		{"unknown key id", signed(0, `{"alg":"RS256","kid":"k9"}`, claimsOf(t, nil)), nil, "signature", Invalid},
		{"no key id", signed(0, `{"alg":"RS256"}`, claimsOf(t, nil)), nil, "malformed", Invalid},
		{"critical extension", signed(0, `{"alg":"RS256","kid":"k1","crit":["exp"]}`, claimsOf(t, nil)), nil, "malformed", Invalid},
		{"claim twice", signed(0, rs256, `{"aud":"x",`+claimsOf(t, nil)[1:]), nil, "malformed", Invalid},
		{"header twice", signed(0, `{"alg":"none","alg":"RS256","kid":"k1"}`, claimsOf(t, nil)), nil, "malformed", Invalid},
		{"text after the claims", signed(0, rs256, claimsOf(t, nil)+"{}"), nil, "malformed", Invalid},
		{"not the key's algorithm", signed(0, `{"alg":"RS512","kid":"k1"}`, claimsOf(t, nil)), nil, "malformed", Invalid},
		{"none", none(good(t)), nil, "signature", Invalid},
		{"HS256 with the public key", hs256(t, claimsOf(t, nil)), nil, "signature", Invalid},
		{"two tokens", good(t) + "," + good(t), nil, "malformed", Invalid},
		{"nothing after Bearer", "Bearer ", nil, "malformed", Invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, d := ask(t, a, tt.token, tt.scopes...)
			switch {
			case tt.want == "ok" && (d != nil || g.Principal != "alice" || g.Vars["claims.sub"] != "alice"):
				t.Errorf("%+v, %+v", g, d)
			case tt.want != "ok" && (d == nil || d.Kind != tt.kind || !strings.Contains(d.Challenge, tt.want)):
				t.Errorf("%+v", d)
			case d != nil && strings.Contains(fmt.Sprint(d.Cause), "eyJ"):
				t.Errorf("the cause holds a token: %v", d.Cause)
			}
		})
	}
}

func none(token string) string {
	parts := strings.Split(token, ".")
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"k1"}`)) + "." + parts[1] + "."
}

// hs256 signs with the text of the public key, for verifiers who let a token
// choose how it is checked.
func hs256(t testing.TB, claims string) string {
	der, err := x509.MarshalPKIXPublicKey(&authorizertest.Key(0).PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"k1"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func TestA11ClaimsInEvents(t *testing.T) {
	a := jwtOf(t, authorizertest.New(issuerURL))
	token := signed(0, rs256, `{"iss":"`+issuerURL+`","aud":["app"],"sub":"a\"b","exp":99999999999,"n":1.50,"ok":true,"g":["x","y"],"scope":"a b"}`)
	g, d := ask(t, a, token, "b", "c")
	if d != nil {
		t.Fatal(d.Cause)
	}
	want := `{"jwt":{"claims":{"aud":"[app]","exp":"99999999999","g":"[x y]","iss":"` + issuerURL + `","n":"1.50","ok":"true","scope":"a b","sub":"a\"b"},"scopes":["b"]}}`
	if string(g.Event2) != want {
		t.Errorf("got  %s\nwant %s", g.Event2, want)
	}
	if g, _ = ask(t, a, token); !strings.HasSuffix(string(g.Event2), `"scopes":null}}`) {
		t.Errorf("without scopes of the route: %s", g.Event2)
	}
}

func TestA11QueryString(t *testing.T) {
	a, err := Compile(&model.Authorizer{Kind: "JWT", Issuer: issuerURL, Audience: []string{"app"}, IdentitySource: []string{"$request.querystring.token"}},
		Options{Issuers: NewIssuers(IssuerOptions{Client: authorizertest.New(issuerURL)})})
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]Kind{
		"token=" + good(t): 99, "": Missing, "token=": Missing, "token=" + good(t) + "&token=x": Missing,
		"token=" + good(t) + "&token=%zz": Missing,
	} {
		_, d := a.Authorize(t.Context(), &Request{Header: http.Header{"Authorization": {good(t)}}, Query: query})
		if (d == nil) != (want == 99) || d != nil && d.Kind != want {
			t.Errorf("%.20q: %+v", query, d)
		}
	}
}

func TestA13Pools(t *testing.T) {
	i := authorizertest.New(issuerURL)
	i.URL = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc"
	a, err := Compile(&model.Authorizer{Kind: "COGNITO_USER_POOLS", Validation: "app-.*", Pools: []string{
		"arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_zzz", "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_abc",
	}}, Options{REST: true, Issuers: NewIssuers(IssuerOptions{Client: i})})
	if err != nil {
		t.Fatal(err)
	}
	token := func(use, aud string) string {
		return signed(0, rs256, `{"iss":"`+i.URL+`","sub":"u","token_use":"`+use+`","aud":"`+aud+`","exp":4102444800,"scope":"s1 s2","cognito:groups":["a","b"]}`)
	}
	for _, tt := range []struct {
		name, token string
		scopes      []string
		ok          bool
	}{
		{"id token", token("id", "app-1"), nil, true},
		{"id token with Bearer", "Bearer " + token("id", "app-1"), nil, true},
		{"id token of another app", token("id", "web"), nil, false},
		{"access token without scopes", token("access", "app-1"), nil, false},
		{"access token", token("access", "x"), []string{"s2"}, true},
		{"access token of another scope", token("access", "x"), []string{"s3"}, false},
		{"id token where scopes are wanted", token("id", "app-1"), []string{"s1"}, false},
		{"a foreign issuer", good(t), nil, false},
	} {
		g, d := ask(t, a, tt.token, tt.scopes...)
		if (d == nil) != tt.ok || d != nil && d.Kind != Invalid {
			t.Errorf("%s: %+v", tt.name, d)
		}
		if g != nil && !strings.Contains(string(g.Event1), `"cognito:groups":"a,b","exp":"Fri Jan 01 00:00:00 UTC 2100"`) {
			t.Errorf("%s: %s", tt.name, g.Event1)
		}
	}
}

// mutations change a token; each gets the parts.
func mutations(t testing.TB) []func(r *rand.Rand, token string) string {
	foreign := signed(2, rs256, claimsOf(t, nil))
	tokens := []string{
		foreign, none(good(t)), hs256(t, claimsOf(t, nil)),
		signed(0, rs256, claimsOf(t, map[string]any{"exp": time.Now().Unix() - 1})),
		signed(0, rs256, claimsOf(t, map[string]any{"aud": "x"})),
		signed(0, rs256, claimsOf(t, map[string]any{"iss": "https://evil.example"})),
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=.+/ {}\""
	letters := func(r *rand.Rand, s string) string {
		b := []byte(s)
		for range 1 + r.IntN(3) {
			b[r.IntN(len(b))] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	part := func(f func(r *rand.Rand, data string) string) func(*rand.Rand, string) string {
		return func(r *rand.Rand, token string) string {
			parts := strings.Split(token, ".")
			n := r.IntN(len(parts))
			data, err := base64.RawURLEncoding.DecodeString(parts[n])
			if err != nil || len(data) == 0 {
				return token + "."
			}
			parts[n] = base64.RawURLEncoding.EncodeToString([]byte(f(r, string(data))))
			return strings.Join(parts, ".")
		}
	}
	swap := func(from, to string) func(*rand.Rand, string) string {
		return part(func(_ *rand.Rand, data string) string { return strings.Replace(data, from, to, 1) })
	}
	return []func(*rand.Rand, string) string{
		letters,
		part(letters),
		part(func(r *rand.Rand, data string) string {
			b := []byte(data)
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
			return string(b)
		}),
		func(r *rand.Rand, s string) string { return s[:r.IntN(len(s))] },
		func(r *rand.Rand, s string) string { return s[r.IntN(len(s)):] },
		func(r *rand.Rand, s string) string {
			n := r.IntN(len(s))
			return s[:n] + s[n:n+r.IntN(len(s)-n)] + s[n:]
		},
		func(_ *rand.Rand, s string) string { return strings.NewReplacer("-", "+", "_", "/").Replace(s) + "=" },
		func(r *rand.Rand, s string) string { // another last letter with the same bits that count
			return s[:len(s)-1] + string(alphabet[r.IntN(64)])
		},
		func(r *rand.Rand, s string) string { // parts of two tokens
			a, b := strings.Split(s, "."), strings.Split(tokens[r.IntN(len(tokens))], ".")
			a[r.IntN(min(2, len(a)))] = b[r.IntN(2)]
			return strings.Join(a, ".")
		},
		func(r *rand.Rand, _ string) string { return tokens[r.IntN(len(tokens))] },
		swap("RS256", "RS384"), swap("RS256", "PS256"), swap("RS256", "none"), swap("RS256", "HS256"), swap("RS256", "rs256"),
		swap(`"k1"`, `"k2"`), swap("alice", "admin"), swap("read", "root"), swap(`"exp":`, `"exp":9`), swap("{", `{"sub":"root",`), swap("}", ` }`),
		func(_ *rand.Rand, s string) string { return strings.ToUpper(s) },
		func(_ *rand.Rand, s string) string { return s[:strings.LastIndex(s, ".")+1] },
		func(_ *rand.Rand, s string) string { return s + "." + s },
	}
}

// TestA11MutatedTokens: none of 100,000 changed tokens passes, while the tokens
// that they were made of are remembered.
func TestA11MutatedTokens(t *testing.T) {
	i := authorizertest.New(issuerURL)
	i.Keys["k2"] = authorizertest.Key(1)
	a := jwtOf(t, i)
	valid := []string{
		good(t), signed(1, `{"alg":"RS256","kid":"k2"}`, claimsOf(t, map[string]any{"sub": "bob", "aud": []string{"app"}})),
		signed(0, rs256, claimsOf(t, map[string]any{"aud": nil, "client_id": "app", "scp": []string{"a"}})),
	}
	for _, v := range valid {
		if _, d := ask(t, a, v); d != nil {
			t.Fatal(d.Cause)
		}
	}
	change := mutations(t)
	r := rand.New(rand.NewPCG(1, 2))
	const want = 100_000
	tried, kinds := 0, map[Kind]int{}
	for tried < want {
		token := valid[r.IntN(len(valid))]
		mutated := token
		for range 1 + r.IntN(2) {
			if mutated != "" {
				mutated = change[r.IntN(len(change))](r, mutated)
			}
		}
		if text := strings.TrimSpace(mutated); text == valid[0] || text == valid[1] || text == valid[2] {
			continue
		}
		if tried++; tried%100 == 0 { // what is remembered stays warm
			if _, d := ask(t, a, token); d != nil {
				t.Fatal(d.Cause)
			}
		}
		g, d := ask(t, a, "Bearer "+mutated)
		if g != nil {
			t.Fatalf("passed as %q: %s", g.Principal, mutated)
		}
		kinds[d.Kind]++
	}
	t.Logf("%d mutated tokens, 0 passed: %v", tried, kinds)
	if m := a.judge.(jwtJudge).v.memory; m.order.Len() != len(valid) {
		t.Errorf("%d tokens are remembered", m.order.Len())
	}
	if n := i.Fetches(); n > 1+want/1000 {
		t.Errorf("the issuer was asked %d times", n)
	}
}

func FuzzToken(f *testing.F) {
	i := authorizertest.New(issuerURL)
	a := jwtOf(f, i)
	token := good(f)
	f.Add(token)
	f.Add(none(token))
	f.Add(hs256(f, claimsOf(f, nil)))
	f.Fuzz(func(t *testing.T, s string) {
		raw, _ := bare([]string{s})
		if g, _ := ask(t, a, s); g != nil && raw != token {
			t.Errorf("%q passed", s)
		}
	})
}
