// SPDX-License-Identifier: Apache-2.0

package signed

import (
	"crypto"
	"strings"

	"github.com/forelane/forelane/internal/httpspec"
)

// Credentials are what a request shows.
type Credentials struct {
	policy, expires, signature, key, hash string
}

// Names of the parameters, and with a prefix of the cookies.
const (
	nameExpires   = "Expires"
	namePolicy    = "Policy"
	nameSignature = "Signature"
	nameKey       = "Key-Pair-Id"
	nameHash      = "Hash-Algorithm"
	cookiePrefix  = "CloudFront-"
)

// IsParam tells the parameters that belong to the signature.
func IsParam(name string) bool {
	switch name {
	case nameExpires, namePolicy, nameSignature, nameKey, nameHash:
		return true
	}
	return false
}

// IsCookie tells the cookies that belong to the signature.
func IsCookie(name string) bool {
	rest, ok := strings.CutPrefix(name, cookiePrefix)
	return ok && IsParam(rest)
}

func (c *Credentials) take(name, value string) bool {
	at := map[string]*string{
		nameExpires: &c.expires, namePolicy: &c.policy, nameSignature: &c.signature, nameKey: &c.key, nameHash: &c.hash,
	}[name]
	if at == nil {
		return false
	}
	if *at == "" { // the first one counts
		*at = value
	}
	return true
}

// Take finds the credentials of a request: those of its query string if that has
// any, else those of its cookies. own is the query string without them, as the
// viewer wrote it.
func Take(query, cookies string) (c Credentials, own string) {
	found := false
	var b strings.Builder
	for name, value, raw, rest, ok := httpspec.NextParam(query); ok; name, value, raw, rest, ok = httpspec.NextParam(rest) {
		if c.take(name, value) {
			found = true
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(raw)
	}
	if found {
		return c, b.String()
	}
	for name, value, rest, ok := httpspec.NextCookie(cookies); ok; name, value, rest, ok = httpspec.NextCookie(rest) {
		if n, is := strings.CutPrefix(name, cookiePrefix); is {
			c.take(n, value)
		}
	}
	return c, query
}

// hashFunc is the hash that was signed: SHA-1 unless Hash-Algorithm says SHA256.
func (c *Credentials) hashFunc() (crypto.Hash, bool) {
	switch c.hash {
	case "", "SHA1":
		return crypto.SHA1, true
	case "SHA256":
		return crypto.SHA256, true
	}
	return 0, false
}
