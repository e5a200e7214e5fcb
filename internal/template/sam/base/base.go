// SPDX-License-Identifier: Apache-2.0

// Package base is the ground of the SAM transform: what the rooms that expand
// one kind of AWS::Serverless resource share.
//
// The flow of a transform, as the parent package drives it:
//
//  1. A Context is made from the template and the options.
//  2. Globals and implicit APIs are written into Context.Template.
//  3. Each serverless resource is handed to its room's Expand, in SAM's order
//     (functions, state machines, APIs, the others), which returns the
//     CloudFormation resources that take its place.
//  4. References to generated resources (Ref: Fn.Alias) are rewritten.
//
// Here are the generated-resource type, logical ids with SAM's hash suffix,
// makers of intrinsics, tags and roles, checks of property types, and the
// resolution of parameter references.
//
// What it does not do: it knows no serverless resource type. A Context belongs
// to one goroutine.
package base

import "github.com/forelane/forelane/internal/template/tree"

// Options are what a transform knows besides the template.
type Options struct {
	Region    string // empty: us-east-1
	Partition string // empty: that of the region
	AccountID string // empty: 123456789012

	// Parameters are the values of template parameters. Defaults of the
	// template fill what is absent.
	Parameters map[string]*tree.Node

	// ReadFile loads a local file that a definition names; nil: none is available.
	ReadFile func(path string) (*tree.Node, error)
}

// Resource is one resource of the result.
type Resource struct {
	ID   string
	Node *tree.Node // Type, Properties and attributes; shared, not copied
}

// NewResource makes a resource of the given type with empty Properties.
func NewResource(id, typ string) Resource {
	n := tree.NewMap().With("Type", tree.NewString(typ)).With("Properties", tree.NewMap())
	return Resource{ID: id, Node: n}
}

// Type is the CloudFormation type.
func (r Resource) Type() string {
	s, _ := r.Node.Get("Type").Str()
	return s
}

// Props is the Properties map.
func (r Resource) Props() *tree.Node { return r.Node.Get("Properties") }

// Set puts a property. A value that is absent or null leaves the resource as
// it was, as a property that the user did not give is not emitted.
func (r Resource) Set(name string, v *tree.Node) Resource {
	if !v.IsNull() {
		r.Props().Set(name, v)
	}
	return r
}

// SetAll puts the named properties of from, as they are and not copied.
func (r Resource) SetAll(from *tree.Node, names ...string) Resource {
	for _, n := range names {
		r.Set(n, from.Get(n))
	}
	return r
}

// Attr puts an attribute beside Properties, such as DependsOn.
func (r Resource) Attr(name string, v *tree.Node) Resource {
	if !v.IsNull() {
		r.Node.Set(name, v)
	}
	return r
}

// Names of the attributes that SAM copies.
const (
	Condition           = "Condition"
	DependsOn           = "DependsOn"
	DeletionPolicy      = "DeletionPolicy"
	UpdatePolicy        = "UpdatePolicy"
	UpdateReplacePolicy = "UpdateReplacePolicy"
	Metadata            = "Metadata"
)

// PassThrough copies to r the attributes that every resource generated from
// res inherits: Condition, DeletionPolicy and UpdateReplacePolicy.
func (r Resource) PassThrough(res *tree.Node) Resource {
	for _, a := range []string{Condition, DeletionPolicy, UpdateReplacePolicy} {
		r.Attr(a, res.Get(a).Clone())
	}
	return r
}

// Inherit copies to r, the resource that stands for res itself, all attributes
// that res may carry: those of PassThrough, UpdatePolicy, Metadata and
// DependsOn.
func (r Resource) Inherit(res *tree.Node) Resource {
	r.PassThrough(res)
	for _, a := range []string{UpdatePolicy, Metadata} {
		r.Attr(a, res.Get(a).Clone())
	}
	if d := res.Get(DependsOn); Truthy(d) {
		r.Attr(DependsOn, d.Clone())
	}
	return r
}
