// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"

	"github.com/forelane/forelane/internal/edge/made"
	"github.com/forelane/forelane/internal/edgefunc"
)

// What a viewer-request function asks of the origin (row E3): settings of the
// behavior's own origin (update), another origin of the distribution (select),
// or two of them as a group.
//
// An override makes a new model.Origin of the one that it changes. In the cache
// key it stands behind the origin's id,
//
//	origin=api~Zx3...        api, changed
//	origin=+a+b~9kL...       a group of a and of b, which is changed
//
// for what comes from elsewhere, or is asked for by another name or with other
// headers, is another object. Connections are kept for each such origin, as
// long as it is one of the last of its distribution: a function can
// make them of what viewers send.

// Made is the way to an origin that a function made.
type Made = made.Way

// chooseOrigin does what the function asked for. What cannot be is an error of
// the function (502), as at CloudFront.
func (x *Exchange) chooseOrigin(o *edgefunc.Origin) stepID {
	ref, id, err := x.chosen(o)
	if err != nil {
		err := &edgefunc.Error{Kind: edgefunc.Validation, Function: x.beh.viewerRequest.Name(), Message: err.Error()}
		x.rec.Function[0].Error = err.Error()
		return x.functionFailed(err)
	}
	if ref != nil {
		x.target, x.keyed.origin = ref, id
	}
	return stepKey
}

// chosen is what the function asked for, and what it is called in the key. Nil:
// what the behavior has anyway.
func (x *Exchange) chosen(o *edgefunc.Origin) (ref *originRef, id string, err error) {
	own := x.beh.target
	switch {
	case o.Action == edgefunc.OriginUpdate && o.Override.Empty():
		return nil, "", nil
	case o.Action == edgefunc.OriginUpdate:
		if own.members[0].m.VPCOrigin != "" {
			return nil, "", fmt.Errorf("origin %s is a VPC origin, which updateRequestOrigin cannot change", own.members[0].m.ID)
		}
		m, mark, err := x.made(own.members[0], &o.Override)
		if err != nil {
			return nil, "", err
		}
		ref = &originRef{members: append([]member{m}, own.members[1:]...), statuses: own.statuses, made: true}
		return ref, x.beh.m.Target + mark, nil
	case o.Action == edgefunc.OriginSelect && o.Select[0].ID == x.beh.m.Target && o.Select[0].Override.Empty():
		return nil, "", nil
	}
	ref = &originRef{statuses: o.StatusCodes}
	for i := range o.Select {
		m, mark, err := x.pick(&o.Select[i])
		if err != nil {
			return nil, "", err
		}
		ref.members, ref.made = append(ref.members, m), ref.made || mark != ""
		id += "+" + m.m.ID + mark
	}
	return ref, id, nil
}

// pick finds an origin by its id, and changes its names.
func (x *Exchange) pick(c *edgefunc.OriginChoice) (m member, mark string, err error) {
	if x.dist.m.Origin(c.ID) == nil {
		return m, "", fmt.Errorf("the distribution has no origin %.60q", c.ID)
	}
	m = x.dist.origins[c.ID].members[0]
	if m.m.ClientCert != "" {
		return m, "", fmt.Errorf("origin %s has mTLS: a function cannot select it", c.ID)
	}
	if c.Override.Empty() {
		return m, "", nil
	}
	return x.made(m, &c.Override)
}

// made is a member with an override, and its mark in the key.
func (x *Exchange) made(from member, ov *edgefunc.Override) (m member, mark string, err error) {
	next, err := made.Override(from.m, ov)
	if err != nil {
		return m, "", err
	}
	key := next.Key()
	m, err = x.reach(from, next, key)
	return m, key.Mark(), err
}

// reach is a member of which c is what it has become; key is c's.
func (x *Exchange) reach(m member, c *made.Origin, key made.Key) (member, error) {
	m.m = c.Model()
	if !c.Moved || m.m.VPCOrigin != "" { // the way there is the same
		return m, nil
	}
	to, err := x.dist.made.Get(key, func() (Made, error) {
		if x.edge.deps.Made == nil {
			return Made{}, fmt.Errorf("origin %s cannot be changed here", m.m.ID)
		}
		return x.edge.deps.Made(x.dist.m, m.m)
	})
	if err != nil {
		return m, err
	}
	m.rt = to.RoundTripper
	m.direct, _ = m.rt.(Asker)
	m.choice, _ = m.rt.(Chooser)
	return m, nil
}

// CloseMade lets go of the connections to origins that functions made. No
// request may be under way.
func (e *Edge) CloseMade() {
	for _, d := range e.dists {
		d.made.Close()
	}
}
