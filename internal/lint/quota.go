// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// What AWS refuses after minutes, and its quotas. A node of Forelane has none
// of the quotas; who deploys the same template to AWS wants to know.

// Quotas of rows C3, K5 and O5.
const (
	maxBehaviors    = 75
	maxOrigins      = 25
	maxGroups       = 10
	maxAliases      = 100
	maxPolicies     = 20
	maxNames        = 10
	maxNamesTotal   = 1024
	maxHeaders      = 10
	maxHeaderName   = 256
	maxHeaderValue  = 1783
	maxHeadersTotal = 10240
)

const mendQuota = "ask AWS for a higher quota, or make it less; here it runs"

// aliases finds names that two distributions of several stacks have.
func (r *run) aliases() {
	type owner struct{ stack, id string }
	owners := map[string]owner{}
	for _, s := range r.stacks {
		for _, d := range s.Distributions {
			for i, name := range d.Aliases {
				key, me := strings.ToLower(name), owner{s.Name, d.LogicalID}
				o, taken := owners[key]
				if owners[key] = me; !taken || o == me {
					continue
				}
				r.findings = append(r.findings, Finding{
					Rule: AliasTwice, Severity: Error, Stack: s.Name, Resource: d.LogicalID, Pos: d.Pos,
					Property: fmt.Sprintf("DistributionConfig.Aliases[%d]", i),
					What:     fmt.Sprintf("the alternate domain name %s belongs to %s of stack %s, too", name, o.id, o.stack),
					Mend:     "keep it on one of the two",
				})
			}
		}
	}
}

// policies counts the own policies of a stack that its distributions use.
func (r *run) policies(s *model.Stack) {
	cache, request := map[*model.CachePolicy]bool{}, map[*model.OriginRequestPolicy]bool{}
	response := map[*model.ResponseHeadersPolicy]bool{}
	for _, d := range s.Distributions {
		for _, b := range d.Behaviors {
			cache[b.Cache] = !b.Cache.Managed && !b.Cache.Legacy
			if p := b.OriginRequest; p != nil {
				request[p] = !p.Managed && p.ID != ""
			}
			if p := b.ResponseHeaders; p != nil {
				response[p] = !p.Managed
			}
		}
	}
	for _, n := range []struct {
		kind string
		n    int
	}{{"cache policies", count(cache)}, {"origin request policies", count(request)}, {"response headers policies", count(response)}} {
		if n.n > maxPolicies {
			d := s.Distributions[0]
			r.findings = append(r.findings, Finding{
				Rule: PolicyQuota, Severity: Warning, Stack: s.Name, Resource: d.LogicalID, Pos: d.Pos, Property: "DistributionConfig",
				What: fmt.Sprintf("the stack uses %d own %s; an account of AWS has %d", n.n, n.kind, maxPolicies), Mend: mendQuota,
			})
		}
	}
}

func count[T comparable](m map[T]bool) int {
	n := 0
	for _, own := range m {
		if own {
			n++
		}
	}
	return n
}

// quotas compares a distribution with what AWS allows.
func (s *site) quotas() {
	for _, q := range []struct {
		property, words string
		n, most         int
	}{
		{"CacheBehaviors", "behaviors", len(s.d.Behaviors) - 1, maxBehaviors},
		{"Origins", "origins", len(s.d.Origins), maxOrigins},
		{"OriginGroups", "origin groups", len(s.d.OriginGroups), maxGroups},
		{"Aliases", "alternate domain names", len(s.d.Aliases), maxAliases},
	} {
		if q.n > q.most {
			s.add(DistributionQuota, Warning, at{property: q.property}, Finding{
				What: fmt.Sprintf("%d %s; AWS allows %d", q.n, q.words, q.most), Mend: mendQuota,
			})
		}
	}
	for _, t := range s.targets {
		total, worst := 0, ""
		for _, h := range t.o.Headers {
			total += len(h.Name) + len(h.Value)
			switch {
			case len(h.Name) > maxHeaderName:
				worst = fmt.Sprintf("the name of custom header %.30q has %d characters; AWS allows %d", h.Name, len(h.Name), maxHeaderName)
			case len(h.Value) > maxHeaderValue:
				worst = fmt.Sprintf("the value of custom header %s has %d characters; AWS allows %d", h.Name, len(h.Value), maxHeaderValue)
			}
		}
		switch {
		case len(t.o.Headers) > maxHeaders:
			worst = fmt.Sprintf("%d custom headers; AWS allows %d for an origin", len(t.o.Headers), maxHeaders)
		case total > maxHeadersTotal:
			worst = fmt.Sprintf("the custom headers have %d characters; AWS allows %d", total, maxHeadersTotal)
		}
		if worst != "" {
			s.add(OriginHeaders, Warning, at{property: t.at + ".OriginCustomHeaders"}, Finding{What: worst, Mend: mendQuota})
		}
	}
}

// names looks at the lists of a behavior's two policies.
func (s *site) names(f *flow) {
	lists := []struct {
		where at
		kind  string
		sel   model.Selection
	}{
		{f.keyAt(), "headers", f.b.Cache.Headers},
		{f.keyAt(), "cookies", f.b.Cache.Cookies},
		{f.keyAt(), "query strings", f.b.Cache.Queries},
	}
	if p := f.b.OriginRequest; p != nil && p.ID != "" && !p.Managed {
		where := f.forwardAt()
		where.about = p.ID
		lists = append(lists, []struct {
			where at
			kind  string
			sel   model.Selection
		}{{where, "headers", p.Headers}, {where, "cookies", p.Cookies}, {where, "query strings", p.Queries}}...)
	}
	for _, l := range lists {
		if f.b.Cache.Managed && l.where.about == f.b.Cache.ID {
			continue
		}
		total, wild := 0, ""
		for _, n := range l.sel.Names {
			total += len(n)
			if strings.ContainsAny(n, "*?") && !(f.b.Cache.Legacy && l.kind == "cookies") {
				wild = n
			}
		}
		if n := len(l.sel.Names); n > maxNames {
			s.add(PolicyQuota, Warning, l.where, Finding{What: fmt.Sprintf("%d %s in one policy; AWS allows %d", n, l.kind, maxNames), Mend: mendQuota})
		}
		if total > maxNamesTotal {
			s.add(PolicyNames, Error, l.where, Finding{
				What: fmt.Sprintf("the names of the %s have %d characters together; CloudFront takes %d", l.kind, total, maxNamesTotal),
				Mend: "name fewer, or take all",
			})
		}
		if wild != "" {
			s.add(WildcardName, Warning, l.where, Finding{
				What: fmt.Sprintf("%q among the %s is taken literally: policies know no wildcards", wild, l.kind),
				Mend: "list each name, or let a viewer-request function take away what is not wanted",
			})
		}
	}
}
