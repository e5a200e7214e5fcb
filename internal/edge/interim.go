// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// Interim answers (102, 103; RFC 9110 15.2) of the origin go on to the viewer
// who asked, and to nobody who waits for the same object: they are no part of
// what is stored. HTTP/1.0 knows none.

// maxInterim bounds how many an origin may send for one request.
const maxInterim = 8

// interim passes them on while a fetch is under way: the transport calls from
// a goroutine of its own, while the Exchange's waits for it.
type interim struct {
	mu    sync.Mutex
	w     Writer // nil as soon as the fetch is over
	count int
}

// interimHook is what a transport calls that asks on the Exchange's goroutine;
// nil: nobody wants to know.
func (x *Exchange) interimHook() func(*httpmsg.Response) {
	if !x.passesInterim() {
		return nil
	}
	in := interim{w: x.w}
	return in.send
}

func (x *Exchange) passesInterim() bool {
	return x.beh.rfc && x.role == forViewer && x.rq.Proto != httpmsg.HTTP10
}

// withInterim makes rq pass interim answers on until the returned function is
// called.
func (x *Exchange) withInterim(rq *http.Request) (*http.Request, func()) {
	if !x.passesInterim() {
		return rq, func() {}
	}
	in := &interim{w: x.w}
	ctx := httptrace.WithClientTrace(rq.Context(), &httptrace.ClientTrace{Got1xxResponse: in.pass})
	return rq.WithContext(ctx), func() {
		in.mu.Lock()
		in.w = nil
		in.mu.Unlock()
	}
}

func (in *interim) pass(code int, header textproto.MIMEHeader) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.w == nil {
		return nil
	}
	rs := httpmsg.Response{Status: code}
	fromHTTP(&rs.Header, http.Header(header))
	in.send(&rs)
	return nil
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
