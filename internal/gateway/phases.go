// SPDX-License-Identifier: Apache-2.0

// Phases of a request, for access logs (row A25; AWS Compute Blog,
// "Troubleshooting Amazon API Gateway with enhanced observability variables"):
//
//	waf           stages with a web ACL      200, or 403 when it blocks
//	authenticate  AWS_IAM                    what became of the signature
//	authorizer    Lambda, JWT, user pools    200, or what it refused with
//	authorize     Lambda, AWS_IAM            200, or 403 when the answer does not allow the request
//
// A phase that the request did not get to, or that its method has not, has no
// values. Times are whole milliseconds.

package gateway

import (
	"net/http"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/authorizer"
)

// phase is what became of one phase.
type phase struct {
	status int // 0: the request did not get to it
	took   time.Duration
	err    string
}

// phases are those that variables tell of.
type phases struct {
	waf, authenticate, authorizer, authorize phase
	asked                                    authorizer.Asked // the function of a Lambda authorizer
}

// notAuthorized is what authorize.error says.
const notAuthorized = "The client is not authorized to perform this operation."

// value is a variable of the phases; has is false when name is none.
func (p *phases) value(name string) (v string, has bool) {
	switch name {
	case "wafResponseCode":
		return map[int]string{http.StatusOK: "WAF_ALLOW", http.StatusForbidden: "WAF_BLOCK"}[p.waf.status], true
	case "authorizer.integrationLatency":
		if p.authorizer.status == 0 || !p.asked.Lambda {
			return "", true
		}
		return millis(p.asked.Took), true
	case "authorizer.integrationStatus":
		return number(p.asked.Status), true
	case "authorizer.requestId":
		return p.asked.RequestID, true
	}
	of, what, _ := strings.Cut(name, ".")
	var one *phase
	switch of {
	case "waf":
		one = &p.waf
	case "authenticate":
		one = &p.authenticate
	case "authorizer":
		one = &p.authorizer
	case "authorize":
		one = &p.authorize
	default:
		return "", false
	}
	switch what {
	case "status":
		return number(one.status), true
	case "latency":
		if one.status == 0 {
			return "", true
		}
		return millis(one.took), true
	case "error":
		return one.err, true
	}
	return "", false
}

// judged notes what an authorizer decided.
func (p *phases) judged(authorization string, d *authorizer.Denial, asked authorizer.Asked, took time.Duration) {
	p.asked = asked
	p.authorizer = phase{status: http.StatusOK, took: took}
	if authorization == "CUSTOM" {
		p.authorize = phase{status: http.StatusOK}
	}
	if d == nil {
		return
	}
	switch d.Kind {
	case authorizer.Forbidden, authorizer.ForbiddenDeny: // it answered, and the answer is no
		p.authorize = phase{status: http.StatusForbidden, err: notAuthorized}
		return
	case authorizer.Missing, authorizer.Invalid, authorizer.Expired:
		p.authorizer.status = http.StatusUnauthorized
	case authorizer.Scope:
		p.authorizer.status = http.StatusForbidden
	case authorizer.Failed, authorizer.Misconfigured:
		p.authorizer.status = http.StatusInternalServerError
	case authorizer.Gone: // nobody is told
		p.authorizer, p.authorize = phase{}, phase{}
		return
	}
	p.authorize = phase{}
	if d.Cause != nil {
		p.authorizer.err = d.Cause.Error()
	}
}
