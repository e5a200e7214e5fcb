// SPDX-License-Identifier: Apache-2.0

// Package h2 asks origins by HTTP/2, for calls that stream both ways and end
// with fields behind the body: gRPC.
//
// The flow: (1) Client.Do sends the head at once and the body as it comes, in a
// goroutine of net/http; (2) it returns with the head of the answer, while the
// request may go on; (3) the answer's body is read by whoever asked; (4) at its
// end body.Trailers has the fields behind it. Calls share connections.
//
// A call on which nothing moves either way for Read is over; so is one that
// lasts longer than Completion.
//
// What it does not do: it dials nothing itself, follows no redirect, repeats no
// call that the origin may have seen, and adds no field.
//
// Concurrency: a Client may be used by many at once; an answer belongs to one
// goroutine, but its body may be closed by another.
package h2

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// Client asks one origin. Its fields do not change once it is used.
type Client struct {
	// Dial connects. With secure it shakes hands, and agrees on h2. Required.
	Dial func(ctx context.Context, secure bool) (net.Conn, error)
	// Read bounds how long nothing moves either way. Required.
	Read time.Duration
	// Completion bounds the whole, connecting included, and fails with Late. 0:
	// nothing does.
	Completion time.Duration
	Late       error
	// KeepAlive is how long a connection without a call rests. 0: for ever.
	KeepAlive time.Duration
	// Head bounds the head of an answer, and the fields behind it, in bytes. 0:
	// as net/http does.
	Head int

	once sync.Once
	tr   *http.Transport
}

// errSilent ends a call on which nothing moves.
var errSilent = &silence{}

type silence struct{}

func (*silence) Error() string { return "origin: nothing moved on the call in time" }
func (*silence) Timeout() bool { return true }
func (*silence) Unwrap() error { return os.ErrDeadlineExceeded }

// pingWait bounds the answer to a ping, which finds a connection that is dead
// while calls wait on it. There is at most one in the silence that ends a call:
// servers of gRPC send away who pings more often without need.
const pingWait = 10 * time.Second

func (cl *Client) transport() *http.Transport {
	cl.once.Do(func() {
		p := new(http.Protocols)
		p.SetHTTP2(true)
		p.SetUnencryptedHTTP2(true)
		dial := func(secure bool) func(context.Context, string, string) (net.Conn, error) {
			return func(ctx context.Context, _, _ string) (net.Conn, error) { return cl.Dial(ctx, secure) }
		}
		cl.tr = &http.Transport{
			Protocols: p, DisableCompression: true, IdleConnTimeout: cl.KeepAlive, MaxResponseHeaderBytes: int64(cl.Head),
			DialContext: dial(false), DialTLSContext: dial(true),
			HTTP2: &http.HTTP2Config{SendPingTimeout: cl.Read / 2, PingTimeout: pingWait},
		}
	})
	return cl.tr
}

// CloseIdle ends the connections without a call.
func (cl *Client) CloseIdle() { cl.transport().CloseIdleConnections() }

// Do sends rq and reads the head of the answer into rs. rq's Header has neither
// Host nor fields that frame; its body is closed when no more of it is read,
// which may be after Do, and may be while it is read. The Body of rs is never nil and must be closed. When
// ctx ends, Do and reads of the body fail.
func (cl *Client) Do(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response) error {
	c := &call{read: cl.Read}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	c.silent = time.AfterFunc(cl.Read, func() { c.cancel(errSilent) })
	if body := rq.Body; body != nil { // net/http does not look at the context while it reads a body
		context.AfterFunc(c.ctx, func() { _ = body.Close() })
	}
	if cl.Completion > 0 {
		c.late = time.AfterFunc(cl.Completion, func() { c.cancel(cl.Late) })
	}
	in, err := cl.transport().RoundTrip(c.request(rq))
	if err != nil {
		err = c.why(err)
		c.end()
		return err
	}
	c.beat()
	rs.Status, rs.ContentLength = in.StatusCode, in.ContentLength
	appendFields(&rs.Header, in.Header)
	rs.Body = &body{call: c, rs: in}
	return nil
}

// call is one question and its answer.
type call struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	read   time.Duration
	silent *time.Timer
	late   *time.Timer // nil: nothing bounds the whole
	over   atomic.Bool
}

// beat notes that something moved.
func (c *call) beat() {
	if !c.over.Load() {
		c.silent.Reset(c.read)
	}
}

// why is the cause of an error: ours, when we have ended the call.
func (c *call) why(err error) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	return err
}

func (c *call) end() {
	c.over.Store(true)
	c.silent.Stop()
	if c.late != nil {
		c.late.Stop()
	}
	c.cancel(context.Canceled)
}

// request is rq for net/http, in memory of its own. The host of its URL is a
// name for the one origin there is.
func (c *call) request(rq *httpmsg.Request) *http.Request {
	path := strings.Clone(rq.Path)
	u := &url.URL{Scheme: rq.Scheme, Host: "origin", Path: path, RawQuery: strings.Clone(rq.Query)}
	if p, err := url.PathUnescape(path); err == nil {
		u.Path, u.RawPath = p, path
	}
	if u.EscapedPath() != path { // as it was written, whatever it is
		u.Path, u.RawPath, u.Opaque = "", "", path
	}
	hr := &http.Request{
		Method: strings.Clone(rq.Method), URL: u, Host: strings.Clone(rq.Host), Proto: "HTTP/2.0", ProtoMajor: 2,
		Header: make(http.Header, rq.Header.Len()), ContentLength: rq.ContentLength,
	}
	if rq.Body != nil {
		hr.Body = &upload{rq.Body, c}
	}
	for _, f := range rq.Header.Fields() {
		hr.Header.Add(strings.Clone(f.Name), strings.Clone(f.Value))
	}
	return hr.WithContext(c.ctx)
}

// upload is a request's body, whose pieces count as movement.
type upload struct {
	io.ReadCloser
	call *call
}

// Read reads on.
func (u *upload) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if n > 0 {
		u.call.beat()
	}
	return n, err
}

// body is an answer's.
type body struct {
	call *call
	rs   *http.Response
	done bool // its end was read
}

// Read reads on; after io.EOF there may be Trailers.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.rs.Body.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		b.done = true
	case err != nil:
		err = b.call.why(err)
	case n > 0:
		b.call.beat()
	}
	return n, err
}

// Close ends the call, whether or not it is complete.
func (b *body) Close() error {
	err := b.rs.Body.Close()
	b.call.end()
	return err
}

// Trailers are the fields behind the body, nil before its end or when there are
// none.
func (b *body) Trailers() *httpmsg.Header {
	if !b.done || len(b.rs.Trailer) == 0 {
		return nil
	}
	h := new(httpmsg.Header)
	appendFields(h, b.rs.Trailer)
	return h
}

// appendFields appends fields sorted by name, for net/http keeps no order.
func appendFields(to *httpmsg.Header, from http.Header) {
	for _, name := range slices.Sorted(maps.Keys(from)) {
		if name == "Content-Length" {
			continue
		}
		for _, v := range from[name] {
			to.Add(name, v)
		}
	}
}
