// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/edge/account"
	"github.com/forelane/forelane/internal/edge/made"
	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// function runs the viewer-request function and says what it changed.
func (d *dry) function() stepID {
	x := d.x
	before := x.rq.Clone()
	next := x.edge.steps[stepFunction].run(x)
	f := explain.Function{Event: "viewer-request", Name: x.beh.viewerRequest.Name(), Error: x.rec.Function[0].Error}
	if next == stepHeaders && f.Error == "" {
		f.Changes = append(f.Changes, "answers itself")
	}
	f.Changes = append(f.Changes, account.RequestChanges(before, x.rq)...)
	if x.keyed.origin != x.beh.m.Target {
		f.Changes = append(f.Changes, x.choiceText())
	}
	d.out.Function = append(d.out.Function, f)
	return next
}

// groupName is what the origin group in use is called.
func (x *Exchange) groupName() string {
	if strings.HasPrefix(x.keyed.origin, "+") {
		return "the group that the function made"
	}
	return x.beh.m.Target
}

// choiceText says which origin the function chose, and what it made of it.
func (x *Exchange) choiceText() string {
	var parts []string
	for _, m := range x.target.members {
		text := m.m.ID
		if m.m.Made != nil {
			text += " (" + made.Text(x.dist.m.Origin(m.m.ID), m.m) + ")"
		}
		parts = append(parts, text)
	}
	return "chooses origin " + strings.Join(parts, ", then ")
}

// request says who would be asked, with what.
func (d *dry) request() {
	x := d.x
	m := x.target.members[0]
	to := &explain.Origin{ID: m.m.ID, Host: m.m.DomainName, Why: "the behavior points to it"}
	switch {
	case len(x.target.members) > 1:
		to.Why = "the primary of " + x.groupName() + "; the secondary is " + x.target.members[1].m.ID
	case x.keyed.origin != x.beh.m.Target:
		to.Why = "the function chose it"
	}
	d.out.Origin = to
	d.sends(m.m)
	if !d.fetch {
		d.announce(model.OriginRequest, x.beh.originRequest)
		d.announce(model.OriginResponse, x.beh.originResponse)
	}
	if d.fetch && !safe(x.rq.Method) {
		d.fetch = false
		d.out.Warnings = append(d.out.Warnings, "the origin is not asked with "+x.rq.Method+": that could change something there")
	}
}

// sends says what o is sent.
func (d *dry) sends(o *model.Origin) {
	x, to := d.x, d.out.Origin
	rq := x.outgoing(o)
	h := rq.Header.Clone()
	if !d.fetch {
		x.addConditions(&h)
	}
	to.Request, to.Forwarded, to.Dropped = rq.Method+" "+rq.Target(), [][2]string{{"Host", rq.Host}}, nil
	for _, f := range h.Fields() {
		to.Forwarded = append(to.Forwarded, [2]string{f.Name, hidden(o.Headers, f)})
	}
	for _, f := range x.rq.Header.Fields() {
		if !h.Has(f.Name) && !slices.Contains(to.Dropped, f.Name) {
			to.Dropped = append(to.Dropped, f.Name)
		}
	}
}

// fetched says what came of asking.
func (d *dry) fetched() {
	x, to := d.x, d.out.Origin
	d.edited()
	if x.asked.generated { // nobody was asked
		d.out.Origin = nil
		return
	}
	r := &x.rec.Origin
	to.Asked, to.ID, to.Host = true, r.ID, r.Host
	to.Status, to.Tries, to.Took, to.Error = r.Status, r.Tries, r.FirstByte, r.Error
	if r.Failover {
		to.Why = "the secondary of " + x.groupName() + ": the primary failed"
	}
	status := x.asked.status
	if x.asked.rs != nil {
		status = x.asked.rs.Status
	}
	if o := x.store.obj; o != nil && x.keyed.cacheable && x.mayStandIn(o, status) {
		d.out.Warnings = append(d.out.Warnings, "the expired answer would be served in place of this error (rows F8, F9)")
	}
}

// read takes the origin's body: its digest, and its beginning.
func (d *dry) read() {
	x, to := d.x, &d.out.Answer
	f := &x.asked.freshness
	to.Stored = x.keyed.cacheable && f.Store && f.TTL > 0
	src := x.body.src
	if src == nil {
		return
	}
	var shown bytes.Buffer
	sum := sha256.New()
	_, err := io.Copy(io.MultiWriter(sum, &limited{&shown, explain.MaxShown}), io.LimitReader(src, explain.MaxBody))
	if err != nil {
		d.out.Warnings = append(d.out.Warnings, "the origin's body broke off: "+err.Error())
		return
	}
	to.Digest, to.Body = hex.EncodeToString(sum.Sum(nil)), shown.Bytes()
}

// limited keeps the first bytes of what is written to it.
type limited struct {
	to   *bytes.Buffer
	room int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.room-l.to.Len())
	l.to.Write(p[:max(n, 0)])
	return len(p), nil
}

// page says which custom error page stands for the answer.
func (d *dry) page() stepID {
	x := d.x
	if c := x.errorPage(); c != nil {
		status := x.rs.Status
		if c.ResponseCode != 0 {
			status = c.ResponseCode
		}
		d.out.Response = append(d.out.Response, "the custom error page "+c.PagePath+" stands for status "+strconv.Itoa(x.rs.Status)+", sent as "+strconv.Itoa(status))
		x.rs.Status = status
		return stepHeaders
	}
	own := *x.dist
	own.errors = nil // select must not fetch a page
	x.dist = &own
	return stepSelect
}

// headers says what the response headers policy and the edge write.
func (d *dry) headers() stepID {
	x := d.x
	var before httpmsg.Header
	for f := range x.rs.Fields() {
		before.Add(f.Name, f.Value)
	}
	next := x.edge.steps[stepHeaders].run(x)
	var after httpmsg.Header
	for f := range x.rs.Fields() {
		after.Add(f.Name, f.Value)
	}
	for _, c := range account.FieldChanges(&before, &after) {
		if !strings.HasPrefix(c, "X-Amz-Cf-Id ") && !strings.HasPrefix(c, "Date ") {
			d.out.Response = append(d.out.Response, c)
		}
	}
	return next
}

// hidden is the value of a field, or stars when the origin's settings add it:
// such values are secrets more often than not.
func hidden(custom []model.HeaderField, f httpmsg.Field) string {
	for _, c := range custom {
		if strings.EqualFold(c.Name, f.Name) {
			return "*** (set by the origin's custom headers)"
		}
	}
	return f.Value
}
