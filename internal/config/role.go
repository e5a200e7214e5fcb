// SPDX-License-Identifier: Apache-2.0

package config

// Role is a part of Forelane that a node runs. The list is closed.
type Role string

// The roles.
const (
	RoleEdge     Role = "edge"     // distributions: cache, web ACLs, edge functions
	RoleGateway  Role = "gateway"  // APIs, function URLs
	RoleFunction Role = "function" // Lambda functions, beside their gateway
	RoleControl  Role = "control"  // deploys, rollbacks, history
	RoleDNS      Role = "dns"      // zones
)

// String is the role's word in the file.
func (r Role) String() string { return string(r) }

// roleNames are the roles that a file may name.
func roleNames() []string {
	return []string{string(RoleEdge), string(RoleGateway), string(RoleFunction), string(RoleControl), string(RoleDNS)}
}
