// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
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

// withInterim makes rq pass interim answers on until the returned function is
// called.
func (x *Exchange) withInterim(rq *http.Request) (*http.Request, func()) {
	if !x.beh.rfc || x.role != forViewer || x.rq.Proto == httpmsg.HTTP10 {
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
	if in.w == nil || code == http.StatusContinue || code == http.StatusSwitchingProtocols {
		return nil
	}
	if in.count++; in.count > maxInterim {
		return nil
	}
	rs := httpmsg.Response{Status: code, ContentLength: -1}
	connection := strings.Join(header["Connection"], ", ")
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if httpspec.HopByHop(name, connection) || name == "Content-Length" {
			continue
		}
		for _, v := range header[name] {
			rs.Header.Add(name, v)
		}
	}
	_ = in.w.Head(&rs) // a viewer that is gone is no reason to give up what others wait for
	return nil
}
