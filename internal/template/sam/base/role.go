// SPDX-License-Identifier: Apache-2.0

package base

import (
	_ "embed"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// AssumeRole is the trust policy for AWS services, by principal.
func AssumeRole(services ...string) *tree.Node {
	st := Map("Action", tree.NewStrings("sts:AssumeRole"), "Effect", "Allow",
		"Principal", Map("Service", tree.NewStrings(services...)))
	return Map("Version", "2012-10-17", "Statement", tree.NewList(st))
}

// Allow makes an IAM policy {PolicyName, PolicyDocument} without Version that
// allows one action on one resource, the form of SAM's small policies.
func Allow(name, action string, resource *tree.Node) *tree.Node {
	st := Map("Action", action, "Effect", "Allow", "Resource", resource)
	return Map("PolicyName", name, "PolicyDocument", Map("Statement", tree.NewList(st)))
}

// PolicyKind says what one entry of a Policies property is.
type PolicyKind uint8

// The kinds of policies.
const (
	UnknownPolicy   PolicyKind = iota
	ManagedPolicy              // a name, an ARN or an intrinsic
	StatementPolicy            // a policy document
	TemplatePolicy             // a SAM policy template
)

// KindOfPolicy classifies an entry of Policies. isTemplate tells the names of
// policy templates; nil: there are none.
func KindOfPolicy(n *tree.Node, isTemplate func(string) bool) (PolicyKind, error) {
	name, arg, fn := n.Intrinsic()
	switch {
	case n.IsString():
		return ManagedPolicy, nil
	case fn && name == "Fn::If":
		return kindOfIf(arg, isTemplate)
	case fn:
		return ManagedPolicy, nil
	case n.Has("Statement"):
		return StatementPolicy, nil
	case isTemplate != nil && n.IsMap() && len(n.Entries) == 1 && isTemplate(n.Entries[0].Key):
		return TemplatePolicy, nil
	}
	return UnknownPolicy, nil
}

func kindOfIf(arg *tree.Node, isTemplate func(string) bool) (PolicyKind, error) {
	if !arg.IsList() || len(arg.Items) != 3 {
		return 0, arg.Errorf("Fn::If takes a list of three: condition, value if true, value if false")
	}
	yes, err := KindOfPolicy(arg.Items[1], isTemplate)
	if err != nil {
		return 0, err
	}
	no, err := KindOfPolicy(arg.Items[2], isTemplate)
	switch {
	case err != nil:
		return 0, err
	case yes == no, IsNoValue(arg.Items[2]):
		return yes, nil
	case IsNoValue(arg.Items[1]):
		return no, nil
	}
	return 0, arg.Errorf("both values of this Fn::If must be policies of the same kind")
}

// Role describes an execution role that SAM makes for a resource.
type Role struct {
	Owner    string       // id of the resource; the role is called <Owner>Role
	Source   *tree.Node   // the resource, for PassThrough and positions
	Trust    *tree.Node   // AssumeRolePolicyDocument
	Managed  []*tree.Node // ARNs that SAM adds before the user's
	Inline   []*tree.Node // policies that SAM adds before the user's
	Policies *tree.Node   // the user's Policies property, templates expanded
	Path     *tree.Node
	Boundary *tree.Node
	Tags     *tree.Node
}

// Build makes the AWS::IAM::Role.
func (r Role) Build(c *Context) (Resource, error) {
	id := r.Owner + "Role"
	managed := append([]*tree.Node(nil), r.Managed...)
	inline := append([]*tree.Node(nil), r.Inline...)
	for i, p := range PolicyList(r.Policies) {
		kind, err := KindOfPolicy(p, nil)
		if err != nil {
			e := Errorf(r.Owner, p, "Policies: %v", err)
			return Resource{}, e
		}
		p = p.Clone()
		switch kind {
		case StatementPolicy:
			inline = append(inline, onIf(p, anyBranch, func(doc *tree.Node) *tree.Node {
				return Map("PolicyName", id+"Policy"+itoa(i), "PolicyDocument", doc)
			}))
		case ManagedPolicy:
			p = onIf(p, (*tree.Node).IsString, func(n *tree.Node) *tree.Node {
				if n.IsString() {
					return tree.NewString(c.ManagedARN(n.Text))
				}
				return n
			})
			if !contains(managed, p) {
				managed = append(managed, p)
			}
		default:
			e := Errorf(r.Owner, p, "policy %d of Policies is neither a managed policy, a policy document nor a known policy template", i)
			e.Mend = "check the spelling of the template's name"
			return Resource{}, e
		}
	}
	role := NewResource(id, "AWS::IAM::Role").PassThrough(r.Source)
	role.Set("AssumeRolePolicyDocument", r.Trust)
	role.Set("ManagedPolicyArns", tree.NewList(managed...))
	if len(inline) > 0 {
		role.Set("Policies", tree.NewList(inline...))
	}
	role.Set("Path", r.Path.Clone()).Set("PermissionsBoundary", r.Boundary.Clone()).Set("Tags", r.Tags)
	return role, nil
}

// PolicyList is the Policies property as a list; one entry may stand alone.
func PolicyList(n *tree.Node) []*tree.Node {
	switch {
	case !Truthy(n):
		return nil
	case n.IsList():
		return n.Items
	}
	return []*tree.Node{n}
}

func anyBranch(n *tree.Node) bool { return !IsNoValue(n) }

// onIf applies f to n, or to the branches of n, an Fn::If, that pass take.
func onIf(n *tree.Node, take func(*tree.Node) bool, f func(*tree.Node) *tree.Node) *tree.Node {
	if !IsIf(n) {
		return f(n)
	}
	items := n.Entries[0].Value.Items
	for i := 1; i < len(items); i++ {
		if take(items[i]) {
			items[i] = f(items[i])
		}
	}
	return n
}

func contains(l []*tree.Node, n *tree.Node) bool {
	for _, it := range l {
		if tree.Equal(it, n) {
			return true
		}
	}
	return false
}

// managedPolicies lists the names of AWS managed policies; a line that begins
// with / is the path of the names after it.
//
//go:embed managed.txt
var managedPolicies string

// ManagedARN is the ARN of an AWS managed policy; a name that is not known is
// returned as it is.
func (c *Context) ManagedARN(name string) string {
	if name == "" || strings.ContainsAny(name, "/\n") {
		return name
	}
	i := strings.Index(managedPolicies, "\n"+name+"\n")
	if i < 0 {
		return name
	}
	before := managedPolicies[:i+1]
	j := strings.LastIndex(before, "\n/")
	path := before[j+1:]
	path, _, _ = strings.Cut(path, "\n")
	return "arn:" + c.Partition + ":iam::aws:policy" + path + name
}

// AWSPolicy is the ARN of a managed policy by its full path and name.
func (c *Context) AWSPolicy(pathAndName string) *tree.Node {
	return tree.NewString("arn:" + c.Partition + ":iam::aws:policy/" + pathAndName)
}
