// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"io"
	"strconv"

	"github.com/forelane/forelane/internal/httpmsg"
)

// smallBody is the longest body that is read before the request is sent, to go
// out with its head in one write.
const smallBody = 16 << 10

// appendRequest appends the head of rq. What could end a line early, and with
// it begin a field or a request that nobody meant, is refused: fields may come
// from a function.
func appendRequest(b []byte, rq *httpmsg.Request) ([]byte, error) {
	if !token(rq.Method) || !target(rq.Path) || !target(rq.Query) || rq.Path == "" || !target(rq.Host) {
		return b, &Fault{Why: FaultRequest}
	}
	b = append(append(b, rq.Method...), ' ')
	b = append(b, rq.Path...)
	if rq.Query != "" {
		b = append(append(b, '?'), rq.Query...)
	}
	b = append(append(b, " HTTP/1.1\r\nHost: "...), rq.Host...)
	b = append(b, "\r\n"...)
	for _, f := range rq.Header.Fields() {
		if !token(f.Name) || !visible(f.Value) || framing(f.Name) {
			return b, &Fault{Why: FaultRequest}
		}
		b = append(append(b, f.Name...), ": "...)
		b = append(append(b, f.Value...), "\r\n"...)
	}
	switch {
	case rq.Body == nil || rq.ContentLength == 0:
		if rq.Body != nil || rq.Method == "POST" || rq.Method == "PUT" || rq.Method == "PATCH" {
			b = append(b, "Content-Length: 0\r\n"...) // RFC 9110 8.6
		}
	case rq.ContentLength > 0:
		b = append(b, "Content-Length: "...)
		b = append(strconv.AppendInt(b, rq.ContentLength, 10), "\r\n"...)
	default:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	return append(b, "\r\n"...), nil
}

// framing tells the fields that are this package's to write.
func framing(name string) bool {
	switch len(name) {
	case len("Host"):
		return httpmsg.EqualFold(name, "Host")
	case len("Content-Length"):
		return httpmsg.EqualFold(name, "Content-Length")
	case len("Transfer-Encoding"):
		return httpmsg.EqualFold(name, "Transfer-Encoding")
	}
	return false
}

// gather reads a small body behind the head, so that both are one write and
// can be written again.
func (x *exchange) gather() error {
	n := int(min(x.rq.ContentLength, smallBody+1))
	if x.rq.Body == nil || n < 0 || n > smallBody || expects(x.rq) {
		return nil
	}
	at := len(x.head)
	x.head = append(x.head, make([]byte, n)...)
	if _, err := io.ReadFull(x.rq.Body, x.head[at:]); err != nil {
		return unexpected(err)
	}
	_ = x.rq.Body.Close() // nothing of it is missing
	x.whole = true
	return nil
}

// expects tells whether the origin is asked before the body is sent.
func expects(rq *httpmsg.Request) bool {
	return httpmsg.EqualFold(rq.Header.Get("Expect"), "100-continue")
}
