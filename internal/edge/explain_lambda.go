// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"github.com/forelane/forelane/internal/edge/account"
	"github.com/forelane/forelane/internal/edgelambda"
	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/model"
)

// announce names a function that runs only when the origin is asked.
func (d *dry) announce(at model.EdgeEvent, f *edgelambda.Function) {
	if f != nil {
		d.ran(at, f.Name(), []string{"it runs when the origin is asked (--fetch asks it)"})
	}
}

// ran writes down a run and what it changed.
func (d *dry) ran(at model.EdgeEvent, name string, changes []string) {
	d.out.Function = append(d.out.Function, explain.Function{
		Event: at.String(), Name: name, Changes: changes, Error: d.x.rec.Function[at].Error,
	})
}

// edited says what the origin-request function changed.
func (d *dry) edited() {
	x := d.x
	f := x.beh.originRequest
	if f == nil || x.rec.Function[model.OriginRequest].Name == "" { // a peer was asked
		return
	}
	var changes []string
	now := x.asked.edited
	switch {
	case x.asked.generated && x.asked.rs != nil:
		changes = append(changes, "answers itself")
	case now != nil:
		x.asked.edited = nil
		was := x.target.members[0].m
		before := x.bare(was).Clone()
		x.asked.edited = now
		changes = account.RequestChanges(before, now)
		if before.Host != now.Host {
			changes = append(changes, "Host "+before.Host+" becomes "+now.Host)
		}
		if o := x.asked.origin; o != was && o.DomainName != was.DomainName {
			changes = append(changes, "origin "+was.DomainName+" becomes "+o.DomainName)
		}
		d.sends(x.asked.origin)
	}
	d.ran(model.OriginRequest, f.Name(), changes)
}

// reply runs the origin-response function and says what it changed.
func (d *dry) reply() stepID {
	x := d.x
	before, status := x.asked.rs.Header.Clone(), x.asked.rs.Status
	next := x.edge.steps[stepReply].run(x)
	var changes []string
	if rs := x.asked.rs; rs != nil {
		changes = account.AnswerChanges(&before, &rs.Header, status, rs.Status)
	}
	d.ran(model.OriginResponse, x.beh.originResponse.Name(), changes)
	return next
}

// respond runs the viewer-response function and says what it changed.
func (d *dry) respond() stepID {
	x := d.x
	before, status := x.rs.Thaw().Clone(), x.rs.Status
	next := x.edge.steps[stepRespond].run(x)
	if r := x.rec.Function[model.ViewerResponse]; r.Name != "" {
		d.ran(model.ViewerResponse, r.Name, account.AnswerChanges(&before, &x.rs.Header, status, x.rs.Status))
	}
	return next
}
