// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/forelane/forelane/internal/edge/fault"
	"github.com/forelane/forelane/internal/edge/meter"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// originRef is what a behavior points to: an origin, or a group's two.
type originRef struct {
	members []member
	// statuses of the primary on which the secondary is asked; with one
	// member it is empty.
	statuses []int
	made     bool // a function changed one of them
}

type member struct {
	m      *model.Origin
	rt     http.RoundTripper
	direct Asker   // rt's second face, or nil
	choice Chooser // rt's third, or nil
	caller Caller  // rt's fourth, or nil
	meter  *meter.Origin
}

func (e *Edge) compileOrigins(d *distribution) error {
	var errs []error
	for _, o := range d.m.Origins {
		if e.deps.Transport == nil {
			return errors.New("no transport for origins")
		}
		rt, err := e.deps.Transport(d.m, o)
		if err != nil {
			errs = append(errs, fmt.Errorf("origin %s: %w", o.ID, err))
			continue
		}
		direct, _ := rt.(Asker)
		choice, _ := rt.(Chooser)
		caller, _ := rt.(Caller)
		d.origins[o.ID] = &originRef{members: []member{{o, rt, direct, choice, caller, meter.NewOrigin(e.deps.Metrics, d.m, o)}}}
	}
	for _, g := range d.m.OriginGroups {
		ref := &originRef{statuses: g.StatusCodes}
		for _, id := range g.Members {
			one := d.origins[id]
			if one == nil {
				errs = append(errs, fmt.Errorf("origin group %s: there is no origin %q", g.ID, id))
				continue
			}
			ref.members = append(ref.members, one.members[0])
		}
		d.origins[g.ID] = ref
	}
	return errors.Join(errs...)
}

// fetch asks the origin. Of a group every request tries the primary first and
// the secondary after a failure or a chosen status, for GET, HEAD and OPTIONS
// (row O6).
func (x *Exchange) fetch() stepID {
	if x.askPeer() {
		return x.fetched()
	}
	group := x.target.members
	if x.asked.rq.Body != nil || !safe(x.asked.rq.Method) {
		group = group[:1]
	}
	for i, m := range group {
		m, ok := x.beforeOrigin(m)
		if !ok {
			break
		}
		tries := x.rec.Origin.Tries
		x.ask(m)
		m.meter.Count(x.rec.Origin.Tries-tries, x.askedStatus(), x.rec.Origin.FirstByte)
		if x.rec.Origin.Failover = i > 0; i > 0 {
			m.meter.FailedOver()
		}
		if i+1 == len(group) || x.asked.ctx.Err() != nil {
			break
		}
		if x.asked.err == nil && !slices.Contains(x.target.statuses, x.asked.rs.Status) {
			break
		}
		if x.asked.rs != nil {
			x.rec.Origin.FailedStatus = x.asked.rs.Status
			drain(x.asked.rs.Body)
		} else {
			x.rec.Origin.FailedStatus, _ = fault.Classify(x.asked.err)
		}
	}
	return x.fetched()
}

// fetched looks at what came of it.
func (x *Exchange) fetched() stepID {
	if x.asked.err == nil && x.contradicts() {
		_ = x.asked.rs.Body.Close()
		x.asked.rs, x.asked.err = nil, fault.ErrRangeLength
	}
	if x.asked.err == nil {
		if x.asked.generated {
			return stepResponse
		}
		x.rec.Origin.Status = x.asked.rs.Status
		if x.beh.originResponse != nil && x.asked.peer == nil && !x.socket.open { // of a peer's it has run there
			return stepReply
		}
		return stepResponse
	}
	x.rec.Origin.Error = x.asked.err.Error()
	if x.ctx.Err() != nil && x.role != forRefresh && x.asked.ctx.Err() != nil {
		return x.hungUp()
	}
	if x.asked.status != 0 { // a peer has said what stands for the answer
		return stepResponse
	}
	if x.asked.status = x.viewersFault(x.asked.err); x.asked.status == 0 {
		x.asked.status, x.rec.Result.Detail = fault.Classify(x.asked.err)
	}
	if l := x.lambdaFault(); l != nil {
		x.asked.status, x.rec.Result.Detail = l.Kind.Status(), record.DetailNone
	}
	return stepResponse
}

// askedStatus is the status of the origin's answer; 0: there was none.
func (x *Exchange) askedStatus() int {
	if x.asked.err != nil {
		return 0
	}
	return x.asked.rs.Status
}

// contradicts tells whether the origin's answer is such a part (row E11).
func (x *Exchange) contradicts() bool {
	rs := x.asked.rs
	if rs.Status != http.StatusPartialContent || rs.ContentLength < 0 || x.rq.Method == http.MethodHead {
		return false
	}
	s, _, ok := httpspec.ParseContentRange(rs.Get("Content-Range"))
	return ok && s.Len() != rs.ContentLength
}

func safe(method string) bool { return method == "GET" || method == "HEAD" || method == "OPTIONS" }

// ask asks one origin. A GET or HEAD is tried again when the origin was
// silent for the read timeout, up to its attempts (row O3).
func (x *Exchange) ask(m member) {
	rec := &x.rec.Origin
	rec.ID, rec.Host, rec.Member = m.m.ID, m.m.DomainName, ""
	tries := 1
	if x.asked.rq.Body == nil && (x.asked.rq.Method == "GET" || x.asked.rq.Method == "HEAD") {
		tries = max(m.m.Attempts, 1)
	}
	before := rec.Tries
	if x.spans.Sampled() {
		x.spans.Ask(m.m.ID, m.m.DomainName, x.asked.rq.Method)
		defer func() { x.spans.EndAsk(rec.Tries-before, x.askedStatus(), x.asked.err) }()
	}
	for range tries {
		rec.Tries++
		rq := x.outgoing(m.m)
		x.asked.sent = x.now()
		x.asked.err = x.askOnce(m, rq)
		x.judgeSwitch()
		x.asked.received = x.now()
		rec.FirstByte = x.asked.received.Sub(x.asked.sent)
		if x.asked.err == nil || !fault.Silent(x.asked.err) || x.asked.ctx.Err() != nil {
			return
		}
	}
}

// drain reads the rest of a small body so that its connection can be used
// again, and closes it.
func drain(b io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, b, 64<<10)
	_ = b.Close()
}

// hungUp ends an Exchange whose viewer has left before there was an answer.
func (x *Exchange) hungUp() stepID {
	x.rec.Result.Type, x.rec.Result.Detail, x.rec.Result.End = record.Error, record.ClientHungUpRequest, record.EndViewerLeft
	x.rs.Status = 0
	return stepFinish
}

// elapsed is the time since the Exchange began.
func (x *Exchange) elapsed() time.Duration { return time.Since(x.rec.Start) }
