// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/forelane/forelane/internal/edge/fault"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/origin"
)

// A gRPC call passes through the edge (row C15), where the behavior has a
// GrpcConfig that says so:
//
//	behavior   sees a call: POST over HTTP/2 or 3 with application/grpc
//	key        the cache is not used
//	request    grpc-* fields go on whatever the policies say, and TE: trailers
//	fetch      asks by HTTP/2; the answer's head may come before the request's end
//	deliver    sends each piece as it comes, and the fields behind the body, which
//	           say how the call went
//
// Neither custom error pages nor Accept-Encoding are for a call, and a group's
// secondary origin is asked for no POST. An error of the edge's own is an answer
// of HTTP, from whose status gRPC makes one of its own.

// Streamer is an optional face of a Writer, of connections with several streams:
// request and answer may last as long as both sides like.
type Streamer interface {
	// Stream tells, before the head, that the request's body comes when the
	// viewer has something to say.
	Stream()
	// Trailers sends fields behind the body, and ends the answer.
	Trailers(h *httpmsg.Header) error
}

// Caller is an optional face of a transport: Stream is Ask by HTTP/2. rs is there
// while rq's body still comes; its Body, never nil, has a method Trailers that
// gives the fields behind it when its end was read (nil: none).
type Caller interface {
	Stream(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response) error
}

var _ Caller = (*origin.Transport)(nil)

// ErrNoStream is a transport that cannot be asked for calls.
var ErrNoStream = errors.New("the origin takes no calls that stream both ways (HTTP/2)")

// rpc is what an Exchange knows of its call.
type rpc struct {
	wanted bool // the request is a call, and goes on as one
	up     *upload
}

// upload is a call's request body, counted.
type upload struct {
	io.ReadCloser
	bytes atomic.Int64
}

// Read reads on.
func (u *upload) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	u.bytes.Add(int64(n))
	return n, err
}

// isCall tells whether the request is a call, in a behavior for calls. One over
// HTTP/1 is a request as any other.
func (x *Exchange) isCall() bool {
	rq := x.rq
	if rq.Method != http.MethodPost || rq.Proto != httpmsg.HTTP2 && rq.Proto != httpmsg.HTTP3 || x.role != forViewer {
		return false
	}
	_, able := x.w.(Streamer)
	return able && ofGRPC(rq.Header.Get("Content-Type"))
}

// ofGRPC tells the content types of gRPC: application/grpc, with a format
// (+proto) or parameters. application/grpc-web is another protocol.
func ofGRPC(t string) bool {
	const name = "application/grpc"
	return len(t) >= len(name) && httpmsg.EqualFold(t[:len(name)], name) && (len(t) == len(name) || t[len(name)] == '+' || t[len(name)] == ';' || t[len(name)] == ' ')
}

// offerCall writes what a call needs for the origin.
func (x *Exchange) offerCall(rq *httpmsg.Request) {
	x.w.(Streamer).Stream() // isCall has looked
	for _, f := range x.rq.Header.Fields() {
		const prefix = "Grpc-"
		if len(f.Name) > len(prefix) && httpmsg.EqualFold(f.Name[:len(prefix)], prefix) && !rq.Header.Has(f.Name) {
			rq.Header.Add(f.Name, f.Value)
		}
	}
	rq.Header.Set("TE", "trailers")
	if x.rec.Request.Scheme = "grpc"; x.rq.Scheme == "https" { // as CloudFront's cs-protocol has it
		x.rec.Request.Scheme = "grpcs"
	}
	if rq.Body != nil {
		x.rpc.up = &upload{ReadCloser: x.rq.Body}
		rq.Body = x.rpc.up
	}
}

// call asks a member.
func (x *Exchange) call(m member, rq *httpmsg.Request, rs *httpmsg.Response) error {
	if m.caller == nil {
		return ErrNoStream
	}
	return m.caller.Stream(x.asked.ctx, rq, rs)
}

// hangUpCall ends what still comes of a call that is answered.
func (x *Exchange) hangUpCall() {
	if up := x.rpc.up; up != nil {
		_ = up.Close()
		if x.rq.ContentLength < 0 {
			x.rec.Request.Bytes += up.bytes.Load()
		}
	}
}

// trailers sends the fields behind the origin's body, if there are any.
func (x *Exchange) trailers() error {
	b, ok := x.body.src.(interface{ Trailers() *httpmsg.Header })
	if !ok || !x.rpc.wanted {
		return nil
	}
	h := b.Trailers()
	if h == nil {
		return nil
	}
	h.Filter(func(f httpmsg.Field) bool { return !httpspec.HopByHop(f.Name, "") })
	if fieldsSize(h) > maxHead {
		return fault.HeadTooBig(maxHead)
	}
	return viewerError(x.w.(Streamer).Trailers(h))
}
