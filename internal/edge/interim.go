// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"net/http"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// Interim answers (102, 103; RFC 9110 15.2) of the origin go on to the viewer
// who asked, and to nobody who waits for the same object: they are no part of
// what is stored. HTTP/1.0 knows none.

// maxInterim bounds how many an origin may send for one request.
const maxInterim = 8

// interim passes them on while a fetch is under way.
type interim struct {
	w     Writer
	count int
}

// interimHook is what a transport calls before its answer; nil: nobody wants to
// know.
func (x *Exchange) interimHook() func(*httpmsg.Response) {
	if !x.beh.rfc || x.role != forViewer || x.rq.Proto == httpmsg.HTTP10 {
		return nil
	}
	in := interim{w: x.w}
	return in.send
}

// send passes one on.
func (in *interim) send(rs *httpmsg.Response) {
	if rs.Status == http.StatusContinue || rs.Status == http.StatusSwitchingProtocols {
		return
	}
	if in.count++; in.count > maxInterim {
		return
	}
	out := httpmsg.Response{Status: rs.Status, ContentLength: -1}
	connection := rs.Header.Join("Connection")
	for _, f := range rs.Header.Fields() {
		if !httpspec.HopByHop(f.Name, connection) {
			out.Header.Add(f.Name, f.Value)
		}
	}
	_ = in.w.Head(&out) // a viewer that is gone is no reason to give up what others wait for
}
