// SPDX-License-Identifier: Apache-2.0

package authorizer

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/authorizer/authorizertest"
	"github.com/forelane/forelane/internal/model"
)

// forgetful is an authorizer that checks every signature.
func forgetful(t testing.TB, i *authorizertest.Issuer) *Authorizer {
	t.Helper()
	a := jwtOf(t, i)
	a.judge.(jwtJudge).v.memory = nil
	return a
}

// verdict is what came of a request, in a form to compare.
func verdict(g *Grant, d *Denial) string {
	if d != nil {
		return fmt.Sprintf("%v %s", d.Kind, d.Challenge)
	}
	return fmt.Sprintf("%s %s %v", g.Event1, g.Event2, g.Vars)
}

// TestA11MemoryChangesNoAnswer asks an authorizer that remembers and one that
// does not, while time goes on and keys come and go.
func TestA11MemoryChangesNoAnswer(t *testing.T) {
	authorizertest.Key(0) // made outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		i := authorizertest.New(issuerURL)
		warm, cold := jwtOf(t, i), forgetful(t, i)
		now := time.Now().Unix()
		with := func(change map[string]any) string { return signed(0, rs256, claimsOf(t, change)) }
		far := map[string]any{"exp": now + 1e6}
		tokens := map[string]string{
			"good": with(far), "short": with(map[string]any{"exp": now + 30}), "later": with(map[string]any{"exp": now + 1e6, "nbf": now + 60}),
			"issued later": with(map[string]any{"exp": now + 1e6, "iat": now + 60}), "other audience": with(map[string]any{"exp": now + 1e6, "aud": "x"}),
			"no end": with(map[string]any{"exp": nil}), "lists": with(map[string]any{"exp": now + 1e6, "aud": []string{"other", "x"}, "g": []any{1, "a", map[string]any{"b": true}}}),
			"foreign": signed(2, rs256, claimsOf(t, far)), "second key": signed(1, `{"alg":"RS256","kid":"k2"}`, claimsOf(t, far)),
		}
		passed := map[string]int{}
		same := func(when string) {
			t.Helper()
			for name, token := range tokens {
				for range 2 {
					g, d := ask(t, warm, token, "read", "admin")
					if d == nil {
						passed[name]++
					}
					if got, want := verdict(g, d), verdict(ask(t, cold, token, "read", "admin")); got != want {
						t.Errorf("%s, %s:\n got %s\nwant %s", when, name, got, want)
					}
				}
			}
			for _, scopes := range [][]string{nil, {"write"}, {"none"}} {
				if got, want := verdict(ask(t, warm, tokens["good"], scopes...)), verdict(ask(t, cold, tokens["good"], scopes...)); got != want {
					t.Errorf("%s, scopes %q:\n got %s\nwant %s", when, scopes, got, want)
				}
			}
		}
		refresh := func() {
			time.Sleep(freshFor)
			for _, a := range []*Authorizer{warm, cold} {
				ask(t, a, tokens["good"]) // begins a fetch behind it
			}
			synctest.Wait()
		}
		same("at first")
		time.Sleep(31 * time.Second)
		same("short is over")
		time.Sleep(30 * time.Second)
		same("later has begun")
		i.Change(func() { i.Keys["k2"] = authorizertest.Key(1) })
		refresh()
		same("a second key")
		i.Change(func() { i.Keys["k1"] = authorizertest.Key(2) })
		refresh()
		same("another key under the first one's id")
		i.Change(func() { delete(i.Keys, "k1") })
		refresh()
		same("the first key is gone")
		i.Change(func() { i.Keys["k1"] = authorizertest.Key(0) })
		refresh()
		same("and is there again")
		i.Change(func() { i.Down = true })
		time.Sleep(staleFor)
		same("the issuer has been down for too long")
		if passed["good"] == 0 || passed["short"] != 2 || passed["later"] == 0 || passed["second key"] == 0 || passed["foreign"] == 0 || passed["no end"]+passed["other audience"] != 0 {
			t.Errorf("%v", passed)
		}
	})
}

