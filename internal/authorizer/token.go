// SPDX-License-Identifier: Apache-2.0

// JSON Web Tokens (rows A11, A13). What a token must be, in this order:
//
//  1. three segments of strict base64url, at most maxToken bytes, whose header
//     names an RSA algorithm, a key id, no critical extension, nothing twice;
//  2. signed by the key of that id that the issuer publishes, the issuer being
//     one of the authorizer's: the claim iss only selects among these;
//  3. issued before now, not used before its time, with an end that is ahead;
//  4. for the audience: aud, or client_id when there is no aud;
//  5. with one of the route's scopes, if it names any.
//
// The key's type is fixed by the key set and the method's list, so that a
// token cannot choose how it is verified.

package authorizer

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// maxToken is more than the 10,240 bytes that all headers of a request may
// have; a token in the query can be as long as the URL.
const maxToken = 16 << 10

// verifier checks tokens of one or more issuers.
type verifier struct {
	parser   *jwt.Parser
	times    *jwt.Validator // as the parser's
	issuers  map[string]*keySet
	audience []string // empty: any
	memory   *memory  // nil: every signature is checked
}

func newVerifier(issuers, audience []string, known *Issuers) (*verifier, error) {
	times := []jwt.ParserOption{jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(time.Now)}
	v := &verifier{
		parser: jwt.NewParser(append(times,
			jwt.WithValidMethods([]string{"RS256", "RS384", "RS512"}), jwt.WithStrictDecoding(), jwt.WithJSONNumber())...),
		times:   jwt.NewValidator(times...),
		issuers: map[string]*keySet{}, audience: audience,
	}
	if known != nil {
		v.memory = known.tokens
	}
	for _, issuer := range issuers {
		set, err := known.get(issuer)
		if err != nil {
			return nil, err
		}
		for _, name := range set.names {
			v.issuers[name] = set
		}
	}
	return v, nil
}

var (
	errAudience = errors.New("the token does not have a valid audience")
	errIssuer   = errors.New("the token's issuer is not the authorizer's")
	errForm     = errors.New("the token is malformed")
)

// verify does steps 1 to 4, or those that memory.go says of a token that is
// known. The claims are read only.
func (v *verifier) verify(ctx context.Context, raw string) (jwt.MapClaims, error) {
	if len(raw) > maxToken {
		return nil, errForm
	}
	id := digestOfToken(raw)
	t, fresh := v.memory.find(id), false
	if t != nil {
		k, err := v.key(ctx, t.issuer, t.kid, t.alg)
		if err != nil {
			return nil, err
		}
		if !k.public.Equal(t.public) {
			t = nil // another key has the id now
		}
	}
	if t == nil {
		var err error
		if t, err = v.check(ctx, raw); err != nil {
			return nil, err
		}
		fresh = true
	} else if err := v.times.Validate(t.claims); err != nil {
		if errors.Is(err, jwt.ErrTokenExpired) {
			v.memory.forget(id)
		}
		return nil, fmt.Errorf("%w: %w", jwt.ErrTokenInvalidClaims, err)
	}
	if !v.meant(t.claims) {
		return nil, errAudience
	}
	if fresh {
		v.memory.put(id, t)
	}
	return t.claims, nil
}

// key is the key that a token names.
func (v *verifier) key(ctx context.Context, issuer, kid, alg string) (key, error) {
	set := v.issuers[issuer]
	if set == nil {
		return key{}, errIssuer
	}
	k, err := set.key(ctx, kid)
	if err == nil && k.alg != "" && k.alg != alg {
		err = errForm
	}
	return k, err
}

