// SPDX-License-Identifier: Apache-2.0

// Package authorizertest is an issuer of tokens for tests: an
// http.RoundTripper that serves a discovery document and a key set without a
// network, and Sign, which makes tokens by its keys.
//
// It is not for production: its keys are made anew in each process.
package authorizertest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
)

// Header is that of a token by the key k1.
const Header = `{"alg":"RS256","typ":"JWT","kid":"k1"}`

var makeKeys = sync.OnceValue(func() (keys [3]*rsa.PrivateKey) {
	for i := range keys {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = k
	}
	return keys
})

// Key is one of three keys, the same ones throughout a process.
func Key(n int) *rsa.PrivateKey { return makeKeys()[n] }

// Issuer is an OpenID provider. Its fields are changed in Change.
type Issuer struct {
	URL  string
	Keys map[string]*rsa.PrivateKey // by id
	Down bool
	Hold chan struct{} // answers wait for it; nil: they do not
	Raw  string        // in place of the key set

	mu      sync.Mutex
	fetches int
}

// New is an issuer with Key(0) as k1.
func New(url string) *Issuer {
	return &Issuer{URL: url, Keys: map[string]*rsa.PrivateKey{"k1": Key(0)}}
}

// Change changes the issuer while it may be asked.
func (i *Issuer) Change(f func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f()
}

// Fetches is how often the key set was given out.
func (i *Issuer) Fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// RoundTrip answers for the issuer.
func (i *Issuer) RoundTrip(rq *http.Request) (*http.Response, error) {
	i.mu.Lock()
	hold := i.Hold
	i.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-rq.Context().Done():
			return nil, rq.Context().Err()
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.Down {
		return nil, errors.New("connection refused")
	}
	body := fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, i.URL, i.URL+"/keys")
	if !strings.HasSuffix(rq.URL.Path, "/.well-known/openid-configuration") {
		i.fetches++
		if body = i.Raw; body == "" {
			body = i.keySet()
		}
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: rq}, nil
}

func (i *Issuer) keySet() string {
	set := []map[string]string{}
	for kid, k := range i.Keys {
		set = append(set, map[string]string{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid,
			"n": base64.RawURLEncoding.EncodeToString(k.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.E)).Bytes()),
		})
	}
	text, err := json.Marshal(map[string]any{"keys": set})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Sign makes a token of a header and claims, written as they are, by RS256.
func Sign(key *rsa.PrivateKey, header, claims string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}
