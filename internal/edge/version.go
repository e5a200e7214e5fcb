// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strconv"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// The versions of HTTP that a distribution is served over (row C10). SNI decides
// in the handshake (secure.go). A viewer learns of HTTP/3 by Alt-Svc, over TLS;
// one that asks a distribution without HTTP/3 by it all the same, under a name
// that is nobody's, is sent away (421: RFC 7838 6 has viewers forget the
// alternative then).

// altSvcAge is how long a viewer remembers the offer, as CloudFront's.
const altSvcAge = 86400

// speaksHTTP3 tells whether a distribution's HttpVersion has HTTP/3.
func speaksHTTP3(m *model.Distribution) bool {
	return m.HTTPVersion == "http3" || m.HTTPVersion == "http2and3"
}

// altSvc is the offer of HTTP/3 on a UDP port, "" when there is none.
func altSvc(m *model.Distribution, port int) string {
	if port == 0 || !speaksHTTP3(m) {
		return ""
	}
	return `h3=":` + strconv.Itoa(port) + `"; ma=` + strconv.Itoa(altSvcAge)
}

// offerHTTP3 tells a viewer who speaks TLS, but not HTTP/3, that he could.
func (x *Exchange) offerHTTP3() {
	if x.dist == nil || x.dist.altSvc == "" || x.rq.Viewer.TLS == nil || x.rq.Proto == httpmsg.HTTP3 {
		return
	}
	x.rs.Header.Set("Alt-Svc", x.dist.altSvc)
}

// wrongVersion tells that the distribution is not served over the viewer's
// version of HTTP.
func (x *Exchange) wrongVersion() bool {
	return x.rq.Proto == httpmsg.HTTP3 && !speaksHTTP3(x.dist.m)
}
