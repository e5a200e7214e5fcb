// SPDX-License-Identifier: Apache-2.0

// Authorization of a request (rows A11 to A14). How an API's resource policy
// and the route's authorization come together follows the tables of the
// Developer Guide, "How API Gateway resource policies affect authorization
// workflow":
//
//	authorization   resource policy   asks            passes when
//	none            must allow        policy          policy allows
//	Lambda          deny comes first  policy, lambda  neither denies, one of them allows
//	Cognito, JWT    must allow        token, policy   token is good and policy allows
//	AWS_IAM         see iam.go        both            the signer may: see principal.Permits
//
// An API without a resource policy is not asked for one. HTTP APIs have none.

package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/forelane/forelane/internal/authorizer"
	"github.com/forelane/forelane/internal/integration"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/policy"
	"github.com/forelane/forelane/internal/trace"
)

// compileAuthorizers makes the authorizers of an API for one stage. One that
// cannot work is kept as nil.
func (g *Gateway) compileAuthorizers(m *model.API, st *stage) map[string]*authorizer.Authorizer {
	out := map[string]*authorizer.Authorizer{}
	o := g.auth
	o.REST, o.Variables = m.Kind == model.RESTAPI, st.facts.Variables
	for _, mz := range m.Authorizers {
		z, err := authorizer.Compile(mz, o)
		if err != nil {
			g.note("%s %s, stage %s: authorizer %s cannot work, its routes are answered with 500: %v", m.Pos, m.LogicalID, st.facts.Name, mz.LogicalID, err)
			z = nil
		}
		out[mz.ID] = z
	}
	return out
}

// attachAuthorizer gives a route its authorizer.
func (g *Gateway) attachAuthorizer(r *route, st *stage, id, where string) {
	switch r.authorization {
	case "NONE":
		return
	case "AWS_IAM":
		r.identity = everybody
		if g.signers == nil {
			g.note("%s: %s", where, noPrincipals)
		}
		return
	}
	z, known := st.authorizers[id]
	switch {
	case !known:
		g.note("%s: its authorizer is not of this API: every request is answered with 500", where)
	case z != nil && !z.Serves(r.authorization):
		g.note("%s: its authorizer is not for authorization %s: every request is answered with 500", where, r.authorization)
	default:
		r.authorizer = z
	}
	if r.authorizer == nil {
		r.identity = "*"
		return
	}
	r.identity = r.authorizer.Identity()
}

// IdentityField tells an edge in front for whom an answer is: see edge's
// identity.go. Whoever answers viewers without an edge takes it away.
const IdentityField = "X-Edge-Identity"

// authorize lets a caller through, or refuses.
func (x *exchange) authorize() bool {
	r := x.route
	switch {
	case r.authorization == "AWS_IAM":
		return x.signedIn()
	case r.authorization == "NONE":
		return x.api.policy == nil || x.admitted(policy.Allow)
	case r.authorization == "CUSTOM" && x.api.policy != nil && !x.admitted(policy.Implicit):
		return false
	case r.authorizer == nil:
		return x.refuse(ReasonAuthorizer, fmt.Errorf("the route's authorizer (authorization %s) cannot work", r.authorization))
	}
	start, asked := time.Now(), authorizer.Asked{}
	rq := x.asking()
	rq.Asked = &asked
	span, ctx := x.part("authorizer", trace.Internal)
	grant, denial := r.authorizer.Authorize(ctx, rq)
	if denial != nil {
		span.Text("forelane.denial", denialReason(denial.Kind).String())
	}
	span.End()
	x.phases.judged(r.authorization, denial, asked, time.Since(start))
	if denial != nil && denial.Grant != nil && x.api.policy != nil {
		if d, _ := x.api.policy.decide(x, actInvoke); d == policy.Allow {
			grant, denial = denial.Grant, nil
			x.phases.authorize = phase{status: http.StatusOK}
		}
	}
	if denial != nil {
		return x.refuseDenial(denial)
	}
	if r.authorization != "CUSTOM" && x.api.policy != nil && !x.admitted(policy.Allow) {
		return false
	}
	x.grant, x.usageKey = grant, grant.UsageKey
	x.call.Authorized = &integration.Authorized{Vars: grant.Vars, Event1: grant.Event1, Event2: grant.Event2}
	return true
}

// asking is the request as authorizers see it.
func (x *exchange) asking() *authorizer.Request {
	c := &x.call
	return &authorizer.Request{
		Header: c.Header, Query: c.Query, Variables: c.Stage.Variables, Context: c.ContextVar,
		Resources: x.resources(), Conditions: x.conditions(), Scopes: x.route.scopes,
		Event: func(a authorizer.Ask) []byte {
			return c.AuthorizerEvent(integration.AuthorizerAsk{Token: a.Token, Format2: a.Format2, ARN: x.resources()[0], Identity: a.Identity})
		},
	}
}

// resources are the names of what is asked for: as it was sent, and decoded
// when that differs, so that an encoded letter gets nobody past a policy.
func (x *exchange) resources() []string {
	c := &x.call
	prefix := x.api.arn + c.Stage.Name + "/" + c.Method
	out := []string{prefix + c.RoutePath}
	if decoded, err := url.PathUnescape(c.RoutePath); err == nil && decoded != c.RoutePath {
		out = append(out, prefix+decoded)
	}
	return out
}

// conditions are the condition keys of a request.
func (x *exchange) conditions() map[string]string {
	c := &x.call
	m := map[string]string{
		"aws:sourceip": c.Caller.SourceIP.Unmap().String(), "aws:useragent": c.Header.Get("User-Agent"),
		"aws:securetransport": fmt.Sprint(c.Caller.Scheme != "http"),
	}
	if c.Caller.Endpoint != "" { // aws:SourceIp has no meaning behind an endpoint
		delete(m, "aws:sourceip")
		m["aws:sourcevpce"], m["aws:vpcsourceip"] = c.Caller.Endpoint, c.Caller.SourceIP.Unmap().String()
		if c.Caller.VPC != "" {
			m["aws:sourcevpc"] = c.Caller.VPC
		}
	}
	if referer := c.Header.Get("Referer"); referer != "" {
		m["aws:referer"] = referer
	}
	moment(m, c.Time)
	if x.signer != nil {
		x.signer.Conditions(m)
	}
	return m
}

// refuseDenial ends the exchange with an authorizer's denial.
func (x *exchange) refuseDenial(d *authorizer.Denial) bool {
	x.refuse(denialReason(d.Kind), d.Cause)
	x.refused.challenge = d.Challenge
	return false
}

func denialReason(k authorizer.Kind) Reason {
	switch k {
	case authorizer.Missing, authorizer.Invalid:
		return ReasonUnauthorized
	case authorizer.Expired:
		return ReasonExpired
	case authorizer.Scope:
		return ReasonScope
	case authorizer.Forbidden:
		return ReasonDenied
	case authorizer.ForbiddenDeny:
		return ReasonDeniedExplicitly
	case authorizer.Failed:
		return ReasonAuthorizerFailed
	case authorizer.Misconfigured:
		return ReasonAuthorizer
	case authorizer.Gone:
		return ReasonViewerGone
	}
	return ReasonAuthorizer
}
