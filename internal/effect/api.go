// SPDX-License-Identifier: Apache-2.0

package effect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// apis pairs APIs by logical id and compares each with its routes.
func (c *comparison) apis() {
	old := map[string]*model.API{}
	for _, a := range c.before.apis() {
		old[a.LogicalID] = a
	}
	for _, a := range c.after.apis() {
		o := old[a.LogicalID]
		if delete(old, a.LogicalID); o == nil {
			c.add(Area{Kind: "api", Resource: a.LogicalID, Changes: []Change{{Aspect: Served, Before: "no", After: "yes"}}})
			continue
		}
		c.add(Area{Kind: "api", Resource: a.LogicalID, Changes: aspects(c.before.api(o), c.after.api(a))})
		c.routes(o, a)
	}
	for _, a := range c.before.apis() {
		if old[a.LogicalID] != nil {
			c.add(Area{Kind: "api", Resource: a.LogicalID, Changes: []Change{{Aspect: Served, Before: "yes", After: "no"}}})
		}
	}
}

// routes compares routes by their key.
func (c *comparison) routes(old, now *model.API) {
	was := map[string]*model.Route{}
	for _, r := range old.Routes {
		was[r.Key] = r
	}
	for _, r := range now.Routes {
		area := Area{Kind: "api", Resource: now.LogicalID, After: r.Key}
		if o := was[r.Key]; o != nil {
			area.Before, area.Changes = o.Key, aspects(c.before.route(old, o), c.after.route(now, r))
			delete(was, r.Key)
		} else {
			area.Changes = added(c.after.route(now, r))
		}
		c.add(area)
	}
	for _, o := range old.Routes {
		if was[o.Key] != nil {
			c.add(Area{Kind: "api", Resource: now.LogicalID, Before: o.Key, Changes: []Change{{Aspect: Served, Before: "yes", After: "no"}}})
		}
	}
}

// added tells of a new route what answers it and who may call it.
func added(m []meaning) []Change {
	out := []Change{{Aspect: Served, Before: "no", After: "yes"}}
	for _, a := range m {
		if a.aspect == Origin || a.aspect == Authorisation {
			out = append(out, Change{Aspect: a.aspect, After: a.text})
		}
	}
	return out
}

// api describes what holds for all routes of an API.
func (x *index) api(a *model.API) []meaning {
	direct := meaning{Access, "execute-api address off", "", 1}
	if !a.DisableExecuteAPI {
		direct = meaning{aspect: Access, text: "execute-api address on"}
	}
	policy := meaning{aspect: Access, text: "no resource policy"}
	if a.ResourcePolicyJSON != "" {
		policy = meaning{Access, "resource policy", a.ResourcePolicyJSON, 1}
	}
	var stages []string
	acls, limits := "", ""
	guards := 0
	for _, s := range a.Stages {
		stages = append(stages, s.Name)
		limits += asJSON(s.Throttle) + asJSON(s.RouteThrottles)
		if s.WebACL != "" {
			acls, guards = acls+" "+s.Name, guards+1
		}
	}
	slices.Sort(stages)
	var authorizers []string
	for _, z := range a.Authorizers {
		authorizers = append(authorizers, describeAuthorizer(x, z))
	}
	slices.Sort(authorizers)
	return []meaning{
		{aspect: Host, text: "stages " + list(stages)},
		direct, policy,
		{Access, "web ACLs of stages:" + cmp.Or(acls, " "+none), "", guards},
		{aspect: Authorisation, text: "authorizers " + cmp.Or(strings.Join(authorizers, "; "), none)},
		{aspect: CORS, text: yes(a.CORS != nil), secret: asJSON(a.CORS)},
		{aspect: Limits, text: "of stages", secret: limits},
	}
}

func describeAuthorizer(x *index, z *model.Authorizer) string {
	s := cmp.Or(z.Name, z.LogicalID) + " (" + z.Kind
	if z.Issuer != "" {
		s += " of " + z.Issuer + " for " + list(z.Audience)
	}
	if z.Function != "" {
		s += " by " + x.function(z.Function)
	}
	if len(z.IdentitySource) > 0 {
		s += " from " + list(z.IdentitySource)
	}
	if z.TTL != nil {
		s += fmt.Sprintf(", kept %s", z.TTL)
	}
	return s + ")"
}

// route describes what answers a route and who may call it.
func (x *index) route(a *model.API, r *model.Route) []meaning {
	auth := meaning{aspect: Authorisation, text: none}
	if r.Authorization != "" && r.Authorization != "NONE" {
		auth = meaning{Authorisation, r.Authorization, "", 1}
		for _, z := range a.Authorizers {
			if r.AuthorizerID != "" && (z.ID == r.AuthorizerID || z.LogicalID == r.AuthorizerID) {
				auth.text += " " + cmp.Or(z.Name, z.LogicalID)
			}
		}
		if len(r.Scopes) > 0 {
			auth.text, auth.guards = auth.text+" with a scope of "+list(r.Scopes), 2
		}
	}
	if r.APIKeyRequired {
		auth.text, auth.guards = strings.TrimPrefix(auth.text+" and an API key", none+" and "), auth.guards+1
	}
	return []meaning{{aspect: Origin, text: x.integration(r.Integration), secret: asJSON(r.Integration)}, auth}
}

func (x *index) integration(i *model.Integration) string {
	if i == nil {
		return none
	}
	s := i.Kind.String()
	switch {
	case i.Function != "":
		s += " " + x.function(i.Function)
	case i.URI != "":
		s += " " + i.URI
	case i.Subtype != "":
		s += " " + i.Subtype
	}
	return s
}

// function is a function by the name that the template has for it.
func (x *index) function(ref string) string {
	for _, s := range x.stacks {
		if f, qualifier := s.Function(ref); f != nil {
			return strings.TrimSuffix(f.LogicalID+":"+qualifier, ":")
		}
	}
	return ref
}

// functionURLs compares the URLs of functions by the function's logical id.
func (c *comparison) functionURLs() {
	was, is := c.before.urls(), c.after.urls()
	for _, id := range slices.Sorted(keys(was, is)) {
		o, n := was[id], is[id]
		area := Area{Kind: "function url", Resource: id}
		switch {
		case o == nil:
			area.Changes = []Change{{Served, "no", "yes", n.AuthType == "NONE"}, {Aspect: Authorisation, After: n.AuthType}}
		case n == nil:
			area.Changes = []Change{{Aspect: Served, Before: "yes", After: "no"}}
		default:
			area.Changes = aspects(url(o), url(n))
		}
		c.add(area)
	}
}

func url(u *model.FunctionURL) []meaning {
	m := meaning{aspect: Authorisation, text: u.AuthType}
	if u.AuthType != "NONE" {
		m.guards = 1
	}
	return []meaning{m, {aspect: CORS, text: yes(u.CORS != nil), secret: asJSON(u.CORS)}}
}

func (x *index) urls() map[string]*model.FunctionURL {
	out := map[string]*model.FunctionURL{}
	for _, s := range x.stacks {
		for _, f := range s.Functions {
			for _, u := range f.URLs {
				out[strings.TrimSuffix(f.LogicalID+":"+u.Qualifier, ":")] = u
			}
		}
	}
	return out
}

func keys[V any](maps ...map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		seen := map[string]bool{}
		for _, m := range maps {
			for k := range m {
				if !seen[k] && !yield(k) {
					return
				}
				seen[k] = true
			}
		}
	}
}