// TestA11MemoryIsOfEachAuthorizer: one that knows other issuers or audiences
// does not take what another one took.
func TestA11MemoryIsOfEachAuthorizer(t *testing.T) {
	i := authorizertest.New(issuerURL)
	issuers := NewIssuers(IssuerOptions{Client: i})
	compile := func(m *model.Authorizer, rest bool) *Authorizer {
		a, err := Compile(m, Options{Issuers: issuers, REST: rest})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	mine := compile(&model.Authorizer{Kind: "JWT", Issuer: issuerURL, Audience: []string{"app"}}, false)
	if _, d := ask(t, mine, good(t)); d != nil {
		t.Fatal(d.Cause)
	}
	for name, a := range map[string]*Authorizer{
		"valid audience": compile(&model.Authorizer{Kind: "JWT", Issuer: issuerURL, Audience: []string{"web"}}, false),
		"valid issuer":   compile(&model.Authorizer{Kind: "JWT", Issuer: "https://issuer.example/t2", Audience: []string{"app"}}, false),
	} {
		if _, d := ask(t, a, good(t)); d == nil || !strings.Contains(d.Challenge, name) {
			t.Errorf("%s: %+v", name, d)
		}
	}
	pool := compile(&model.Authorizer{Kind: "COGNITO_USER_POOLS", Pools: []string{"arn:aws:cognito-idp:us-east-1:1:userpool/p"}}, true)
	if _, d := ask(t, pool, good(t)); d == nil {
		t.Error("a user pool took it")
	}
}

// TestA11MemoryBounds: so many tokens, so many bytes, the latest used.
func TestA11MemoryBounds(t *testing.T) {
	m := newMemory()
	small := func(n int) (digest, *verified) {
		return digestOfToken(fmt.Sprint(n)), &verified{claims: map[string]any{"sub": "a"}}
	}
	for n := range tokenEntries + 10 {
		m.put(small(n))
		first, _ := small(0)
		m.find(first) // stays in use
	}
	first, _ := small(0)
	second, _ := small(1)
	if m.order.Len() != tokenEntries || len(m.entries) != tokenEntries || m.find(first) == nil || m.find(second) != nil {
		t.Errorf("%d tokens", m.order.Len())
	}
	large := strings.Repeat("x", maxToken)
	for n := range 3000 {
		m.put(digestOfToken(fmt.Sprint("l", n)), &verified{claims: map[string]any{"a": []any{large, "b"}}})
	}
	if m.bytes > tokenBytes {
		t.Errorf("%d bytes", m.bytes)
	}
	for len(m.entries) > 0 {
		m.forget(m.order.Back().Value.(*remembered).key)
	}
	if m.bytes != 0 || m.order.Len() != 0 {
		t.Errorf("%d bytes of nothing", m.bytes)
	}
}

// TestA11MemoryParallel: many at once, some of them for the first time.
func TestA11MemoryParallel(t *testing.T) {
	i := authorizertest.New(issuerURL)
	a := jwtOf(t, i)
	var tokens []string
	for n := range 8 {
		tokens = append(tokens, signed(0, rs256, claimsOf(t, map[string]any{"sub": fmt.Sprint(n)})))
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for n := range 200 {
				k := (n + g) % len(tokens)
				if grant, d := ask(t, a, tokens[k]); d != nil || grant.Principal != fmt.Sprint(k) {
					t.Errorf("token %d: %+v %+v", k, grant, d)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkJWT(b *testing.B) {
	for name, a := range map[string]*Authorizer{"remembered": jwtOf(b, authorizertest.New(issuerURL)), "checked": forgetful(b, authorizertest.New(issuerURL))} {
		b.Run(name, func(b *testing.B) {
			token := good(b)
			b.ReportAllocs()
			for b.Loop() {
				ask(b, a, token)
			}
		})
	}
}
