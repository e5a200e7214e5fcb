// SPDX-License-Identifier: Apache-2.0

package model

// IdentityKind is what an Identity is: a closed list.
type IdentityKind uint8

// The kinds of identities.
const (
	IAMUser IdentityKind = iota
	IAMRole
	IAMGroup
	IAMPolicy // managed, or inline with a logical id of its own
)

// String is the part of an ARN that says it.
func (k IdentityKind) String() string { return [...]string{"user", "role", "group", "policy"}[k&3] }

// Identity is a user, role, group or policy of IAM that the template has: what
// decides for those who sign requests as it. One that only policies name, and no
// resource makes, has no LogicalID.
type Identity struct {
	LogicalID string
	Kind      IdentityKind
	Name      string
	ARN       string // empty for an inline policy
	// Policies are documents, as JSON: a user's have those of its groups.
	Policies []string
	// Elsewhere are the ARNs of attached policies that no template has.
	Elsewhere []string
	// Boundary is the permissions boundary, as JSON or as an ARN that no template
	// has; empty: none.
	Boundary string
	// Unreadable says why its policies are not known as a whole; whoever is asked
	// must then refuse. Empty: they are.
	Unreadable string
	Pos        string
}

// Permission is a statement of a function's policy: who may call it, and how.
type Permission struct {
	Qualifier string // of the version or alias; empty: the function itself
	Action    string
	Principal string // *, an account, an ARN or a service
	// Conditions; empty: none.
	SourceARN, SourceAccount, OrgID, AuthType string
	// ViaURL says that it is for calls by the function's URL alone.
	ViaURL bool
	Pos    string
}
