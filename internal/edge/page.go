// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"github.com/forelane/forelane/internal/edge/forward"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// page puts a custom error page in place of an error (row F11). It is fetched
// by a second Exchange, through the behaviors, and cached as any object. The
// record keeps the result type Error.
func (x *Exchange) page() stepID {
	if x.role == forPage {
		return stepFinish // the first Exchange takes the answer over
	}
	c := x.errorPage()
	if c == nil {
		return stepSelect
	}
	y := &Exchange{ctx: x.ctx, edge: x.edge, rq: x.pageRequest(c.PagePath), role: forPage, dist: x.dist}
	y.rec.Start, y.rec.ID = x.now(), newID()
	y.describe()
	y.spans.Within(&x.spans, "error page")
	y.run(stepBehavior)
	x.sub = y
	if y.rs.Status == 0 {
		if x.ctx.Err() != nil {
			return x.hungUp()
		}
		x.rec.Result.End, x.rec.Origin.Error = record.EndInternal, y.rec.Origin.Error
		return x.failInside()
	}
	x.body.close()
	status := x.rs.Status
	if c.ResponseCode != 0 {
		status = c.ResponseCode
	}
	if y.rs.Status >= 400 { // the page itself fails: its status
		status = y.rs.Status
	}
	x.rs, x.body = y.rs, y.body
	x.rs.Status = status
	y.body = body{}
	x.rec.Result.Type = record.Error
	if x.rec.Result.Detail == record.DetailNone {
		x.rec.Result.Detail = record.DetailError
	}
	return stepHeaders
}

// errorPage is the custom error page for the answer, or nil.
func (x *Exchange) errorPage() *model.CustomError {
	if c := x.dist.errors[x.rs.Status]; c != nil && c.PagePath != "" && x.role == forViewer && !x.rpc.wanted {
		return c
	}
	return nil
}

func (x *Exchange) pageRequest(path string) *httpmsg.Request {
	rq := x.rq.Clone()
	rq.Path, rq.Query = path, ""
	if rq.Method != "HEAD" {
		rq.Method = "GET"
	}
	rq.Header.Filter(func(f httpmsg.Field) bool { return !forward.Condition(f.Name) })
	for _, n := range []string{"Content-Type", "Content-Encoding", "Content-Md5"} {
		rq.Header.Del(n)
	}
	return rq
}
