// SPDX-License-Identifier: Apache-2.0

package model

// Capacity is what AWS WAF counts rules in: web ACL capacity units (WCU). A
// rule costs what its statements cost, a rule group what it was declared or
// published with. They bound nothing here; they say what AWS would charge for
// and refuse.

// The bounds of a web ACL at AWS.
const (
	IncludedCapacity = 1500 // in the price of a request
	MaxCapacity      = 5000
)

// Capacity is the sum of the units of the rules. Groups of others whose
// capacity is not known are left out and counted by unknown.
func (a *WebACL) Capacity() (units, unknown int) { return capacity(a.Rules) }

// Spent is the sum of the units of a group's rules, which Capacity must cover.
func (g *ACLRuleGroup) Spent() int {
	units, _ := capacity(g.Rules)
	return units
}

func capacity(rules []*ACLRule) (units, unknown int) {
	for _, r := range rules {
		switch s := r.Statement.(type) {
		case *GroupMatch:
			units += s.Group.Capacity
		case *ManagedMatch:
			n := managedCapacity(s)
			if units += n; n == 0 {
				unknown++
			}
			if s.ScopeDown != nil {
				units += deepCost(s.ScopeDown)
			}
		default:
			units += deepCost(s)
		}
	}
	return units, unknown
}

// managedCapacity is that of AWS's groups (Developer Guide, "AWS Managed Rules
// rule groups list"); 0: not known.
func managedCapacity(m *ManagedMatch) int {
	if m.Vendor != "AWS" {
		return 0
	}
	return map[string]int{
		"AWSManagedRulesCommonRuleSet": 700, "AWSManagedRulesAdminProtectionRuleSet": 100,
		"AWSManagedRulesKnownBadInputsRuleSet": 200, "AWSManagedRulesSQLiRuleSet": 200,
		"AWSManagedRulesLinuxRuleSet": 200, "AWSManagedRulesUnixRuleSet": 100, "AWSManagedRulesWindowsRuleSet": 200,
		"AWSManagedRulesPHPRuleSet": 100, "AWSManagedRulesWordPressRuleSet": 100,
		"AWSManagedRulesAmazonIpReputationList": 25, "AWSManagedRulesAnonymousIpList": 50,
		"AWSManagedRulesBotControlRuleSet": 50, "AWSManagedRulesATPRuleSet": 50, "AWSManagedRulesACFPRuleSet": 50,
	}[m.Name]
}

// deepCost is the cost of a statement with those inside it.
func deepCost(m ACLStatement) int {
	units := cost(m)
	switch s := m.(type) {
	case *AndMatch:
		for _, of := range s.Of {
			units += deepCost(of)
		}
	case *OrMatch:
		for _, of := range s.Of {
			units += deepCost(of)
		}
	case *NotMatch:
		units += deepCost(s.Of)
	case *RateMatch:
		if s.ScopeDown != nil {
			units += deepCost(s.ScopeDown)
		}
	}
	return units
}

// cost is the units of a statement without those inside it, as
// the Developer Guide's page of each statement gives them.
func cost(m ACLStatement) int {
	switch s := m.(type) {
	case *IPMatch:
		if s.Forwarded != nil && s.Forwarded.Position == "ANY" {
			return 5
		}
		return 1
	case *GeoMatch, *ASNMatch, *LabelMatch:
		return 1
	case *ByteMatch:
		base := 10
		if s.Position == "EXACTLY" || s.Position == "STARTS_WITH" || s.Position == "ENDS_WITH" {
			base = 2
		}
		return componentCost(&s.Inspect, base)
	case *RegexMatch:
		if s.Set {
			return componentCost(&s.Inspect, 25)
		}
		return componentCost(&s.Inspect, 3)
	case *SizeMatch:
		return componentCost(&s.Inspect, 1)
	case *SQLiMatch:
		if s.High {
			return componentCost(&s.Inspect, 30)
		}
		return componentCost(&s.Inspect, 20)
	case *XSSMatch:
		return componentCost(&s.Inspect, 40)
	case *RateMatch:
		return 2 + 30*customKeys(s)
	}
	return 0
}

func customKeys(s *RateMatch) int {
	if len(s.Keys) == 1 && (s.Keys[0].Kind == RateByIP || s.Keys[0].Kind == RateByForwardedIP) {
		return 0
	}
	return len(s.Keys)
}

// componentCost adds what a component and its transformations cost.
func componentCost(in *ACLInspect, base int) int {
	switch in.Kind {
	case FieldQueryArguments:
		base += 10
	case FieldJSON:
		base *= 2
	default:
	}
	for _, t := range in.Transforms {
		if t != "NONE" {
			base += 10
		}
	}
	return base
}
