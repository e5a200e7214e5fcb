// SPDX-License-Identifier: Apache-2.0

package template

import (
	"slices"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

const identities = `Resources:
  Doc:
    Type: AWS::IAM::ManagedPolicy
    Properties: {ManagedPolicyName: read, Path: /api/, PolicyDocument: {Statement: {Sid: managed}}, Users: [outside]}
  Edge: {Type: AWS::IAM::ManagedPolicy, Properties: {PolicyDocument: {Statement: {Sid: boundary}}}}
  Staff:
    Type: AWS::IAM::Group
    Properties: {GroupName: staff, ManagedPolicyArns: [!Ref Doc], Policies: [{PolicyName: p, PolicyDocument: {Statement: {Sid: group}}}]}
  Alice:
    Type: AWS::IAM::User
    Properties:
      UserName: alice
      Path: /people/
      Groups: [!Ref Staff]
      PermissionsBoundary: !Ref Edge
      ManagedPolicyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
      Policies: [{PolicyName: p, PolicyDocument: {Statement: {Sid: user, Resource: !Sub "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:x/*"}}}]
  Service: {Type: AWS::IAM::Role, Properties: {RoleName: service, AssumeRolePolicyDocument: {}}}
  Attached: {Type: AWS::IAM::Policy, Properties: {PolicyName: q, PolicyDocument: {Statement: {Sid: attached}}, Roles: [!Ref Service], Groups: [staff]}}
  One: {Type: AWS::IAM::UserPolicy, Properties: {PolicyName: one, UserName: alice, PolicyDocument: {Statement: {Sid: one}}}}
  Joins: {Type: AWS::IAM::UserToGroupAddition, Properties: {GroupName: staff, Users: [bob]}}
  Fn:
    Type: AWS::Lambda::Function
    Properties: {Runtime: nodejs22.x, Handler: index.handler, Role: r, Code: {ZipFile: "exports.handler = null"}}
  May:
    Type: AWS::Lambda::Permission
    Properties: {FunctionName: !Ref Fn, Action: "lambda:InvokeFunctionUrl", Principal: "210987654321", FunctionUrlAuthType: AWS_IAM, PrincipalOrgID: o-1}
`

func TestA13IdentitiesAreRead(t *testing.T) {
	st := project(t, map[string]string{"template.yaml": identities}, Options{}).Stack
	find := func(kind model.IdentityKind, name string) *model.Identity {
		for _, n := range st.Identities {
			if n.Kind == kind && n.Name == name {
				return n
			}
		}
		t.Fatalf("no %s %s", kind, name)
		return nil
	}
	sids := func(n *model.Identity) string {
		var out []string
		for _, p := range n.Policies {
			_, rest, _ := strings.Cut(p, `"Sid":"`)
			sid, _, _ := strings.Cut(rest, `"`)
			out = append(out, sid)
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	for _, tt := range []struct {
		kind                  model.IdentityKind
		name, arn, sids, also string
	}{
		{model.IAMUser, "alice", "arn:aws:iam::123456789012:user/people/alice", "attached group managed one user", "arn:aws:iam::aws:policy/ReadOnlyAccess"},
		{model.IAMUser, "bob", "arn:aws:iam::123456789012:user/bob", "attached group managed", ""},
		{model.IAMUser, "outside", "arn:aws:iam::123456789012:user/outside", "managed", ""},
		{model.IAMRole, "service", "arn:aws:iam::123456789012:role/service", "attached", ""},
		{model.IAMPolicy, "read", "arn:aws:iam::123456789012:policy/api/read", "managed", ""},
		{model.IAMPolicy, "q", "", "attached", ""},
		{model.IAMPolicy, "one", "", "one", ""},
	} {
		n := find(tt.kind, tt.name)
		if n.ARN != tt.arn || sids(n) != tt.sids || strings.Join(n.Elsewhere, " ") != tt.also || n.Unreadable != "" {
			t.Errorf("%s %s: %s has %s and %v (%s)", tt.kind, tt.name, n.ARN, sids(n), n.Elsewhere, n.Unreadable)
		}
	}
	if alice := find(model.IAMUser, "alice"); !strings.Contains(alice.Boundary, "boundary") || !strings.Contains(alice.Policies[0], "arn:aws:execute-api:us-east-1:123456789012:x/*") {
		t.Errorf("alice %+v", alice)
	}
	want := model.Permission{Action: "lambda:InvokeFunctionUrl", Principal: "210987654321", AuthType: "AWS_IAM", OrgID: "o-1"}
	got := st.Functions[0].Permissions
	if len(got) != 1 || got[0].Pos == "" {
		t.Fatalf("permissions %+v", got)
	}
	if got[0].Pos = ""; got[0] != want {
		t.Errorf("permissions %+v", got)
	}
}

// TestA13DoubtfulIdentities: what cannot be evaluated may deny anything to
// anybody, and so may a group that is elsewhere.
func TestA13DoubtfulIdentities(t *testing.T) {
	const broken = `
  Broken: {Type: AWS::IAM::Policy, Properties: {PolicyName: b, PolicyDocument: !GetAtt Nobody.Policy, Users: [carol]}}
  Carol: {Type: AWS::IAM::User, Properties: {UserName: carol}}
`
	text := strings.Replace(broken, "!GetAtt Nobody.Policy", `!Select [7, [a]]`, 1)
	for _, n := range project(t, map[string]string{"template.yaml": "Resources:" + text}, Options{}).Stack.Identities {
		if !strings.Contains(n.Unreadable, "Broken") {
			t.Errorf("%s %s is not in doubt", n.Kind, n.Name)
		}
	}
	st := project(t, map[string]string{"template.yaml": "Resources:\n  Dave: {Type: AWS::IAM::User, Properties: {UserName: dave, Groups: [elsewhere]}}\n"}, Options{}).Stack
	if len(st.Identities) != 1 || !strings.Contains(st.Identities[0].Unreadable, "elsewhere") {
		t.Errorf("%+v", st.Identities)
	}
}
