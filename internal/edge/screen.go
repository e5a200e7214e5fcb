// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/record"
)

// Bounds of a request (Developer Guide, "Quotas on distributions"; row C4).
const (
	maxHead = 20480
	maxURL  = 8192
)

// screen refuses what is too large, what the web ACL blocks, and who is in a
// country that is kept out.
func (x *Exchange) screen() stepID {
	rq := x.rq
	url := len(rq.Path)
	if rq.Query != "" {
		url += 1 + len(rq.Query)
	}
	if url > maxURL || headSize(rq) > maxHead {
		x.rec.Result.Detail = record.InvalidRequest
		x.rs.Header.Add("Connection", "close")
		return x.refuse(413, "The request is larger than an edge accepts.")
	}
	if x.abroad() {
		return x.refuseAbroad()
	}
	if x.dist.shield != nil && x.role == forViewer {
		return x.askShield()
	}
	return stepBehavior
}

// headSize is what the request line and the fields take on the wire.
func headSize(rq *httpmsg.Request) int {
	n := len(rq.Method) + len(rq.Path) + len(rq.Query) + len(" ? HTTP/1.1\r\n\r\n") + len("Host: \r\n") + len(rq.Host)
	for _, f := range rq.Header.Fields() {
		n += len(f.Name) + len(f.Value) + len(": \r\n")
	}
	return n
}
