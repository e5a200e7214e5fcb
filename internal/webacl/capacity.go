// SPDX-License-Identifier: Apache-2.0

package webacl

import "github.com/forelane/forelane/internal/model"

// cost is the web ACL capacity units of a statement without those inside it, as
// the Developer Guide's page of each statement gives them.
func cost(m model.ACLStatement) int {
	switch s := m.(type) {
	case *model.IPMatch:
		if s.Forwarded != nil && s.Forwarded.Position == "ANY" {
			return 5
		}
		return 1
	case *model.GeoMatch, *model.LabelMatch:
		return 1
	case *model.ByteMatch:
		base := 10
		if s.Position == "EXACTLY" || s.Position == "STARTS_WITH" || s.Position == "ENDS_WITH" {
			base = 2
		}
		return componentCost(&s.Inspect, base)
	case *model.RegexMatch:
		if s.Set {
			return componentCost(&s.Inspect, 25)
		}
		return componentCost(&s.Inspect, 3)
	case *model.SizeMatch:
		return componentCost(&s.Inspect, 1)
	case *model.SQLiMatch:
		if s.High {
			return componentCost(&s.Inspect, 30)
		}
		return componentCost(&s.Inspect, 20)
	case *model.XSSMatch:
		return componentCost(&s.Inspect, 40)
	case *model.RateMatch:
		return 2 + 30*customKeys(s)
	}
	return 0
}

func customKeys(s *model.RateMatch) int {
	if len(s.Keys) == 1 && (s.Keys[0].Kind == model.RateByIP || s.Keys[0].Kind == model.RateByForwardedIP) {
		return 0
	}
	return len(s.Keys)
}

// componentCost adds what a component and its transformations cost.
func componentCost(in *model.ACLInspect, base int) int {
	switch in.Kind {
	case model.FieldQueryArguments:
		base += 10
	case model.FieldJSON:
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
