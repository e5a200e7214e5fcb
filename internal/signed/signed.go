// SPDX-License-Identifier: Apache-2.0

// Package signed checks CloudFront's signed URLs and signed cookies (row C13).
//
// The flow: (1) New reads the public keys that a behavior trusts; (2) Take finds
// the credentials of a request, in its query string or in its cookies, and says
// what of the query string is the viewer's own; (3) Check verifies the signature
// and the policy that it covers against the request.
//
// A canned policy is an expiry: the statement is made of the URL. A custom policy
// is a statement of one Resource, with wildcards, and of conditions. Source:
// Developer Guide, "Use signed URLs", "Use signed cookies".
//
// What it does not do: it signs nothing and reads no template.
//
// Concurrency: Keys may be used by many at once.
package signed

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha1" // what signatures use unless they say SHA256
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Denial is why a request may not pass. The zero Denial: it may.
type Denial uint8

// The denials; String is CloudFront's error code, Message its sentence.
const (
	Passed             Denial = iota
	MissingKey                // no Key-Pair-Id
	UnknownKey                // of a key that the behavior does not trust
	MissingPolicy             // neither Expires nor Policy
	MalformedPolicy           // the policy cannot be read
	MissingSignature          // no Signature
	MalformedSignature        // it cannot be read
	WrongSignature            // it is of something else
	Expired                   // DateLessThan is over
	NotYet                    // DateGreaterThan is to come
	WrongAddress              // the viewer's address is another
	WrongResource             // the policy is for another URL
)

var denials = [...]struct{ code, message string }{
	{},
	{"MissingKey", "Missing Key-Pair-Id query parameter or cookie value"},
	{"InvalidKey", "Unknown Key"},
	{"MissingPolicy", "Missing Policy query parameter or cookie value"},
	{"MalformedPolicy", "Malformed Policy"},
	{"MissingSignature", "Missing Signature query parameter or cookie value"},
	{"MalformedSignature", "Could not unencode Signature"},
	{"AccessDenied", "Access denied"},
	{"AccessDenied", "Access denied"},
	{"AccessDenied", "Access denied"},
	{"AccessDenied", "Access denied"},
	{"AccessDenied", "Access denied"},
}

// String is CloudFront's error code.
func (d Denial) String() string { return denials[d].code }

// Message is the sentence that goes with it: it tells a viewer nothing about a
// policy that does not fit.
func (d Denial) Message() string { return denials[d].message }

// Why is a word for the operator's log.
func (d Denial) Why() string {
	return [...]string{
		"", "no Key-Pair-Id", "the key is not trusted here", "no policy and no expiry", "the policy cannot be read", "no signature",
		"the signature cannot be read", "the signature does not fit", "it has expired", "it is not valid yet",
		"the viewer's address is not in it", "it is for another URL",
	}[d]
}

// Keys are the public keys that may have signed.
type Keys struct {
	keys map[string]crypto.PublicKey

	mu    sync.Mutex
	known map[[32]byte]bool // digests of signatures that were verified
}

// maxKnown bounds the memory of verified signatures: 32 bytes and a little each.
const maxKnown = 4096

// New reads keys: PEM texts by id. RSA keys have 2,048 bits, those for ECDSA are
// of P-256; the error names the first that is neither.
func New(pems map[string]string) (*Keys, error) {
	k := &Keys{keys: map[string]crypto.PublicKey{}, known: map[[32]byte]bool{}}
	for id, text := range pems {
		key, err := ParseKey(text)
		if err != nil {
			return nil, fmt.Errorf("public key %s: %w", id, err)
		}
		k.keys[id] = key
	}
	return k, nil
}

// ParseKey reads a public key in PEM.
func ParseKey(text string) (crypto.PublicKey, error) {
	block, _ := pem.Decode([]byte(strings.TrimSpace(text) + "\n"))
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, errors.New(`it is no PEM block "PUBLIC KEY" (openssl rsa -pubout makes one)`)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() != 2048 {
			return nil, fmt.Errorf("the RSA key has %d bits, CloudFront takes 2048", key.N.BitLen())
		}
		return key, nil
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return nil, errors.New("the ECDSA key is not of the curve P-256")
		}
		return key, nil
	}
	return nil, fmt.Errorf("CloudFront takes RSA and ECDSA keys, not %T", key)
}

// Request is what a policy is compared with.
type Request struct {
	URL  string // scheme://host/path?query without the signature's own parameters
	Addr netip.Addr
	Now  time.Time
}

// Check tells whether c lets rq pass.
func (k *Keys) Check(c *Credentials, rq *Request) Denial {
	switch {
	case c.key == "":
		return MissingKey
	case c.policy == "" && c.expires == "":
		return MissingPolicy
	case c.signature == "":
		return MissingSignature
	}
	key := k.keys[c.key]
	if key == nil {
		return UnknownKey
	}
	statement, p, ok := c.statement(rq.URL)
	if !ok {
		return MalformedPolicy
	}
	hash, ok := c.hashFunc()
	if !ok {
		return MalformedSignature
	}
	signature, err := decode(c.signature)
	if err != nil {
		return MalformedSignature
	}
	if !k.verified(c.key, key, hash, statement, signature) {
		return WrongSignature
	}
	return p.judge(rq)
}

// verified tells whether signature is key's of statement. Right ones are
// remembered by their digest: pieces of one film come with the same signature.
func (k *Keys) verified(id string, key crypto.PublicKey, hash crypto.Hash, statement, signature []byte) bool {
	d := sha256.New()
	_, _ = fmt.Fprintf(d, "%d %d %d %s ", hash, len(statement), len(signature), id)
	_, _ = d.Write(statement) // a hash does not fail
	_, _ = d.Write(signature)
	at := [32]byte(d.Sum(nil))
	k.mu.Lock()
	known := k.known[at]
	k.mu.Unlock()
	if known {
		return true
	}
	h := hash.New()
	_, _ = h.Write(statement)
	switch sum := h.Sum(nil); key := key.(type) {
	case *rsa.PublicKey:
		if rsa.VerifyPKCS1v15(key, hash, sum, signature) != nil {
			return false
		}
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(key, sum, signature) {
			return false
		}
	default:
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) >= maxKnown {
		for old := range k.known { // any: it only costs one verification
			delete(k.known, old)
			break
		}
	}
	k.known[at] = true
	return true
}

// unsafe characters of base64 stand as - _ ~ in URLs and cookies.
var alphabet = strings.NewReplacer("-", "+", "_", "=", "~", "/")

func decode(s string) ([]byte, error) {
	text := alphabet.Replace(s)
	if b, err := base64.StdEncoding.DecodeString(text); err == nil {
		return b, nil
	}
	return base64.RawStdEncoding.DecodeString(text) // some tools leave the padding out
}
