// SPDX-License-Identifier: Apache-2.0

package base

import (
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// Context carries one transform.
type Context struct {
	Options

	// Template is the input with Globals applied and implicit APIs added. An
	// event may change a serverless API in it, as APIs are expanded after
	// functions and state machines.
	Template *tree.Node

	// Out is the result so far: a copy of Template in which each expanded
	// resource has been replaced.
	Out *tree.Node

	// Params are the parameter values, defaults and AWS::Region and
	// AWS::Partition included.
	Params map[string]*tree.Node

	// Renamed maps the logical id of a resource to the one it got in the
	// result, where they differ (a layer version carries a hash).
	Renamed map[string]string

	// RecordSets are the AWS::Route53::RecordSetGroup resources that custom
	// domains share, by logical id. Who makes one emits it; who finds one adds
	// to its RecordSets.
	RecordSets map[string]Resource

	// HashOrder tells that maps of the template are walked in the order that
	// package pydict knows: the template has a REST API, whose definition is
	// hashed.
	HashOrder bool

	// EventOrder is the order in which the events of a resource are walked,
	// where it is neither that of the template nor that of pydict.
	EventOrder map[string][]string

	// Functions are the function names joined by the id of the REST API their
	// events name; a change of a name redeploys the API.
	Functions map[string]string

	// Bag holds what a room keeps between resources of one transform, under
	// the room's own key type.
	Bag map[any]any
}

// NewContext prepares the transform of t, which it may change.
func NewContext(t *tree.Node, o Options) *Context {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Partition == "" {
		o.Partition = PartitionOf(o.Region)
	}
	if o.AccountID == "" {
		o.AccountID = "123456789012"
	}
	c := &Context{
		Options: o, Template: t,
		Params: map[string]*tree.Node{}, Renamed: map[string]string{},
		RecordSets: map[string]Resource{}, Functions: map[string]string{}, EventOrder: map[string][]string{}, Bag: map[any]any{},
	}
	for k, v := range o.Parameters {
		c.Params[k] = v
	}
	if p := t.Get("Parameters"); p.IsMap() {
		for _, e := range p.Entries {
			if d := e.Value.Get("Default"); d != nil && c.Params[e.Key] == nil {
				c.Params[e.Key] = d
			}
		}
	}
	for k, v := range map[string]string{"AWS::Region": o.Region, "AWS::Partition": o.Partition} {
		if c.Params[k] == nil {
			c.Params[k] = tree.NewString(v)
		}
	}
	return c
}

// PartitionOf tells the partition of a region.
func PartitionOf(region string) string {
	region = strings.ToLower(region)
	for _, p := range []struct{ prefix, partition string }{
		{"cn-", "aws-cn"},
		{"us-iso-", "aws-iso"},
		{"us-isob", "aws-iso-b"},
		{"us-gov", "aws-us-gov"},
		{"eu-isoe", "aws-iso-e"},
		{"us-isof", "aws-iso-f"},
		{"eusc-", "aws-eusc"},
	} {
		if strings.HasPrefix(region, p.prefix) {
			return p.partition
		}
	}
	return "aws"
}

// EdgeEndpoints tells whether REST APIs of the partition default to an
// edge-optimized endpoint; elsewhere SAM writes REGIONAL.
func (c *Context) EdgeEndpoints() bool {
	switch c.Partition {
	case "aws-us-gov", "aws-cn", "aws-eusc":
		return false
	}
	return !strings.HasPrefix(c.Partition, "aws-iso")
}

// Resources is the Resources map of the input.
func (c *Context) Resources() *tree.Node { return c.Template.Get("Resources") }

// Lookup finds a resource of the input; nil if there is none.
func (c *Context) Lookup(id string) *tree.Node { return c.Resources().Get(id) }

// LookupOut finds a resource of the result so far; nil if there is none.
func (c *Context) LookupOut(id string) *tree.Node { return c.Out.Get("Resources").Get(id) }

// TypeOf is the Type of a resource or event; empty if it has none.
func TypeOf(res *tree.Node) string {
	s, _ := res.Get("Type").Str()
	return strings.TrimSpace(s)
}

// AddCondition defines a condition in the result.
func (c *Context) AddCondition(name string, v *tree.Node) {
	conds := c.Out.Get("Conditions")
	if !conds.IsMap() {
		conds = tree.NewMap()
		c.Out.Set("Conditions", conds)
	}
	conds.Set(name, v)
}
