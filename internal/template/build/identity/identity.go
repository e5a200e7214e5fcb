// SPDX-License-Identifier: Apache-2.0

// Package identity builds users, roles, groups and policies of IAM from
// evaluated resources: they decide for those who sign requests.
//
// The flow: (1) managed policies; (2) groups, users and roles with the policies
// inside and those attached by ARN; (3) policies that name whom they are for;
// (4) users get what their groups have.
//
// A resource whose properties cannot be evaluated may hold a Deny for anybody:
// no identity of the stack is then known as a whole (Identity.Unreadable).
//
// What it does not do: it reads no document (whoever decides by it does), and
// makes no access key: those are the operator's. It runs in one goroutine.
package identity

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
)

type builder struct {
	*base.Scope
	by     map[key]*model.Identity
	groups map[*model.Identity][]string // of users, by name
}

type key struct {
	kind model.IdentityKind
	name string
}

// Build puts the identities into s.Stack.
func Build(s *base.Scope) {
	b := &builder{s, map[key]*model.Identity{}, map[*model.Identity][]string{}}
	for _, r := range s.Of("AWS::IAM::ManagedPolicy") {
		p := b.add(&model.Identity{LogicalID: r.ID, Kind: model.IAMPolicy, Name: last(r.Ref), ARN: r.Ref, Policies: documents(r), Pos: r.Where()})
		s.Shared.Policies[p.ARN] = p
	}
	for kind, typ := range map[model.IdentityKind]string{model.IAMUser: "AWS::IAM::User", model.IAMRole: "AWS::IAM::Role", model.IAMGroup: "AWS::IAM::Group"} {
		for _, r := range s.Of(typ) {
			b.identity(kind, r)
		}
	}
	for _, r := range s.Of("AWS::IAM::ManagedPolicy") {
		b.hand(r, documents(r))
	}
	for _, r := range s.Of("AWS::IAM::Policy") {
		docs := documents(r)
		b.add(&model.Identity{LogicalID: r.ID, Kind: model.IAMPolicy, Name: r.Props.Get("PolicyName").Text(), Policies: docs, Pos: r.Where()})
		b.hand(r, docs)
	}
	b.single()
	b.join()
	b.doubt()
	slices.SortFunc(s.Stack.Identities, func(a, c *model.Identity) int {
		return strings.Compare(a.LogicalID+"\x00"+a.ARN, c.LogicalID+"\x00"+c.ARN)
	})
}

func (b *builder) add(n *model.Identity) *model.Identity {
	b.Stack.Identities = append(b.Stack.Identities, n)
	return n
}

// documents are those of a resource with one; none says that it is missing.
func documents(r *base.Resource) []string { return []string{r.Props.Get("PolicyDocument").JSON()} }

func last(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// identity builds a user, role or group.
func (b *builder) identity(kind model.IdentityKind, r *base.Resource) {
	n := b.add(&model.Identity{LogicalID: r.ID, Kind: kind, Name: r.Ref, ARN: r.Att("Arn"), Pos: r.Where()})
	b.by[key{kind, n.Name}] = n
	for _, p := range r.Props.Get("Policies").List() {
		n.Policies = append(n.Policies, p.Get("PolicyDocument").JSON())
	}
	for _, arn := range r.Props.Get("ManagedPolicyArns").Texts() {
		b.attach(n, arn)
	}
	if arn := r.Props.Get("PermissionsBoundary").Text(); arn != "" {
		n.Boundary = arn
		if p := b.Shared.Policies[arn]; p != nil {
			n.Boundary = p.Policies[0]
		}
	}
	b.groups[n] = r.Props.Get("Groups").Texts()
}

func (b *builder) attach(n *model.Identity, arn string) {
	if p := b.Shared.Policies[arn]; p != nil {
		n.Policies = append(n.Policies, p.Policies...)
		return
	}
	n.Elsewhere = append(n.Elsewhere, arn)
}

// of is the identity with a name; one that no resource makes is made here.
func (b *builder) of(kind model.IdentityKind, name string) *model.Identity {
	n := b.by[key{kind, name}]
	if n == nil {
		n = b.add(&model.Identity{Kind: kind, Name: name, ARN: "arn:aws:iam::" + b.Stack.AccountID + ":" + kind.String() + "/" + name})
		b.by[key{kind, name}] = n
	}
	return n
}

// hand gives documents to those whom a policy names.
func (b *builder) hand(r *base.Resource, docs []string) {
	for kind, property := range map[model.IdentityKind]string{model.IAMUser: "Users", model.IAMRole: "Roles", model.IAMGroup: "Groups"} {
		for _, name := range r.Props.Get(property).Texts() {
			n := b.of(kind, name)
			n.Policies = append(n.Policies, docs...)
		}
	}
}

// single reads the resources that are for one identity each.
func (b *builder) single() {
	for kind, in := range map[model.IdentityKind][2]string{
		model.IAMUser: {"AWS::IAM::UserPolicy", "UserName"}, model.IAMRole: {"AWS::IAM::RolePolicy", "RoleName"}, model.IAMGroup: {"AWS::IAM::GroupPolicy", "GroupName"},
	} {
		for _, r := range b.Of(in[0]) {
			n, docs := b.of(kind, r.Props.Get(in[1]).Text()), documents(r)
			n.Policies = append(n.Policies, docs...)
			b.add(&model.Identity{LogicalID: r.ID, Kind: model.IAMPolicy, Name: r.Props.Get("PolicyName").Text(), Policies: docs, Pos: r.Where()})
		}
	}
	for _, r := range b.Of("AWS::IAM::UserToGroupAddition") {
		for _, name := range r.Props.Get("Users").Texts() {
			n := b.of(model.IAMUser, name)
			b.groups[n] = append(b.groups[n], r.Props.Get("GroupName").Text())
		}
	}
}

// join gives users what their groups have.
func (b *builder) join() {
	for n, names := range b.groups {
		for _, name := range names {
			if g := b.by[key{model.IAMGroup, name}]; g != nil {
				n.Policies, n.Elsewhere = append(n.Policies, g.Policies...), append(n.Elsewhere, g.Elsewhere...)
			} else {
				n.Unreadable = "it is in the group " + name + ", which no template has"
			}
		}
	}
}

// doubt marks the identities when a resource that may be about them is not
// known as a whole.
func (b *builder) doubt() {
	for _, r := range b.Resources {
		if !r.Partial || !strings.HasPrefix(r.Type, "AWS::IAM::") {
			continue
		}
		for _, n := range b.Stack.Identities {
			n.Unreadable = "the properties of " + r.ID + " cannot be evaluated"
		}
	}
}
