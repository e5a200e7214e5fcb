// SPDX-License-Identifier: Apache-2.0

// Private APIs (row A23; Developer Guide, "Private REST APIs in API Gateway").
// A private API answers by an interface endpoint only, under one of
//
//	{api}.execute-api.{region}.amazonaws.com           as any other API
//	{api}-{vpce}.execute-api.{region}.amazonaws.com
//	{vpce}-….execute-api.{region}.vpce.amazonaws.com   with x-apigw-api-id: {api}
//
// By which endpoint a request came is what its Caller says, never what it has
// itself: whoever listens for an endpoint says so. Its resource policy and the
// endpoint's own policy must both let it pass.

package gateway

import (
	"errors"
	"fmt"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/policy"
)

// door is a compiled model.Endpoint.
type door struct {
	id, vpc string
	policy  *resourcePolicy // nil: everything passes
}

func (g *Gateway) compileDoors(s *model.Stack) {
	g.doors, g.front = map[string]*door{}, map[string]*door{}
	for _, m := range s.Endpoints {
		d := &door{id: m.ID, vpc: m.VPC}
		if m.PolicyJSON != "" {
			d.policy = &resourcePolicy{}
			doc, err := policy.Parse(m.PolicyJSON)
			if err != nil {
				g.note("%s %s: the endpoint's policy cannot be read, so nothing passes: %v", m.Pos, m.LogicalID, err)
			}
			d.policy.doc = doc
		}
		g.doors[m.ID] = d
		for _, h := range m.Hosts {
			g.front[strings.ToLower(h)] = d
		}
	}
}

// doorways adds the names that a private API has at each endpoint.
func (g *Gateway) doorways(m *model.API, s *model.Stack, a *api) {
	if m.Endpoint != "PRIVATE" {
		return
	}
	for _, id := range m.EndpointIDs {
		if g.doors[id] == nil {
			g.doors[id] = &door{id: id}
		}
	}
	for id := range g.doors {
		for _, host := range apiHosts(m.ID+"-"+id, s) {
			g.hosts[host] = a
		}
	}
}

// Private tells whether a host is that of a private API.
func (g *Gateway) Private(host string) bool {
	host = hostName(host)
	if a := g.hosts[host]; a != nil {
		return a.private
	}
	return g.front[host] != nil
}

// Via makes c that of a request by an interface endpoint: the one that the host
// names, the one with id where that is given, else the only one there is. It
// leaves c when there is none of these.
func (g *Gateway) Via(c Caller, host, id string) Caller {
	host = hostName(host)
	d := g.doors[id]
	if d == nil && id == "" {
		d = g.front[host]
		for vpce, one := range g.doors {
			label, _, _ := strings.Cut(host, ".")
			if d == nil && (len(g.doors) == 1 || strings.HasSuffix(label, "-"+vpce)) {
				d = one
			}
		}
	}
	switch {
	case d != nil:
		c.Endpoint, c.VPC = d.id, d.vpc
	case id != "": // whoever listens knows better than the template
		c.Endpoint = id
	}
	return c
}

// enclosed keeps private APIs and the rest of the world apart.
func (x *exchange) enclosed() bool {
	via := x.call.Caller.Endpoint
	switch {
	case x.api.private && via == "":
		return x.refuse(ReasonPrivate, errors.New("the API is private, and the request came by no interface endpoint"))
	case !x.api.private && via != "":
		return x.refuse(ReasonPrivate, fmt.Errorf("the API is not private, and the request came by the interface endpoint %s", via))
	case x.api.private && x.api.policy == nil:
		return x.refuse(ReasonPolicy, errors.New("the API is private and has no resource policy"))
	}
	return true
}

// proven asks for what the stage demands, and the endpoint's policy.
func (x *exchange) proven() bool {
	if d := x.door; d != nil && d.policy != nil {
		if got, resource := d.policy.decide(x, actInvoke); got != policy.Allow {
			x.refuse(ReasonPolicy, fmt.Errorf("the policy of the endpoint %s does not let the request pass to %s (%s)", d.id, resource, got))
			x.refused.message = "User: anonymous is not authorized to perform: execute-api:Invoke on resource: " + maskedARN(resource)
			return false
		}
	}
	if x.stage.demand == nil {
		return true
	}
	if err := x.stage.demand.check(x); err != nil {
		return x.refuse(ReasonUnproven, err)
	}
	return true
}
