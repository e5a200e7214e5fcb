// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"net/http"

	"github.com/forelane/forelane/internal/edge/border"
	"github.com/forelane/forelane/internal/edge/fault"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/origin"
)

// Origins are asked: the planes of this process (gateway, bucket, function URL) by
// http.RoundTripper (room border). The network has a face without its maps.

// Asker is an optional second face of a transport. Ask sends rq, whose Scheme
// and Host it may change, and reads the head of the answer into rs; all of it happens on
// the goroutine of the Exchange. The texts of rs are its own, its Body (nil:
// none) is to be closed. interim takes answers of 1xx before the final one.
type Asker interface {
	Ask(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response, interim func(*httpmsg.Response)) error
}

var _ Asker = (*origin.Transport)(nil)

// Chooser is an Asker that chooses among several places, and tells which one it
// was.
type Chooser interface {
	AskWho(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response, interim func(*httpmsg.Response)) (who string, err error)
}

var _ Chooser = (*origin.Spread)(nil)

// askOnce asks one member for rq. The answer is in x.asked.rs, nil after an error.
func (x *Exchange) askOnce(m member, rq *httpmsg.Request) error {
	x.asked.rs = nil
	rs := &x.asked.room
	h := rs.Header
	h.Reset()
	*rs = httpmsg.Response{Header: h}
	var err error
	switch {
	case x.rpc.wanted:
		err = x.call(m, rq, rs)
	case m.choice != nil:
		x.rec.Origin.Member, err = m.choice.AskWho(x.asked.ctx, rq, rs, x.interimHook())
	case m.direct != nil:
		err = m.direct.Ask(x.asked.ctx, rq, rs, x.interimHook())
	default:
		err = border.RoundTrip(x.spans.Asking(x.asked.ctx), m.rt, rq, rs, x.interimHook())
	}
	if err != nil {
		return err
	}
	if rs.Body == nil {
		rs.Body = http.NoBody
	}
	if n := fieldsSize(&rs.Header); n > maxHead {
		_ = rs.Body.Close()
		return fault.HeadTooBig(maxHead)
	}
	x.asked.rs = rs
	return nil
}

func fieldsSize(h *httpmsg.Header) int {
	n := 0
	for _, f := range h.Fields() {
		n += len(f.Name) + len(f.Value) + len(": \r\n")
	}
	return n
}
