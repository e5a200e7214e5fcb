// SPDX-License-Identifier: Apache-2.0

// Package model holds the nouns of a stack as plain structs: what the user
// wrote, resolved. Package template makes a Stack; every plane compiles its
// own running form from it (`Compile(model, deps)`) and never writes to it.
//
// Conventions: times are time.Duration; a pointer is nil where the template
// says nothing and that differs from zero; ARNs and ids have AWS's shape; Pos
// is file:line:col of the resource for messages.
//
// What it does not do: no I/O, no behaviour but Validate and lookups.
// A Stack is read-only once built and may then be shared.
package model

// Stack is one evaluated template.
type Stack struct {
	Name      string
	Region    string // us-east-1 when not said otherwise
	AccountID string // 123456789012 when not said otherwise
	URLSuffix string // amazonaws.com
	// Revision names what the stack was evaluated from, the same on all nodes;
	// empty: nobody said.
	Revision string

	Distributions  []*Distribution
	EdgeFunctions  []*EdgeFunction
	KeyValueStores []*KeyValueStore
	WebACLs        []*WebACL
	APIs           []*API
	APIKeys        []*APIKey
	UsagePlans     []*UsagePlan
	Domains        []*Domain
	Functions      []*Function
	Identities     []*Identity
	Buckets        []*Bucket
	Privates       []*PrivateOrigin
	Endpoints      []*Endpoint
	Zones          []*Zone
	HealthChecks   []*HealthCheck
	LogDeliveries  []*LogDelivery
	Opaque         []*Opaque // parsed and kept, not run
	Outputs        []Output
}

// Opaque is a resource that is kept and not run.
type Opaque struct {
	LogicalID string
	Type      string
	Ref       string
	Pos       string
}

// Output is one entry of the Outputs section.
type Output struct {
	Name        string
	Description string
	Value       string
	ExportName  string // empty when not exported
}

// Function returns the function with this name, ARN (qualified or not) or
// logical id, and the qualifier that the reference carried; nil if there is none.
func (s *Stack) Function(ref string) (fn *Function, qualifier string) {
	name, qualifier := SplitFunctionRef(ref)
	for _, f := range s.Functions {
		if f.Name == name || f.LogicalID == name {
			return f, qualifier
		}
	}
	return nil, ""
}

// API returns the API with this id or logical id, or nil.
func (s *Stack) API(ref string) *API {
	for _, a := range s.APIs {
		if a.ID == ref || a.LogicalID == ref {
			return a
		}
	}
	return nil
}

// Bucket returns the bucket with this name or logical id, or nil.
func (s *Stack) Bucket(ref string) *Bucket {
	for _, b := range s.Buckets {
		if b.Name == ref || b.LogicalID == ref {
			return b
		}
	}
	return nil
}
