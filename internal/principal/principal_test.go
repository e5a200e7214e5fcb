// SPDX-License-Identifier: Apache-2.0

package principal

import (
	"fmt"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/policy"
	"github.com/forelane/forelane/internal/sigv4"
)

func statement(effect, resource string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"` + effect + `","Action":"execute-api:Invoke","Resource":"` + resource + `"}}`
}

// holder is a principal as the file has it.
func holder(t *testing.T, arn string, names ...string) *Principal {
	t.Helper()
	p := &Principal{Credentials: sigv4.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "a secret of some length"}, ARN: arn, Names: names}
	if property, err := p.Check(); err != nil {
		t.Fatal(property, err)
	}
	return p
}

func signer(t *testing.T, p *Principal, identities ...*model.Identity) *Signer {
	t.Helper()
	set := New([]*Principal{p})
	return NewDirectory([]*model.Stack{{Identities: identities}}, func() *Set { return set }).Signer(p.AccessKeyID)
}

const (
	alice   = "arn:aws:iam::123456789012:user/alice"
	session = "arn:aws:sts::123456789012:assumed-role/R/s"
)

func TestA13WhatDecides(t *testing.T) {
	user := func(n model.Identity) *model.Identity {
		n.Kind, n.Name, n.ARN = model.IAMUser, "alice", alice
		return &n
	}
	role := &model.Identity{Kind: model.IAMRole, Name: "R", ARN: "arn:aws:iam::123456789012:role/service/R", Policies: []string{statement("Allow", "*")}}
	caller := &model.Identity{LogicalID: "Caller", Kind: model.IAMPolicy, Name: "caller-1", ARN: "arn:aws:iam::123456789012:policy/caller-1", Policies: []string{statement("Allow", "*")}}
	inline := &model.Identity{LogicalID: "Inline", Kind: model.IAMPolicy, Name: "root", Policies: []string{statement("Allow", "*")}}
	for _, tt := range []struct {
		name       string
		p          *Principal
		identities []*model.Identity
		want       policy.Decision
		doubt      string
	}{
		{"nothing", holder(t, alice), nil, policy.Implicit, ""},
		{"the account itself", holder(t, "arn:aws:iam::123456789012:root"), nil, policy.Allow, ""},
		{"a user of the template", holder(t, alice), []*model.Identity{user(model.Identity{Policies: []string{statement("Allow", "*")}})}, policy.Allow, ""},
		{"a user of another account", holder(t, "arn:aws:iam::210987654321:user/alice"), []*model.Identity{user(model.Identity{Policies: []string{statement("Allow", "*")}})}, policy.Implicit, ""},
		{"a deny among them", holder(t, alice), []*model.Identity{user(model.Identity{Policies: []string{statement("Allow", "*"), statement("Deny", "r*")}})}, policy.Deny, ""},
		{"a session of a role with a path", holder(t, session), []*model.Identity{role}, policy.Allow, ""},
		{"a session of another role", holder(t, "arn:aws:sts::123456789012:assumed-role/ice/s"), []*model.Identity{role}, policy.Implicit, ""},
		{"a user is no session", holder(t, "arn:aws:iam::123456789012:user/R"), []*model.Identity{role}, policy.Implicit, ""},
		{"a policy by logical id", holder(t, alice, "Caller"), []*model.Identity{caller}, policy.Allow, ""},
		{"by name", holder(t, alice, "caller-1"), []*model.Identity{caller}, policy.Allow, ""},
		{"by ARN", holder(t, alice, caller.ARN), []*model.Identity{caller}, policy.Allow, ""},
		{"an inline policy by logical id", holder(t, alice, "Inline"), []*model.Identity{inline}, policy.Allow, ""},
		{"an inline policy has no name", holder(t, alice, "root"), []*model.Identity{inline}, policy.Deny, "no template has"},
		{"a name that nobody has", holder(t, alice, "Other"), []*model.Identity{caller}, policy.Deny, "named Other"},
		{"a name that two have", holder(t, alice, "Caller"), []*model.Identity{caller, caller}, policy.Deny, "more than one"},
		{"AWS's own", holder(t, alice, "arn:aws:iam::aws:policy/AmazonAPIGatewayInvokeFullAccess"), nil, policy.Allow, ""},
		{"AWS's own that denies", holder(t, alice, "Caller", "arn:aws:iam::aws:policy/AWSDenyAll"), []*model.Identity{caller}, policy.Deny, ""},
		{"AWS's own about other things", holder(t, alice, "arn:aws:iam::aws:policy/AmazonS3FullAccess"), nil, policy.Implicit, ""},
		{"a policy that no template has", holder(t, alice), []*model.Identity{user(model.Identity{Policies: []string{statement("Allow", "*")}, Elsewhere: []string{"arn:aws:iam::123456789012:policy/x"}})}, policy.Deny, "no template has the policy"},
		{"a policy that cannot be read", holder(t, alice), []*model.Identity{user(model.Identity{Policies: []string{statement("Allow", "*"), ""}})}, policy.Deny, "cannot be read"},
		{"a policy without resources", holder(t, alice), []*model.Identity{user(model.Identity{Policies: []string{`{"Statement":{"Effect":"Allow","Action":"*"}}`}})}, policy.Deny, "without Resource"},
		{"a policy with principals", holder(t, alice), []*model.Identity{user(model.Identity{Policies: []string{`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}}`}})}, policy.Deny, "with Principal"},
		{"an identity in doubt", holder(t, alice), []*model.Identity{user(model.Identity{Policies: []string{statement("Allow", "*")}, Unreadable: "because"})}, policy.Deny, "because"},
		{"within the boundary", holder(t, alice), []*model.Identity{user(model.Identity{Policies: []string{statement("Allow", "*")}, Boundary: statement("Allow", "r*")})}, policy.Allow, ""},
		{"outside the boundary", holder(t, alice), []*model.Identity{user(model.Identity{Policies: []string{statement("Allow", "*")}, Boundary: statement("Allow", "x*")})}, policy.Implicit, ""},
		{"denied by the boundary", holder(t, alice), []*model.Identity{user(model.Identity{Policies: []string{statement("Allow", "*")}, Boundary: statement("Deny", "*")})}, policy.Deny, ""},
		{"an unknown boundary", holder(t, alice), []*model.Identity{user(model.Identity{Policies: []string{statement("Allow", "*")}, Boundary: "arn:aws:iam::1:policy/b"})}, policy.Deny, "permissions boundary"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := signer(t, tt.p, tt.identities...)
			if got := s.Decide("execute-api:Invoke", "resource", nil); got != tt.want || (s.Doubt() == "") != (tt.doubt == "") || !strings.Contains(s.Doubt(), tt.doubt) {
				t.Errorf("%s, doubt %q, want %s, %q", got, s.Doubt(), tt.want, tt.doubt)
			}
		})
	}
}

// TestPermits walks through both tables: what the identity and the resource say,
// in the same account and in another.
func TestA14Permits(t *testing.T) {
	say := map[string][]string{"allow": {statement("Allow", "*")}, "nothing": nil, "deny": {statement("Deny", "*")}}
	of := func(effect, who string) *policy.Document {
		if effect == "nothing" {
			return nil
		}
		d, err := policy.Parse(`{"Statement":{"Effect":"` + effect + `","Principal":` + who + `,"Action":"*","Resource":"*"}}`)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, tt := range []struct {
		identity, resource, who string
		same, other             Verdict
	}{
		{"allow", "Allow", `{"AWS":"` + alice + `"}`, Allowed, Allowed},
		{"allow", "Allow", `{"AWS":"123456789012"}`, Allowed, Allowed},
		{"allow", "Allow", `"*"`, Allowed, Allowed},
		{"allow", "nothing", "", Allowed, Nothing},
		{"allow", "Allow", `{"Service":"x.amazonaws.com"}`, Allowed, Nothing},
		{"allow", "Deny", `{"AWS":"` + alice + `"}`, DeniedResource, DeniedResource},
		{"allow", "Deny", `{"AWS":"arn:aws:iam::123456789012:root"}`, DeniedResource, DeniedResource},
		{"nothing", "Allow", `{"AWS":"` + alice + `"}`, Allowed, Nothing},
		{"nothing", "Allow", `{"AWS":"arn:aws:iam::123456789012:root"}`, Nothing, Nothing},
		{"nothing", "nothing", "", Nothing, Nothing},
		{"deny", "Allow", `"*"`, DeniedIdentity, DeniedIdentity},
	} {
		p := holder(t, alice)
		s := signer(t, p, &model.Identity{Kind: model.IAMUser, ARN: alice, Policies: say[tt.identity]})
		for account, want := range map[string]Verdict{"123456789012": tt.same, "210987654321": tt.other} {
			got := s.Permits("execute-api:Invoke", Resource{Account: account, ARN: "r", Policy: of(tt.resource, tt.who)}, nil)
			if got != want {
				t.Errorf("identity %s, resource %s %s, account %s: %s, want %s", tt.identity, tt.resource, tt.who, account, got, want)
			}
		}
	}
}

func TestA13Conditions(t *testing.T) {
	m := map[string]string{}
	signer(t, holder(t, session), &model.Identity{Kind: model.IAMRole, Name: "R", ARN: "arn:aws:iam::123456789012:role/service/R"}).Conditions(m)
	if m["aws:principalarn"] != "arn:aws:iam::123456789012:role/service/R" || m["aws:principaltype"] != "AssumedRole" || m["aws:principalaccount"] != "123456789012" || m["aws:username"] != "" {
		t.Errorf("session: %v", m)
	}
	signer(t, holder(t, alice)).Conditions(m)
	if m["aws:principalarn"] != alice || m["aws:username"] != "alice" || !strings.HasPrefix(m["aws:userid"], "AIDA") {
		t.Errorf("user: %v", m)
	}
}

// TestDirectoryForgets: a new Set counts at once, and who left it is nobody.
func TestDirectoryForgets(t *testing.T) {
	p := holder(t, alice)
	set := New([]*Principal{p})
	d := NewDirectory(nil, func() *Set { return set })
	if d.Signer(p.AccessKeyID) == nil || d.Signer("AKIANOBODYNOBODYNOBO") != nil {
		t.Error("who is known is not found, or who is not known is")
	}
	next := holder(t, "arn:aws:iam::123456789012:user/next")
	set = New([]*Principal{next})
	if s := d.Signer(p.AccessKeyID); s == nil || s.ARN != next.ARN {
		t.Error("the Set of before counts")
	}
	set = nil
	if d.Signer(p.AccessKeyID) != nil {
		t.Error("somebody is known of no Set")
	}
}

func TestNotesAndPrintingTellNoSecret(t *testing.T) {
	p := holder(t, alice, "Nobody")
	set := New([]*Principal{p})
	notes := NewDirectory(nil, func() *Set { return set }).Notes()
	if len(notes) != 1 || !strings.Contains(notes[0], alice) || strings.Contains(notes[0], p.SecretAccessKey) {
		t.Errorf("notes %v", notes)
	}
	for _, format := range []string{"%v", "%+v", "%s"} {
		if s := fmt.Sprintf(format, p); strings.Contains(s, p.SecretAccessKey) {
			t.Errorf("%s prints %s", format, s)
		}
	}
}
