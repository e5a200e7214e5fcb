// SPDX-License-Identifier: Apache-2.0

// Package lint looks at an evaluated stack for what CloudFormation accepts
// and what then goes wrong: behaviors that no request reaches, answers of one
// viewer that others get, requests that origins refuse, keys that are too wide
// or too narrow, and what AWS itself would refuse after minutes.
//
// The flow of Check:
//
//  1. Each distribution becomes a site (view.go): its behaviors in order, each
//     with its path pattern, the origins it can reach, and what they are: an
//     API of the stacks with its routes, a function URL, a bucket, or a host.
//  2. Every rule looks at every site; a rule is a method in the file of its
//     subject. What holds of a policy is told once for all behaviors of a
//     distribution that use it.
//  3. Findings come back in the order of the template, those that matter most
//     first.
//
// A finding names a path (of a URL) that shows it where there is one: it was
// found by matching the patterns together (pattern.Search), not by trying.
//
// What it does not do: it reads no template, runs nothing, and does not know
// what functions at the edge or origins answer. Where these decide, it says
// less. Check is a pure function and may run in several goroutines.
package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// Severity is how much a finding matters. The list is closed.
type Severity uint8

// The severities.
const (
	Info    Severity = iota // worth knowing; often meant so
	Warning                 // probably not meant so
	Error                   // will be refused by AWS or an origin, or gives an answer to the wrong viewer
)

// String is the word of reports and of --fail-on.
func (s Severity) String() string { return [...]string{"info", "warning", "error", "?"}[s&3] }

// MarshalText makes the word the JSON form.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is one thing that a rule found.
type Finding struct {
	Rule     Rule     `json:"rule"`
	Severity Severity `json:"severity"`
	Stack    string   `json:"stack"`
	Resource string   `json:"resource"` // logical id
	Property string   `json:"property"` // where below its Properties
	Subject  string   `json:"subject"`  // property with names for numbers: it stays when others come and go
	Pos      string   `json:"pos"`      // file:line:col; of the resource, until somebody knows better
	What     string   `json:"what"`
	Mend     string   `json:"mend"`
	Path     string   `json:"path,omitempty"` // of a URL that shows it
	Policy   string   `json:"-"`              // id of the policy that it is about; empty: of none
	Code     string   `json:"code,omitempty"` // to put into the template
}

// Check returns what the rules find in the stacks of one template or assembly.
func Check(stacks []*model.Stack) []Finding {
	r := &run{stacks: stacks}
	r.aliases()
	for _, s := range stacks {
		r.policies(s)
		for _, d := range s.Distributions {
			r.site(s, d)
		}
	}
	slices.SortStableFunc(r.findings, func(a, b Finding) int { return int(b.Severity) - int(a.Severity) })
	return r.findings
}

// run is one Check.
type run struct {
	stacks   []*model.Stack
	findings []Finding
}

// site lets every rule look at a distribution.
func (r *run) site(stack *model.Stack, d *model.Distribution) {
	s := newSite(r, stack, d)
	s.quotas()
	s.unreachable()
	s.signedBehind()
	s.fallbacks()
	for _, o := range s.targets {
		s.origin(o)
	}
	for _, f := range s.flows {
		s.names(f)
		s.unkeyed(f)
		s.overKeyed(f)
		s.identity(f)
		s.cookies(f)
		s.cleartext(f)
		s.hosts(f)
		s.bodies(f)
		s.stagePath(f)
		s.compression(f)
	}
}

// at is where a finding is.
type at struct {
	property string
	about    string // names what shares the finding; empty: nothing does
	policy   string // id of the policy that stands there
}

// add notes a finding. Those that are about the same thing are told once.
func (s *site) add(rule Rule, sev Severity, where at, f Finding) {
	f.Rule, f.Severity = rule, sev
	f.Stack, f.Resource, f.Pos, f.Property = s.stack.Name, s.d.LogicalID, s.d.Pos, "DistributionConfig"
	f.Policy, f.Subject = where.policy, s.subject(where)
	if where.property != "" {
		f.Property += "." + where.property
	}
	if where.about != "" {
		key := fmt.Sprint(rule, " ", where.about, " ", f.What)
		if s.told[key] {
			return
		}
		s.told[key] = true
	}
	s.run.findings = append(s.run.findings, f)
}

// subject names what a finding is about by the pattern of a behavior, the id of
// an origin, the code of an error page, or the policy that behaviors share.
func (s *site) subject(where at) string {
	if where.about != "" && where.policy != "" {
		return "policy " + where.policy
	}
	list, rest, ok := strings.Cut(where.property, "[")
	index, rest, _ := strings.Cut(rest, "]")
	i, err := strconv.Atoi(index)
	switch {
	case !ok || err != nil || i < 0:
		return where.property
	case list == "CacheBehaviors" && i < len(s.d.Behaviors):
		return s.d.Behaviors[i].PathPattern + rest
	case list == "Origins" && i < len(s.d.Origins):
		return "origin " + s.d.Origins[i].ID + rest
	case list == "CustomErrorResponses" && i < len(s.d.CustomErrors):
		return fmt.Sprint("error ", s.d.CustomErrors[i].Code)
	}
	return where.property
}
