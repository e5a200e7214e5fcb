// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// A token is "flt1." and, in base64url without padding, 16 bytes of its id's
// text, 32 bytes of secret and the 32 bytes of the authority's fingerprint:
//
//	flt1.MWYyZ…
//
// By the fingerprint the agent knows the edge before it trusts it with the
// secret. What the token allows stands in the roll.

const tokenPrefix = "flt1."

// Token is what lets an agent join.
type Token struct {
	ID        string // 16 hexadecimal digits
	Secret    [32]byte
	Authority [sha256.Size]byte
}

var errToken = errors.New("this is no token of `forelane tunnel token`")

// String is the token as it is given to an agent. It is a secret.
func (t Token) String() string {
	b := make([]byte, 0, 80)
	b = append(b, t.ID...)
	b = append(b, t.Secret[:]...)
	b = append(b, t.Authority[:]...)
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// ParseToken reads what String writes.
func ParseToken(s string) (Token, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(s), tokenPrefix)
	if !ok || len(rest) != base64.RawURLEncoding.EncodedLen(80) || strings.ContainsAny(rest, "\r\n") { // which DecodeString skips
		return Token{}, errToken
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if err != nil {
		return Token{}, errToken
	}
	t := Token{ID: string(b[:16])}
	if strings.Trim(t.ID, "0123456789abcdef") != "" {
		return Token{}, errToken
	}
	copy(t.Secret[:], b[16:48])
	copy(t.Authority[:], b[48:])
	return t, nil
}

func newToken(authority [sha256.Size]byte) Token {
	t := Token{ID: newID(8), Authority: authority}
	_, _ = rand.Read(t.Secret[:]) // it never fails
	return t
}

// digest is what the roll keeps of a secret. It has 256 random bits: no salt
// and no slow function are needed.
func digest(secret [32]byte) string { return fmt.Sprintf("%x", sha256.Sum256(secret[:])) }
