// SPDX-License-Identifier: Apache-2.0

package webacl

import "github.com/forelane/forelane/internal/model"

// managedGroup is what is known of a managed rule group.
type managedGroup struct {
	name     string
	capacity int
}

var managedGroups = [...]managedGroup{
	{"AWSManagedRulesCommonRuleSet", 700},
	{"AWSManagedRulesKnownBadInputsRuleSet", 200},
	{"AWSManagedRulesSQLiRuleSet", 200},
}

// unbuilt is a managed group that is not built: none of its rules matches.
type unbuilt struct{}

func (unbuilt) evaluate(*exam) *rule { return nil }

func (c *compiler) managed(m *model.ManagedMatch) (group, error) {
	c.capacity += managedCost(m.Name)
	return unbuilt{}, nil
}
