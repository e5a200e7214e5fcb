// SPDX-License-Identifier: Apache-2.0

// How a principal's policies and a resource's go together (IAM User Guide,
// "Policy evaluation logic"; API Gateway Developer Guide, "How API Gateway
// resource policies affect authorization workflow", tables A and B):
//
//	                        identity allows      identity says nothing
//	same account
//	  resource allows       passes               passes
//	  resource says nothing passes               refused
//	another account
//	  resource allows       passes               refused
//	  resource says nothing refused              refused
//
// A Deny anywhere refuses. A resource's policy that names the account and not
// the principal leaves the decision to the account: in the same account it does
// not allow by itself.

package principal

import (
	"maps"

	"github.com/forelane/forelane/internal/policy"
)

// Signer is a principal with all that decides for it.
type Signer struct {
	*Principal
	documents  []*policy.Document
	boundaries []*policy.Document
	role       string // ARN of a session's role
	doubt      string // why everything is refused; empty: it is not
}

// Verdict is what becomes of a request: a closed list.
type Verdict uint8

// The verdicts.
const (
	Nothing        Verdict = iota // nothing allows it
	Allowed                       // it passes
	DeniedIdentity                // the principal's policies deny it
	DeniedResource                // the resource's policy denies it
)

// String is the verdict in words.
func (v Verdict) String() string {
	return [...]string{"nothing allows it", "allowed", "a policy of the signer denies it", "the policy of the resource denies it"}[v&3]
}

// Doubt is why everything is refused; empty: it is not.
func (s *Signer) Doubt() string { return s.doubt }

// Conditions adds the keys of the signer to those of a request.
func (s *Signer) Conditions(m map[string]string) { maps.Copy(m, s.conditions(s.role)) }

// Decide asks the principal's own policies, within its boundaries.
func (s *Signer) Decide(action, resource string, context map[string]string) policy.Decision {
	if s.doubt != "" {
		return policy.Deny
	}
	rq := &policy.Request{Action: action, Resource: resource, Context: context}
	got := policy.Implicit
	if s.name.kind == Root {
		got = policy.Allow // of its own account; nothing limits it
	}
	for _, doc := range s.documents {
		switch doc.Decide(rq) {
		case policy.Deny:
			return policy.Deny
		case policy.Allow:
			got = policy.Allow
		case policy.Implicit:
		}
	}
	for _, doc := range s.boundaries {
		switch doc.Decide(rq) {
		case policy.Deny:
			return policy.Deny
		case policy.Implicit:
			got = policy.Implicit
		case policy.Allow:
		}
	}
	return got
}

// Resource is what is asked for, and by which policy it is guarded.
type Resource struct {
	Account string
	ARN     string
	// Policy is the resource's own; nil: it has none.
	Policy *policy.Document
}

// Permits decides a request. context has the signer's conditions already.
func (s *Signer) Permits(action string, r Resource, context map[string]string) Verdict {
	identity := s.Decide(action, r.ARN, context)
	if identity == policy.Deny {
		return DeniedIdentity
	}
	direct, delegated := false, false
	if r.Policy != nil {
		var denied bool
		if direct, delegated, denied = s.named(action, r, context); denied {
			return DeniedResource
		}
	}
	passes := identity == policy.Allow || direct
	if s.name.account != r.Account {
		passes = identity == policy.Allow && (direct || delegated)
	}
	if passes {
		return Allowed
	}
	return Nothing
}

// named asks a resource's policy under each name of the signer. A NotPrincipal
// that leaves one of the names out is about the signer: each name is asked about
// alone for a Deny, and all together for an Allow.
func (s *Signer) named(action string, r Resource, context map[string]string) (direct, delegated, denied bool) {
	ask := func(names ...string) policy.Decision {
		return r.Policy.Decide(&policy.Request{Action: action, Resource: r.ARN, Principals: names, Context: context})
	}
	own, account := s.names(s.role)
	for _, n := range own {
		denied = denied || ask(n) == policy.Deny
	}
	denied = denied || ask(account...) == policy.Deny
	all := ask(append(append([]string(nil), own...), account...)...)
	if denied || all == policy.Deny {
		return false, false, true
	}
	return all == policy.Allow && ask(own...) == policy.Allow, all == policy.Allow, false
}
