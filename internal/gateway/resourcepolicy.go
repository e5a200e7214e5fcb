// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/policy"
)

// resourcePolicy is the resource policy of an API (row A14; Developer Guide,
// "Control access to a REST API with resource policies"). Without another
// authorization a caller passes only where the policy allows it; with one, a
// Deny refuses before the authorizer is asked.
type resourcePolicy struct {
	doc *policy.Document // nil: it could not be read, nobody passes
	arn string           // of the API, up to the stage
}

// compilePolicy reads an API's policy. Resources may be written short, as
// execute-api:/stage/METHOD/path. The principal of every caller is anonymous,
// for signatures are not checked: a policy that names accounts lets nobody in.
func (g *Gateway) compilePolicy(m *model.API, s *model.Stack) *resourcePolicy {
	if m.ResourcePolicyJSON == "" {
		return nil
	}
	p := &resourcePolicy{arn: fmt.Sprintf("arn:aws:execute-api:%s:%s:%s/", s.Region, s.AccountID, m.ID)}
	text := strings.ReplaceAll(m.ResourcePolicyJSON, `"execute-api:/`, `"`+p.arn)
	doc, err := policy.Parse(text)
	if err != nil {
		g.note("%s %s: its resource policy cannot be read, so every request is refused with 403: %v", m.Pos, m.LogicalID, err)
		return p
	}
	p.doc = doc
	return p
}

// decide asks the policy about a request.
func (p *resourcePolicy) decide(x *exchange) (d policy.Decision, resource string) {
	c := &x.call
	resource = p.arn + c.Stage.Name + "/" + c.Method + c.RoutePath
	if p.doc == nil {
		return policy.Deny, resource
	}
	ctx := map[string]string{
		"aws:sourceip": c.Caller.SourceIP.Unmap().String(), "aws:useragent": c.Header.Get("User-Agent"),
		"aws:securetransport": fmt.Sprint(c.Caller.Scheme != "http"),
	}
	if referer := c.Header.Get("Referer"); referer != "" {
		ctx["aws:referer"] = referer
	}
	return p.doc.Decide(&policy.Request{Action: "execute-api:Invoke", Resource: resource, Context: ctx}), resource
}

// admitted applies the resource policy.
func (x *exchange) admitted() bool {
	p := x.api.policy
	if p == nil {
		return true
	}
	d, resource := p.decide(x)
	if d == policy.Allow || d == policy.Implicit && x.route.authorization != "NONE" {
		return true
	}
	return x.refuse(ReasonPolicy, fmt.Errorf("the resource policy does not let an anonymous caller from %s invoke %s (%s)", x.call.Caller.SourceIP, resource, d))
}
