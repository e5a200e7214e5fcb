// SPDX-License-Identifier: Apache-2.0

package edge

// A behavior with a real-time log tells it of a part of its viewers' requests
// (row E13), of those too that were refused before their behavior was looked
// for. What only such a log asks for is looked up for the sample alone; without
// one a request pays for a look at one bool.

func (e *Edge) compileRealtime(d *distribution, b *behavior) {
	if e.deps.Realtime == nil {
		return
	}
	b.realtime = e.deps.Realtime(b.m)
	d.realtime = d.realtime || b.realtime != nil
	b.keepHead = b.realtime.NeedsHead() && (b.viewerRequest != nil || b.keys != nil)
}

// keepHead keeps the fields as the viewer sent them: signed cookies are taken
// out, and a function may change the rest.
func (x *Exchange) keepHead() {
	h := x.rq.Header.Clone()
	x.seen = &h
	x.rec.Request.Header = x.seen
}

// tellRealtime writes the record of a request, if it is of the sample.
func (x *Exchange) tellRealtime() {
	b := x.beh
	if b == nil { // refused before
		if b = x.dist.behaviorOf(x.rec.Request.Path); b == nil {
			return
		}
	}
	if !b.realtime.Sampled() {
		return
	}
	r := &x.rec
	pattern, country, asn := r.Edge.Behavior, r.Viewer.Country, r.Viewer.ASN
	r.Edge.Behavior = b.m.PathPattern
	if b.realtime.NeedsPlace() {
		x.tellPlace()
	}
	b.realtime.Write(r)
	r.Edge.Behavior, r.Viewer.Country, r.Viewer.ASN = pattern, country, asn // the other logs are told what they ask for
}

// tellPlace writes where the viewer is into the Record.
func (x *Exchange) tellPlace() {
	if p := x.place(); p != nil {
		x.rec.Viewer.Country, x.rec.Viewer.ASN = p.Country, p.ASN
	}
}

// behaviorOf is the behavior of a path; nil: no pattern can match it.
func (d *distribution) behaviorOf(path string) *behavior {
	for _, b := range d.behaviors {
		if b.pattern.Match(path) {
			return b
		}
	}
	return nil
}
