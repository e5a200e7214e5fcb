// SPDX-License-Identifier: Apache-2.0

package authorizer

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"net/url"
	"strings"
)

// Bounds of what an issuer may publish. Row A11 has the size; the numbers are
// ours.
const (
	maxDocument = 150_000 // bytes
	maxKeys     = 100
	minBits     = 2048
	maxBits     = 8192 // a signature by a larger key costs more than a request may
)

// jwk is a member of a JSON Web Key Set (RFC 7517); only RSA keys are read.
type jwk struct {
	Kty string `json:"kty"`
	Kid string `json:"kid"`
	Use string `json:"use"`
	Alg string `json:"alg"`
	N   string `json:"n"`
	E   string `json:"e"`
}

// key is a public key and the only algorithm that it is for; empty: any of
// RSA's.
type key struct {
	public *rsa.PublicKey
	alg    string
}

// parseKeys reads a key set: the RSA keys for signatures that have an id. An
// id that two keys have belongs to neither. A set without such a key is an
// error.
func parseKeys(data []byte) (map[string]key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("the key set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the key set has %d keys, at most %d are read", len(set.Keys), maxKeys)
	}
	keys, twice := map[string]key{}, map[string]bool{}
	for _, raw := range set.Keys {
		var j jwk
		if json.Unmarshal(raw, &j) != nil || j.Kid == "" {
			continue
		}
		if _, ok := keys[j.Kid]; ok {
			twice[j.Kid] = true
			continue
		}
		if public, err := j.rsa(); err == nil {
			keys[j.Kid] = key{public, j.Alg}
		}
	}
	for kid := range twice {
		delete(keys, kid)
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no RSA key with an id")
	}
	return keys, nil
}

func (j *jwk) rsa() (*rsa.PublicKey, error) {
	if j.Kty != "RSA" || j.Use != "" && j.Use != "sig" || len(j.N) > maxBits/6+8 || len(j.E) > 8 {
		return nil, errors.New("no RSA key for signatures")
	}
	n, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(j.N, "="))
	if err != nil {
		return nil, err
	}
	e, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(j.E, "="))
	if err != nil || len(e) > 4 {
		return nil, errors.New("the exponent cannot be read")
	}
	exponent := 0
	for _, b := range e {
		exponent = exponent<<8 | int(b)
	}
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: exponent}
	if bits := public.N.BitLen(); bits < minBits || bits > maxBits || exponent < 3 || exponent&1 == 0 || exponent > 1<<31-1 {
		return nil, errors.New("the key's size or exponent is not accepted")
	}
	return public, nil
}

// parseDiscovery reads where the keys of an issuer are.
func parseDiscovery(data []byte, names []string) (uri string, err error) {
	var doc struct {
		Issuer string `json:"issuer"`
		URI    string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return "", fmt.Errorf("the discovery document: %w", err)
	}
	for _, name := range names {
		if strings.TrimSuffix(doc.Issuer, "/") == strings.TrimSuffix(name, "/") && doc.URI != "" {
			return doc.URI, nil
		}
	}
	return "", fmt.Errorf("the discovery document is of the issuer %q, or names no jwks_uri", doc.Issuer)
}

// reachable tells whether documents may be fetched from an address: by https,
// or by http from this machine.
func reachable(raw string) (local bool, err error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" {
		return false, fmt.Errorf("%q is no URL of an issuer", raw)
	}
	host := u.Hostname()
	addr, addrErr := netip.ParseAddr(host)
	local = host == "localhost" || strings.HasSuffix(host, ".localhost") || addrErr == nil && addr.Unmap().IsLoopback()
	if u.Scheme == "https" || u.Scheme == "http" && local {
		return local, nil
	}
	return local, fmt.Errorf("%q: an issuer is reached by https; by http only on this machine", raw)
}
