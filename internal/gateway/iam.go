// SPDX-License-Identifier: Apache-2.0

// AWS_IAM: who signs (SigV4), and what they may do (rows A13, A14, L9).
//
//	1 present   one signature, in the field or in the query
//	2 fits      this service and region, not older than five minutes
//	3 signer    the access key is known, its session token is right and has not ended
//	4 verify    the signature is that of method, Host, path, query, fields and body
//	5 permit    the signer's policies, together with the resource's
//
// What was signed is what came here: behind an edge that is the request that the
// edge sends, its Host and its path with the origin's in front. A body is read
// as a whole, within the limit of bodies, only after 1 to 3, for its hash is in
// the signature, whatever X-Amz-Content-Sha256 says: bodies that are not signed
// are S3's matter.

package gateway

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/forelane/forelane/internal/integration"
	"github.com/forelane/forelane/internal/principal"
	"github.com/forelane/forelane/internal/sigv4"
)

// Signers knows who holds an access key; nil: nobody does.
type Signers interface {
	Signer(accessKeyID string) *principal.Signer
}

// everybody is the X-Edge-Identity of answers that are one signer's: any part of
// the request may have decided.
const everybody = "*"

// noPrincipals says how signers are given.
const noPrincipals = "no principals are given, so every signature is refused with 403 (forelane up --principals FILE; in a node's file: principals)"

// authenticate finds out who signed the request, for a service of AWS.
func (x *exchange) authenticate(service string) bool {
	start := time.Now()
	ok := x.verify(service)
	p := &x.phases.authenticate
	*p = phase{status: http.StatusOK, took: time.Since(start)}
	if !ok {
		p.status, p.err = http.StatusForbidden, x.problem()
	}
	return ok
}

// problem is what authenticate.error says.
func (x *exchange) problem() string {
	if f, ok := errors.AsType[*sigv4.Fault](x.refused.detail); ok {
		return f.Plain()
	}
	return restWire(x.refused.reason).message
}

func (x *exchange) verify(service string) bool {
	c := &x.call
	in := &sigv4.Incoming{Method: c.Method, Host: c.Host, Path: c.Path, Query: c.Query, Header: c.Header, Length: c.Length}
	p, err := sigv4.Present(in)
	if err == nil {
		err = p.Fits(sigv4.Scope{Region: x.api.region, Service: service}, c.Time)
	}
	if err != nil {
		return x.refuseSignature(err)
	}
	if x.signers == nil {
		return x.refuse(ReasonUnknownKey, errors.New(noPrincipals))
	}
	s := x.signers.Signer(p.AccessKeyID)
	switch {
	case s == nil:
		return x.refuse(ReasonUnknownKey, fmt.Errorf("no principal has the access key %.128q", p.AccessKeyID))
	case !s.HasToken(p.Token):
		return x.refuse(ReasonUnknownKey, fmt.Errorf("the session token is not that of the access key %s", s.AccessKeyID))
	case s.Expired(c.Time):
		return x.refuse(ReasonCredentials, fmt.Errorf("the credentials of %s (%s) ended on %s", s.ARN, s.AccessKeyID, s.Expires.UTC().Format(time.RFC3339)))
	}
	body, err := c.Buffer()
	if err != nil {
		return x.refuseFault(err)
	}
	in.Length = int64(len(body))
	if err := p.Verify(in, sha256.Sum256(body), s.SecretAccessKey); err != nil {
		return x.refuseSignature(err)
	}
	x.signer = s
	c.Signer = &integration.Signer{AccessKey: s.AccessKeyID, AccountID: s.Account(), ID: s.ID, ARN: s.ARN}
	return true
}

// refuseSignature ends the exchange with a sigv4.Fault. A REST API tells what
// should have been signed; logs are told less, for that may hold a token.
func (x *exchange) refuseSignature(err error) bool {
	f, ok := errors.AsType[*sigv4.Fault](err)
	if !ok {
		return x.refuse(ReasonInternal, err)
	}
	reason := ReasonSignature
	switch f.Kind {
	case sigv4.Absent:
		reason = ReasonUnsigned
	case sigv4.Incomplete:
		reason = ReasonIncomplete
	case sigv4.Scoped, sigv4.Untimely, sigv4.Mismatched:
	}
	x.refuse(reason, &sigv4.Fault{Kind: f.Kind, Message: f.Plain()})
	switch {
	case f.Kind == sigv4.Absent:
	case x.call.API.Style == integration.FunctionURL:
		x.refused.message = f.Plain()
	default:
		x.refused.message = f.Message
	}
	return false
}

// signedIn lets a signer through to an API, or refuses.
func (x *exchange) signedIn() bool {
	if !x.authenticate("execute-api") {
		return false
	}
	r := principal.Resource{Account: x.api.facts.AccountID}
	if x.api.policy != nil {
		if r.Policy = x.api.policy.doc; r.Policy == nil {
			return x.notAllowed(actInvoke, x.resources()[0], principal.DeniedResource)
		}
	}
	context := x.conditions()
	for _, name := range x.resources() {
		r.ARN = name
		if v := x.signer.Permits(actInvoke, r, context); v != principal.Allowed {
			return x.notAllowed(actInvoke, name, v)
		}
	}
	x.phases.authorize = phase{status: http.StatusOK}
	if x.call.API.Style == integration.RESTAPI { // "dropped … if AWS_IAM authorization is used"
		x.call.Drop("Authorization")
	}
	return true
}

func (x *exchange) notAllowed(action, resource string, v principal.Verdict) bool {
	x.phases.authorize = phase{status: http.StatusForbidden, err: notAuthorized}
	s := x.signer
	detail := fmt.Errorf("%s may not do %s on %s: %s", s.ARN, action, resource, v)
	if s.Doubt() != "" {
		detail = fmt.Errorf("%w: %s", detail, s.Doubt())
	}
	x.refuse(ReasonNotAllowed, detail)
	x.refused.message = "User: " + s.ARN + " is not authorized to perform: " + action + " on resource: " + maskedARN(resource)
	switch {
	case v != principal.Nothing:
		x.refused.message += " with an explicit deny"
	case s.Account() == x.api.facts.AccountID:
		x.refused.message += " because no identity-based policy allows the " + action + " action"
	}
	return false
}

// Actions of a function URL: AWS wants both.
func urlActions() [2]string { return [...]string{"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"} }

// signedInURL lets a signer through to a function URL, or refuses.
func (x *exchange) signedInURL(u *functionURL) bool {
	if !x.authenticate("lambda") {
		return false
	}
	context := x.conditions()
	context["lambda:functionurlauthtype"], context["lambda:invokedviafunctionurl"] = "AWS_IAM", "true"
	r := principal.Resource{Account: x.api.facts.AccountID, ARN: u.arn, Policy: u.policy}
	for _, action := range urlActions() {
		if v := x.signer.Permits(action, r, context); v != principal.Allowed {
			return x.notAllowed(action, u.arn, v)
		}
	}
	x.phases.authorize = phase{status: http.StatusOK}
	return true
}

// moment adds the condition keys of the time.
func moment(m map[string]string, t time.Time) {
	m["aws:currenttime"], m["aws:epochtime"] = t.UTC().Format(time.RFC3339), strconv.FormatInt(t.Unix(), 10)
}
