// SPDX-License-Identifier: Apache-2.0

// Package connector expands AWS::Serverless::Connector: "this resource may
// read from or write to that one".
//
// The flow:
//
//  1. Lift, before any resource is expanded, turns the Connectors attribute of
//     a resource into connector resources called <Resource><Connector>.
//  2. Expand, after all other resources, finds both ends in the result
//     (end.go), asks package grant for the policy or the permissions, and
//     makes the resources wait for each other where AWS needs it.
//
// What it does not do: it judges no policy. A Context belongs to one
// goroutine, so Expand does too.
package connector

import (
	"errors"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/grant"
	"github.com/forelane/forelane/internal/template/tree"
)

// Type is the resource type of a connector.
const Type = "AWS::Serverless::Connector"

// Lift replaces the Connectors attributes of c.Template by resources.
func Lift(c *base.Context) error {
	all := c.Resources()
	var errs []error
	for _, e := range all.Entries {
		conns := e.Value.Get("Connectors")
		if conns == nil {
			continue
		}
		e.Value.Delete("Connectors")
		if !conns.IsMap() {
			errs = append(errs, base.Errorf(e.Key, conns, "Connectors must be a map of connectors"))
			continue
		}
		for _, ce := range conns.Entries {
			id := e.Key + ce.Key
			conn, err := lift(e.Key, ce.Key, ce.Value)
			if err == nil && all.Has(id) {
				err = base.Errorf(e.Key, ce.Value, "connector %s needs the logical id %s, which another resource has", ce.Key, id)
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			all.Set(id, conn)
		}
	}
	return errors.Join(errs...)
}

// lift makes the resource for one embedded connector of the resource owner.
func lift(owner, name string, embedded *tree.Node) (*tree.Node, error) {
	if !embedded.IsMap() {
		return nil, base.Errorf(owner, embedded, "connector %s must be a map", name)
	}
	props := embedded.Get("Properties")
	if !props.IsMap() {
		return nil, base.Errorf(owner, embedded, "connector %s must have a map of Properties", name)
	}
	source := base.Map("Id", owner)
	source.Pos = embedded.Pos
	out := tree.NewMap()
	out.Pos = props.Pos
	for _, e := range props.Entries {
		if e.Key != "SourceReference" {
			out.Entries = append(out.Entries, e)
			continue
		}
		if !e.Value.IsMap() {
			return nil, base.Errorf(owner, e.Value, "SourceReference of connector %s must be a map", name)
		}
		if e.Value.Has("Id") {
			return nil, base.Errorf(owner, e.Value, "SourceReference of connector %s cannot have an Id: the source is %s itself", name, owner)
		}
		for _, r := range e.Value.Entries {
			source.Set(r.Key, r.Value)
		}
	}
	out.Set("Source", source)
	res := embedded.Clone()
	res.Set("Type", tree.NewString(Type))
	res.Set("Properties", out)
	return res, nil
}

func props() []base.Prop {
	return []base.Prop{
		{Name: "Source", Check: base.IsMap, Required: true},
		{Name: "Destination", Check: base.OneOf(base.IsMap, base.ListOf(base.IsMap)), Required: true},
		{Name: "Permissions", Check: base.ListOf(base.IsString), Required: true},
	}
}

// Expand makes the resources of one connector. It reads c.Out, in which the
// other resources are already expanded, and adds to their DependsOn.
func Expand(c *base.Context, id string, res *tree.Node) ([]base.Resource, error) {
	if err := base.CheckResource(id, res, props()); err != nil {
		return nil, err
	}
	p := res.Get("Properties")
	source := p.Get("Source")
	access, err := permissions(id, p.Get("Permissions"))
	if err != nil {
		return nil, err
	}
	dests := p.Get("Destination")
	many := dests.IsList()
	if !many {
		dests = tree.NewList(dests)
	}
	if dests.Len() == 0 {
		return nil, base.Errorf(id, dests, "Destination is an empty list")
	}
	var out []base.Resource
	for i, d := range dests.Items {
		link := grant.Link{ID: id, At: res, Like: res, Access: access}
		if many {
			link.Suffix = grant.Nth(i)
		}
		if link.Destination, err = end(c, id, d, source); err != nil {
			return nil, err
		}
		if link.Source, err = end(c, id, source, d); err != nil {
			return nil, err
		}
		made, err := connect(c, link)
		if err != nil {
			return nil, err
		}
		out = append(out, made...)
	}
	relinkDependsOn(c.Out.Get("Resources"), id, out)
	return out, nil
}

func permissions(id string, n *tree.Node) ([]string, error) {
	if !n.IsList() {
		return nil, base.Errorf(id, n, "Permissions must be a list of Read and Write")
	}
	var out []string
	for _, it := range n.Items {
		s, _ := it.Str()
		out = append(out, s)
	}
	return out, nil
}

// connect makes the resources of one pair of ends.
func connect(c *base.Context, link grant.Link) ([]base.Resource, error) {
	made, wait, err := link.Resources()
	if err != nil {
		return nil, err
	}
	all := c.Out.Get("Resources")
	if src, dst := link.Source.ID, link.Destination.ID; src != "" {
		if wait.Mapping && dst != "" {
			// Two mappings of one pair cannot be deployed, so which of them
			// would have to wait is not a question.
			if ms := mappings(all, src, dst); len(ms) == 1 {
				addDependsOn(ms[0], made[0].ID)
			}
		}
		if wait.Source {
			addDependsOn(all.Get(src), made[0].ID)
		}
	}
	return made, nil
}
