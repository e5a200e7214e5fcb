// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/policy"
)

// resourcePolicy is the resource policy of an API (row A14; Developer Guide,
// "Control access to a REST API with resource policies"). authorize.go says
// how it goes together with a route's authorization.
type resourcePolicy struct {
	doc *policy.Document // nil: it could not be read, nobody passes
}

// compilePolicy reads an API's policy. Resources may be written short, as
// execute-api:/stage/METHOD/path. A caller of a route without AWS_IAM is anonymous,
// signed or not: a policy that names accounts does not let it in.
func (g *Gateway) compilePolicy(m *model.API, arn string) *resourcePolicy {
	if m.ResourcePolicyJSON == "" {
		return nil
	}
	p := &resourcePolicy{}
	text := strings.ReplaceAll(m.ResourcePolicyJSON, `"execute-api:/`, `"`+arn)
	doc, err := policy.Parse(text)
	if err != nil {
		g.note("%s %s: its resource policy cannot be read, so every request is refused with 403: %v", m.Pos, m.LogicalID, err)
		return p
	}
	p.doc = doc
	return p
}

// Actions that a policy is asked about.
const (
	actInvoke     = "execute-api:Invoke"
	actInvalidate = "execute-api:InvalidateCache"
)

// decide asks the policy about a request, under each of its names.
func (p *resourcePolicy) decide(x *exchange, action string) (d policy.Decision, resource string) {
	names := x.resources()
	if p.doc == nil {
		return policy.Deny, names[0]
	}
	d, context := policy.Allow, x.conditions()
	for _, name := range names {
		switch p.doc.Decide(&policy.Request{Action: action, Resource: name, Context: context}) {
		case policy.Allow:
		case policy.Deny:
			return policy.Deny, name
		case policy.Implicit:
			d, resource = policy.Implicit, name
		}
	}
	return d, resource
}

// admitted applies the resource policy: it must allow, or with Implicit only
// not deny.
func (x *exchange) admitted(least policy.Decision) bool {
	d, resource := x.api.policy.decide(x, actInvoke)
	if d == policy.Allow || d == least {
		return true
	}
	x.refuse(ReasonPolicy, fmt.Errorf("the resource policy does not let an anonymous caller from %s invoke %s (%s)", x.call.Caller.SourceIP, resource, d))
	x.refused.message = "User: anonymous is not authorized to perform: execute-api:Invoke on resource: " + maskedARN(resource)
	if d == policy.Deny {
		x.refused.message += " with an explicit deny"
	}
	return false
}

// maskedARN hides the account of an ARN but for its last four digits, as AWS does.
func maskedARN(arn string) string {
	part := strings.SplitN(arn, ":", 6)
	if len(part) == 6 && len(part[4]) > 4 {
		part[4] = strings.Repeat("*", len(part[4])-4) + part[4][len(part[4])-4:]
	}
	return strings.Join(part, ":")
}
