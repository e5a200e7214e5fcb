// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/origin/h2"
)

// Calls that stream both ways are asked by HTTP/2 (row C15): over TLS, where the
// origin must agree on it, and by prior knowledge (RFC 9113 3.3) where its
// protocol policy leads to cleartext, which CloudFront does not do.

// errNoHTTP2 is an origin that agrees on no HTTP/2.
var errNoHTTP2 = errors.New("the origin does not agree on HTTP/2 (ALPN h2)")

// streams makes the client of an origin's calls.
func streams(o *model.Origin, d *dialer) *h2.Client {
	both := *d
	both.tls = d.tls.Clone()
	both.tls.NextProtos = []string{"h2"}
	return &h2.Client{
		Dial: func(ctx context.Context, secure bool) (net.Conn, error) {
			nc, err := both.dialOrigin(ctx, secure)
			if err != nil {
				return nil, err
			}
			if tc, ok := nc.(*tls.Conn); ok && tc.ConnectionState().NegotiatedProtocol != "h2" {
				_ = nc.Close()
				return nil, &HandshakeError{errNoHTTP2}
			}
			return nc, nil
		},
		Read: or(o.ReadTimeout, 30*time.Second), Completion: o.Completion, Late: ErrCompletion,
		KeepAlive: or(o.KeepAlive, 5*time.Second), Head: 20480 + 4096,
	}
}

// Stream is Ask by HTTP/2: rs is there while the body of rq still comes, and its
// Body has a method Trailers, which gives the fields behind it once its end was
// read.
func (t *Transport) Stream(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response) error {
	rq.Scheme = t.scheme(rq.Scheme)
	if t.sign != nil {
		if err := t.sign.sign(rq); err != nil {
			if rq.Body != nil {
				_ = rq.Body.Close()
			}
			return err
		}
	}
	return t.calls.Do(ctx, rq, rs)
}
