// SPDX-License-Identifier: Apache-2.0

package authorizer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/forelane/forelane/internal/model"
)

// jwtJudge is the JWT authorizer of an HTTP API (row A11).
type jwtJudge struct{ v *verifier }

func newJWT(m *model.Authorizer, o Options) (judge, error) {
	if m.Issuer == "" {
		return nil, errors.New("a JWT authorizer needs an issuer")
	}
	if len(m.Audience) == 0 {
		return nil, errors.New("a JWT authorizer needs an audience: without one, tokens for every other application would pass")
	}
	v, err := newVerifier([]string{m.Issuer}, m.Audience, o.Issuers)
	return jwtJudge{v}, err
}

// decide verifies the token.
func (j jwtJudge) decide(ctx context.Context, rq *Request, values [][]string) (*Grant, *Denial) {
	raw, ok := bare(values[0])
	if !ok {
		return nil, &Denial{Kind: Missing, Challenge: "Bearer", Cause: errors.New("there is no token, or more than one")}
	}
	claims, err := j.v.verify(ctx, raw)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	if !hasScope(claims, rq.Scopes) {
		return nil, &Denial{
			Kind: Scope, Challenge: challenge(strings.Join(rq.Scopes, " "), "insufficient_scope", "the token does not have a valid scope"),
			Cause: fmt.Errorf("the route wants one of the scopes %q", rq.Scopes),
		}
	}
	g, object := grantClaims(claims, claimText)
	scopes := []byte("null") // those of the route that the token has
	if len(rq.Scopes) > 0 {
		has := scopesOf(claims)
		both := slices.DeleteFunc(slices.Clone(rq.Scopes), func(s string) bool { return !slices.Contains(has, s) })
		scopes, _ = json.Marshal(both) // texts
	}
	g.Event1 = fmt.Appendf(nil, `{"claims":%s,"scopes":%s}`, object, scopes)
	g.Event2 = fmt.Appendf(nil, `{"jwt":{"claims":%s,"scopes":%s}}`, object, scopes)
	return g, nil
}

// poolsJudge is the Cognito authorizer of a REST API (row A13): JWTs of user
// pools, whose issuers follow from their ARNs.
type poolsJudge struct {
	v     *verifier
	valid *regexp.Regexp // of an identity token's audience; nil: any
}

func newPools(m *model.Authorizer, o Options) (judge, error) {
	var issuers []string
	for _, arn := range m.Pools { // arn:aws:cognito-idp:REGION:ACCOUNT:userpool/ID
		part := strings.SplitN(arn, ":", 6)
		if len(part) != 6 || part[2] != "cognito-idp" || !strings.HasPrefix(part[5], "userpool/") {
			return nil, fmt.Errorf("%q is no ARN of a user pool", arn)
		}
		suffix := "amazonaws.com"
		if part[1] == "aws-cn" {
			suffix = "amazonaws.com.cn"
		}
		issuers = append(issuers, "https://cognito-idp."+part[3]+"."+suffix+"/"+strings.TrimPrefix(part[5], "userpool/"))
	}
	if len(issuers) == 0 {
		return nil, errors.New("a Cognito authorizer needs user pools")
	}
	v, err := newVerifier(issuers, nil, o.Issuers)
	if err != nil {
		return nil, err
	}
	j := &poolsJudge{v: v}
	if m.Validation != "" {
		j.valid, err = whole(m.Validation)
	}
	return j, err
}

// decide takes an identity token for a method without scopes, an access token
// for one with scopes ("Control access to REST APIs using Amazon Cognito user
// pools as an authorizer").
func (j *poolsJudge) decide(ctx context.Context, rq *Request, values [][]string) (*Grant, *Denial) {
	raw, ok := bare(values[0])
	if !ok {
		return nil, deny(Missing, "there is no token, or more than one")
	}
	claims, err := j.v.verify(ctx, raw)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	use, _ := claims["token_use"].(string)
	switch {
	case len(rq.Scopes) == 0 && use != "id":
		return nil, deny(Invalid, "the method has no scopes, so it takes an identity token, not one for %q", use)
	case len(rq.Scopes) > 0 && use != "access":
		return nil, deny(Invalid, "the method has scopes, so it takes an access token, not one for %q", use)
	case !hasScope(claims, rq.Scopes):
		return nil, deny(Invalid, "the method wants one of the scopes %q", rq.Scopes)
	}
	if j.valid != nil && use == "id" && !slices.ContainsFunc(texts(claims["aud"]), j.valid.MatchString) {
		return nil, deny(Invalid, "the token's audience does not match the validation expression")
	}
	g, object := grantClaims(claims, poolText)
	g.Event1 = fmt.Appendf(nil, `{"claims":%s}`, object)
	return g, nil
}

// whole compiles an expression that must match all of a text.
func whole(expr string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(`^(?:` + expr + `)$`)
	if err != nil {
		return nil, fmt.Errorf("the validation expression: %w", err)
	}
	return re, nil
}

// grantClaims makes the Grant of a token; all claims are texts. claims is
// their object.
func grantClaims(from jwt.MapClaims, text func(name string, v any) string) (g *Grant, claims []byte) {
	flat := make(map[string]string, len(from))
	g = &Grant{Vars: make(map[string]string, len(from)+1)}
	for name, v := range from {
		flat[name] = text(name, v)
		g.Vars["claims."+name] = flat[name]
	}
	g.Principal = flat["sub"]
	g.Vars["principalId"] = g.Principal
	return g, appendObject(nil, flat)
}

// appendObject appends an object of texts, in the order of their names.
func appendObject(b []byte, m map[string]string) []byte {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
		b = appendText(b, m[name])
	}
	return append(b, '}')
}

func appendText(b []byte, s string) []byte {
	text, _ := json.Marshal(s) // a text always has a form
	return append(b, text...)
}

// claimText is a claim as an HTTP API shows it: lists as [a b].
func claimText(_ string, v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = claimText("", e)
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}

// poolText is a claim as a REST API shows it: lists as a,b, and the times exp
// and iat as dates.
func poolText(name string, v any) string {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil && (name == "exp" || name == "iat") {
			return time.Unix(n, 0).UTC().Format("Mon Jan 02 15:04:05 UTC 2006")
		}
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = claimText("", e)
		}
		return strings.Join(parts, ",")
	}
	return claimText(name, v)
}
