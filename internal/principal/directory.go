// SPDX-License-Identifier: Apache-2.0

package principal

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/policy"
)

// Directory finds signers by access key: those of the Set that is in force, with
// what the stacks' IAM resources say of them.
type Directory struct {
	set        func() *Set
	identities []*model.Identity

	mu    sync.Mutex
	known map[*Principal]*Signer // of the set below
	of    *Set
}

// NewDirectory makes the Directory of stacks. set is asked for each request: it
// must be quick.
func NewDirectory(stacks []*model.Stack, set func() *Set) *Directory {
	d := &Directory{set: set, known: map[*Principal]*Signer{}}
	for _, st := range stacks {
		d.identities = append(d.identities, st.Identities...)
	}
	return d
}

// Signer is who holds an access key now; nil: nobody.
func (d *Directory) Signer(accessKeyID string) *Signer {
	set := d.set()
	p := set.Find(accessKeyID)
	if p == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of != set {
		d.of = set
		clear(d.known)
	}
	s := d.known[p]
	if s == nil {
		s = d.bind(p)
		d.known[p] = s
	}
	return s
}

// Notes tells of principals that are refused everything, and why.
func (d *Directory) Notes() []string {
	var out []string
	for _, p := range d.set().All() {
		if s := d.bind(p); s.doubt != "" {
			out = append(out, fmt.Sprintf("principal %s (key %s) is refused everything: %s", p.ARN, p.AccessKeyID, s.doubt))
		}
	}
	slices.Sort(out)
	return out
}

// bind gathers what decides for a principal.
func (d *Directory) bind(p *Principal) *Signer {
	s := &Signer{Principal: p, documents: slices.Clone(p.Policies), role: p.name.role}
	for _, n := range d.identities {
		switch {
		case n.Kind == model.IAMUser && n.ARN == p.ARN:
			s.add(n)
		case n.Kind == model.IAMRole && p.name.kind == Session && p.name.isRole(n):
			s.role = n.ARN
			s.add(n)
		}
	}
	for _, ref := range p.Names {
		found := d.named(ref)
		switch {
		case len(found) == 1:
			s.add(found[0])
		case len(found) > 1:
			s.refuse("more than one policy, user, role or group is named " + ref + ": give its ARN")
		case strings.HasPrefix(ref, "arn:"):
			s.elsewhere(ref)
		default:
			s.refuse("no template has a policy, user, role or group named " + ref)
		}
	}
	return s
}

// named are the identities with a logical id, an ARN or the name in an ARN.
func (d *Directory) named(ref string) (found []*model.Identity) {
	for _, n := range d.identities {
		if ref == n.LogicalID || n.ARN != "" && (ref == n.ARN || ref == n.Name) {
			found = append(found, n)
		}
	}
	return found
}

// isRole tells whether a role is that of the session, whatever its path is.
func (n *name) isRole(role *model.Identity) bool {
	before, ok := strings.CutSuffix(role.ARN, "/"+n.user)
	return ok && strings.HasPrefix(before+"/", n.partitionAccount+":role/")
}

// add takes an identity's policies over.
func (s *Signer) add(n *model.Identity) {
	if n.Unreadable != "" {
		s.refuse(n.Unreadable)
	}
	for _, text := range n.Policies {
		doc, err := policy.Parse(text)
		switch {
		case err != nil:
			s.refuse(fmt.Sprintf("a policy of %s (%s) cannot be read: %v", n.Name, n.Pos, err))
		case !doc.NamesResources():
			s.refuse(fmt.Sprintf("a policy of %s (%s) has a statement without Resource", n.Name, n.Pos))
		case doc.NamesPrincipals():
			s.refuse(fmt.Sprintf("a policy of %s (%s) has a statement with Principal", n.Name, n.Pos))
		default:
			s.documents = append(s.documents, doc)
		}
	}
	for _, arn := range n.Elsewhere {
		s.elsewhere(arn)
	}
	if n.Boundary != "" {
		s.bound(n.Boundary)
	}
}

// elsewhere takes a policy that no template has: one of AWS's, or none.
func (s *Signer) elsewhere(arn string) {
	text, aws := managed(arn)
	switch {
	case text != "":
		doc, err := policy.Parse(text)
		if err != nil {
			s.refuse(err.Error()) // a mistake of ours
			return
		}
		s.documents = append(s.documents, doc)
	case !aws:
		s.refuse("no template has the policy " + arn)
	}
}

// bound adds a permissions boundary.
func (s *Signer) bound(text string) {
	if strings.HasPrefix(text, "arn:") {
		arn := text
		if text, _ = managed(arn); text == "" {
			s.refuse("no template has the permissions boundary " + arn)
			return
		}
	}
	doc, err := policy.Parse(text)
	if err != nil {
		s.refuse("the permissions boundary cannot be read: " + err.Error())
		return
	}
	s.boundaries = append(s.boundaries, doc)
}

func (s *Signer) refuse(why string) {
	if s.doubt == "" {
		s.doubt = why
	}
}

// managed is a policy of AWS's own that says something of execute-api or lambda.
// The others grant nothing of these. aws is false for a policy of a customer.
func managed(arn string) (text string, aws bool) {
	name, aws := strings.CutPrefix(arn, "arn:aws:iam::aws:policy/")
	if !aws {
		return "", false
	}
	allow := func(actions string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":` + actions + `,"Resource":"*"}}`
	}
	switch name {
	case "AdministratorAccess":
		return allow(`"*"`), true
	case "PowerUserAccess":
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],"Resource":"*"}}`, true
	case "AmazonAPIGatewayInvokeFullAccess":
		return allow(`["execute-api:Invoke","execute-api:ManageConnections"]`), true
	case "AWSLambda_FullAccess":
		return allow(`"lambda:*"`), true
	case "service-role/AWSLambdaRole":
		return allow(`"lambda:InvokeFunction"`), true
	case "AWSDenyAll":
		return `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`, true
	}
	return "", true
}
