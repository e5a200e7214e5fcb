// SPDX-License-Identifier: Apache-2.0

package authorizer

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/authorizer/authorizertest"
	"github.com/forelane/forelane/internal/model"
)

// TestA11OneFetchForAThousandUnknownKeys: whoever asks, the issuer is asked
// once, and not again soon.
func TestA11OneFetchForAThousandUnknownKeys(t *testing.T) {
	authorizertest.Key(0) // made outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		i := authorizertest.New(issuerURL)
		i.Hold = make(chan struct{})
		a := jwtOf(t, i)
		known := good(t)
		unknown := func(n int) string {
			header := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"alg":"RS256","kid":"no-%d"}`, n))
			_, rest, _ := strings.Cut(known, ".")
			return header + "." + rest
		}
		var wg sync.WaitGroup
		passed := make([]bool, 1001)
		for n := range passed {
			token := unknown(n)
			if n == 1000 {
				token = known
			}
			wg.Go(func() {
				_, d := ask(t, a, token)
				passed[n] = d == nil
			})
		}
		synctest.Wait()
		close(i.Hold)
		wg.Wait()
		if n := i.Fetches(); n != 1 {
			t.Errorf("%d fetches", n)
		}
		for n, ok := range passed {
			if ok != (n == 1000) {
				t.Fatalf("%d passed: %v", n, ok)
			}
		}
		for n := range 100 {
			ask(t, a, unknown(n))
		}
		if n := i.Fetches(); n != 1 {
			t.Errorf("right after it: %d fetches", n)
		}
		time.Sleep(minInterval)
		ask(t, a, unknown(1))
		ask(t, a, unknown(2))
		if n := i.Fetches(); n != 2 {
			t.Errorf("after the interval: %d fetches", n)
		}
	})
}

// TestA11Rotation: a new key is taken when its first token comes, an old one
// is forgotten with the set that no longer has it.
func TestA11Rotation(t *testing.T) {
	authorizertest.Key(0) // made outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		i := authorizertest.New(issuerURL)
		a := jwtOf(t, i)
		long := claimsOf(t, map[string]any{"exp": time.Now().Unix() + 1e7})
		before, after := signed(0, rs256, long), signed(1, `{"alg":"RS256","kid":"k2"}`, long)
		if _, d := ask(t, a, before); d != nil {
			t.Fatal(d.Cause)
		}
		time.Sleep(minInterval)
		i.Change(func() { i.Keys["k2"] = authorizertest.Key(1) })
		if _, d := ask(t, a, after); d != nil {
			t.Errorf("the new key: %v", d.Cause)
		}
		if _, d := ask(t, a, before); d != nil {
			t.Errorf("the old key beside it: %v", d.Cause)
		}
		i.Change(func() { delete(i.Keys, "k1") })
		time.Sleep(freshFor)
		ask(t, a, after) // begins a fetch behind it
		synctest.Wait()
		if _, d := ask(t, a, before); d == nil {
			t.Error("a token by a key that is gone passed")
		}
		if n := i.Fetches(); n != 3 {
			t.Errorf("%d fetches", n)
		}
	})
}

// TestA11Outage: keys outlive their issuer, for a time, and the log says so.
func TestA11Outage(t *testing.T) {
	authorizertest.Key(0) // made outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		i := authorizertest.New(issuerURL)
		a, err := Compile(&model.Authorizer{Kind: "JWT", Issuer: issuerURL, Audience: []string{"app"}},
			Options{Issuers: NewIssuers(IssuerOptions{Client: i, Log: slog.New(slog.NewTextHandler(&log, nil))})})
		if err != nil {
			t.Fatal(err)
		}
		token := signed(0, rs256, claimsOf(t, map[string]any{"exp": time.Now().Unix() + 1e7}))
		i.Change(func() { i.Down = true })
		if _, d := ask(t, a, token); d == nil || !strings.Contains(d.Challenge, "communication error") {
			t.Errorf("an issuer that was never there: %+v", d)
		}
		i.Change(func() { i.Down = false })
		if _, d := ask(t, a, token); d == nil {
			t.Error("asked again without a pause")
		}
		time.Sleep(firstRetry)
		if _, d := ask(t, a, token); d != nil {
			t.Fatalf("after its return: %v", d.Cause)
		}
		i.Change(func() { i.Down = true })
		for range 23 {
			time.Sleep(time.Hour)
			if _, d := ask(t, a, token); d != nil {
				t.Fatalf("keys of a silent issuer: %v", d.Cause)
			}
			synctest.Wait()
		}
		if !strings.Contains(log.String(), `level=WARN msg="the keys of an issuer could not be fetched"`) || !strings.Contains(log.String(), "keys kept for") {
			t.Errorf("log: %s", log.String())
		}
		time.Sleep(time.Hour)
		if _, d := ask(t, a, token); d == nil {
			t.Error("keys are used beyond a day")
		}
		i.Change(func() { i.Down = false })
		time.Sleep(longest)
		if _, d := ask(t, a, token); d != nil {
			t.Errorf("after its return: %v", d.Cause)
		}
	})
}

// TestA11SlowIssuer: nobody waits longer than the fetch may take.
func TestA11SlowIssuer(t *testing.T) {
	authorizertest.Key(0) // made outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		i := authorizertest.New(issuerURL)
		i.Hold = make(chan struct{})
		a := jwtOf(t, i)
		start := time.Now()
		if _, d := ask(t, a, good(t)); d == nil || time.Since(start) != fetchTimeout {
			t.Errorf("%+v after %v", d, time.Since(start))
		}
	})
}

func TestA11KeySets(t *testing.T) {
	n := strings.Repeat("x", 342) // of the size of a 2,048 bit number
	one := func(kid, more string) string {
		return `{"kty":"RSA","kid":"` + kid + `","n":"` + n + `","e":"AQAB"` + more + `}`
	}
	for name, tt := range map[string]struct {
		set  string
		want int // keys; 0: refused
	}{
		"one":                {`{"keys":[` + one("a", "") + `]}`, 1},
		"other kinds":        {`{"keys":[` + one("a", "") + `,{"kty":"EC","kid":"b"},{"kty":"oct","kid":"c","k":"AA"},7]}`, 1},
		"for encryption":     {`{"keys":[` + one("a", `,"use":"enc"`) + `]}`, 0},
		"an id twice":        {`{"keys":[` + one("a", "") + `,` + one("b", "") + `,` + one("a", "") + `]}`, 1},
		"no id":              {`{"keys":[` + one("", "") + `]}`, 0},
		"small":              {`{"keys":[{"kty":"RSA","kid":"a","n":"` + n[:170] + `","e":"AQAB"}]}`, 0},
		"exponent one":       {`{"keys":[{"kty":"RSA","kid":"a","n":"` + n + `","e":"AQ"}]}`, 0},
		"too many":           {`{"keys":[` + strings.Repeat(one("a", "")+",", 100) + one("b", "") + `]}`, 0},
		"empty":              {`{"keys":[]}`, 0},
		"not a set":          {`[]`, 0},
		"an enormous number": {`{"keys":[{"kty":"RSA","kid":"a","n":"` + strings.Repeat(n, 10) + `","e":"AQAB"}]}`, 0},
	} {
		keys, err := parseKeys([]byte(tt.set))
		if len(keys) != tt.want || (err == nil) != (tt.want > 0) {
			t.Errorf("%s: %d keys, %v", name, len(keys), err)
		}
	}
	i := authorizertest.New(issuerURL)
	i.Raw = `{"keys":[` + one("k1", `,"pad":"`+strings.Repeat("x", maxDocument)+`"`) + `]}`
	if _, d := ask(t, jwtOf(t, i), good(t)); d == nil {
		t.Error("a key set above the limit was read")
	}
}

func TestA11Reachable(t *testing.T) {
	for raw, ok := range map[string]bool{
		"https://issuer.example": true, "http://127.0.0.1:9000/pool": true, "http://localhost:9000": true, "http://[::1]:9": true, "http://auth.localhost": true,
		"http://issuer.example": false, "http://10.0.0.1": false, "http://169.254.169.254": false, "ftp://127.0.0.1": false, "issuer": false,
		"https://user@issuer.example": false, "http://127.0.0.1.evil.example": false,
	} {
		if _, err := reachable(raw); (err == nil) != ok {
			t.Errorf("%s: %v", raw, err)
		}
	}
	i := authorizertest.New(issuerURL)
	i.URL = "http://127.0.0.1:1/t1" // a public issuer sends to this machine
	a := jwtOf(t, i)
	if _, d := ask(t, a, good(t)); d == nil || i.Fetches() != 0 {
		t.Error("the keys of another issuer, on this machine, were fetched")
	}
}

// TestA11IssuerAtAnotherAddress: by real sockets, and under both names.
func TestA11IssuerAtAnotherAddress(t *testing.T) {
	i := authorizertest.New(issuerURL)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rs, err := i.RoundTrip(r)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		if _, err := io.Copy(w, rs.Body); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	i.URL = srv.URL
	client := &http.Transport{}
	defer client.CloseIdleConnections()
	const pool = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc"
	a, err := Compile(&model.Authorizer{Kind: "COGNITO_USER_POOLS", Pools: []string{"arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_abc"}},
		Options{REST: true, Issuers: NewIssuers(IssuerOptions{Client: client, At: map[string]string{pool: srv.URL}})})
	if err != nil {
		t.Fatal(err)
	}
	for iss, ok := range map[string]bool{pool: true, srv.URL: true, issuerURL: false} {
		token := signed(0, rs256, claimsOf(t, map[string]any{"iss": iss, "token_use": "id"}))
		if _, d := ask(t, a, token); (d == nil) != ok {
			t.Errorf("%s: %+v", iss, d)
		}
	}
}
