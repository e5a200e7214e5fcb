// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/forelane/forelane/internal/integration"
)

// Caller is the last hop before the gateway. Behind the edge that is the edge
// itself: AWS's sourceIp is then CloudFront's address, and X-Forwarded-For
// carries the viewer's, which the edge has appended to it. The zero Caller is
// 127.0.0.1 over https on port 443.
type Caller = integration.Caller

type callerKey struct{}

// WithCaller says who the last hop of the request is.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, &c)
}

type signerKey struct{}

// WithSigner says that the last hop signs the request (SigV4) as a principal
// of AWS, such as cloudfront.amazonaws.com for an origin with an origin access
// control. Only this process can say so; nothing that a viewer sends can.
func WithSigner(ctx context.Context, principal string) context.Context {
	return context.WithValue(ctx, signerKey{}, principal)
}

// signerOf is who signed the request; empty: nobody.
func signerOf(ctx context.Context) string {
	s, _ := ctx.Value(signerKey{}).(string)
	return s
}

// callerOf is the Caller of a request: what WithCaller said, else what the
// request itself shows.
func callerOf(r *http.Request) Caller {
	var c Caller
	if given, ok := r.Context().Value(callerKey{}).(*Caller); ok {
		c = *given
	} else if addr, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		c.SourceIP = addr.Addr()
		if r.TLS == nil {
			c.Scheme = "http"
		}
	}
	if c.Protocol == "" {
		if c.Protocol = r.Proto; c.Protocol == "" {
			c.Protocol = "HTTP/1.1"
		}
	}
	return c
}