// check does steps 1 to 3.
func (v *verifier) check(ctx context.Context, raw string) (*verified, error) {
	header, rest, _ := strings.Cut(raw, ".")
	payload, _, _ := strings.Cut(rest, ".")
	if !plainObject(header) || !plainObject(payload) {
		return nil, errForm
	}
	claims := jwt.MapClaims{}
	out := &verified{claims: claims}
	_, err := v.parser.ParseWithClaims(raw, claims, func(t *jwt.Token) (any, error) {
		if _, ok := t.Header["crit"]; ok {
			return nil, errForm // RFC 7515, 4.1.11: an extension that is not understood
		}
		out.kid, _ = t.Header["kid"].(string)
		if out.kid == "" {
			return nil, errForm
		}
		out.issuer, _ = claims["iss"].(string)
		out.alg = t.Method.Alg()
		k, err := v.key(ctx, out.issuer, out.kid, out.alg)
		out.public = k.public
		return k.public, err
	})
	return out, err
}

// plainObject tells whether a segment is one JSON object without a member
// that is there twice: parsers differ in which of the two counts.
func plainObject(segment string) bool {
	data, err := base64.RawURLEncoding.Strict().DecodeString(segment)
	if err != nil {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	names := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok || names[name] {
			return false
		}
		names[name] = true
		var skip json.RawMessage
		if d.Decode(&skip) != nil {
			return false
		}
	}
	if _, err := d.Token(); err != nil {
		return false
	}
	_, err = d.Token()
	return errors.Is(err, io.EOF)
}

// meant tells whether the token is for this audience. client_id counts only
// when there is no aud.
func (v *verifier) meant(claims jwt.MapClaims) bool {
	if len(v.audience) == 0 {
		return true
	}
	if aud, ok := claims["aud"]; ok {
		return slices.ContainsFunc(texts(aud), func(a string) bool { return slices.Contains(v.audience, a) })
	}
	id, _ := claims["client_id"].(string)
	return id != "" && slices.Contains(v.audience, id)
}

// texts is a claim that is a text or a list of texts.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// scopesOf are the scopes of a token: scope, else scp; a text with spaces
// between, or a list.
func scopesOf(claims jwt.MapClaims) []string {
	v, ok := claims["scope"]
	if !ok {
		v = claims["scp"]
	}
	var out []string
	for _, s := range texts(v) {
		out = append(out, strings.Fields(s)...)
	}
	return out
}

// hasScope tells whether the token has one of the scopes that are wanted.
func hasScope(claims jwt.MapClaims, wanted []string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(scopesOf(claims), func(s string) bool { return slices.Contains(wanted, s) })
}

// refusal is the Denial of a token that does not verify.
func refusal(ctx context.Context, err error) *Denial {
	d := &Denial{Kind: Invalid, Cause: err}
	switch {
	case ctx.Err() != nil:
		return &Denial{Kind: Gone, Cause: ctx.Err()}
	case errors.Is(err, jwt.ErrTokenExpired):
		d.Kind = Expired
	}
	d.Challenge = challenge("", "invalid_token", describe(err))
	return d
}

// describe is what the viewer may know.
func describe(err error) string {
	_, down := errors.AsType[*outage](err)
	switch {
	case down:
		return "OIDC discovery endpoint communication error"
	case errors.Is(err, jwt.ErrTokenExpired):
		return "the token has expired"
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return "the token is not valid yet"
	case errors.Is(err, errAudience):
		return errAudience.Error()
	case errors.Is(err, errIssuer):
		return "the token does not have a valid issuer"
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, errUnknownKey):
		return "the token's signature is invalid"
	}
	return "the token is malformed"
}

// challenge is a WWW-Authenticate field as an HTTP API writes it.
func challenge(scope, code, description string) string {
	return fmt.Sprintf(`Bearer scope="%s" error="%s" error_description="%s"`, scope, code, description)
}

// bare is a token without the word Bearer; a field that is there twice has no
// token.
func bare(values []string) (string, bool) {
	if len(values) != 1 {
		return "", false
	}
	s := strings.TrimSpace(values[0])
	if len(s) > 7 && strings.EqualFold(s[:7], "Bearer ") {
		s = strings.TrimSpace(s[7:])
	}
	return s, s != ""
}
