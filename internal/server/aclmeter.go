// SPDX-License-Identifier: Apache-2.0

package server

import (
	"github.com/forelane/forelane/internal/metrics"
	"github.com/forelane/forelane/internal/webacl"
)

// aclMeters count what web ACLs decide, for distributions and stages alike. The
// names of ACLs and rules are the template's.
type aclMeters struct {
	verdicts metrics.Kept[aclVerdict, *metrics.Counter]
	rules    metrics.Kept[aclVerdict, *metrics.Counter]
}

type aclVerdict struct{ acl, rule, action string }

func newACLMeters(r *metrics.Registry) *aclMeters {
	m := &aclMeters{}
	m.verdicts.Make = func(k aclVerdict) *metrics.Counter {
		return r.Counter("forelane_webacl_requests_total", "Requests by what their web ACL decided; ERROR: it could not, and they were refused.",
			label("acl", orNone(k.acl)), label("action", orNone(k.action)))
	}
	m.rules.Make = func(k aclVerdict) *metrics.Counter {
		return r.Counter("forelane_webacl_rule_matches_total", "Requests that a rule decided, or counted.",
			label("acl", orNone(k.acl)), label("rule", orNone(k.rule)), label("action", orNone(k.action)))
	}
	m.verdicts.Get(aclVerdict{})
	m.rules.Get(aclVerdict{})
	return m
}

// counted is a web ACL whose verdicts are counted.
type counted struct {
	*webacl.ACL
	meters *aclMeters
}

// Screen decides about a request and counts that.
func (c counted) Screen(q webacl.Ask, v *webacl.Verdict) error {
	err := c.ACL.Screen(q, v)
	if err != nil {
		c.meters.verdicts.Get(aclVerdict{acl: v.ACL, action: "ERROR"}).Inc()
		return err
	}
	action := v.Action.String()
	c.meters.verdicts.Get(aclVerdict{acl: v.ACL, action: action}).Inc()
	c.meters.rules.Get(aclVerdict{v.ACL, v.Rule, action}).Inc()
	for _, rule := range v.Counted {
		c.meters.rules.Get(aclVerdict{v.ACL, rule, "COUNT"}).Inc()
	}
	return nil
}
