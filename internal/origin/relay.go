// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/origin/h1"
)

// A Relay asks an origin that is reached by several ways, such as the agents of
// a tunnel: each request takes one of them, and another one when that fails.
//
//	nothing was sent (no connection)          any request, once by each way
//	no answer came, the connection was lost   GET, HEAD, OPTIONS without a body
//	no answer came in time                    nobody: that is for whoever asked
//	a part of the answer came                 nobody: its reader finds the end

// Way is one of the ways. It is comparable.
type Way interface {
	// Dial opens a connection, within ctx. Its error is a *net.OpError of "dial".
	Dial(ctx context.Context) (net.Conn, error)
	// Over ends when nothing new may go this way.
	Over() context.Context
}

// Ways chooses.
type Ways interface {
	// Take gives the way for one request, none of those that were tried. done is
	// called when the request is over, with the bytes of the answer's body. When
	// there is none it fails as Dial does.
	Take(ctx context.Context, tried []Way) (w Way, done func(read int64), err error)
}

// mostWays bounds how many ways one request takes.
const mostWays = 4

// Relay is a transport over ways. Make one with NewRelay.
type Relay struct {
	ways Ways
	o    *model.Origin
	opt  Options

	mu      sync.Mutex
	closed  bool
	clients map[Way]*client
}

// client has the connections of one way.
type client struct {
	h1   *h1.Client
	way  Way
	stop func() bool // the watch over the way's end
}

// NewRelay makes a Relay with an origin's times; its address and protocol are
// not looked at.
func NewRelay(o *model.Origin, ways Ways, opt Options) *Relay {
	return &Relay{ways: ways, o: o, opt: opt, clients: map[Way]*client{}}
}

func (r *Relay) client(w Way) *client {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.clients[w]; c != nil {
		return c
	}
	c := &client{way: w}
	c.h1 = &h1.Client{
		Dial: func(ctx context.Context, _ bool) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, or(r.o.Connect, 10*time.Second))
			defer cancel()
			return w.Dial(ctx)
		},
		Read: or(r.o.ReadTimeout, 30*time.Second), Completion: r.o.Completion,
		Idle: or(r.opt.IdlePerHost, 64), KeepAlive: or(r.o.KeepAlive, 5*time.Second),
	}
	c.stop = context.AfterFunc(w.Over(), func() {
		r.mu.Lock()
		delete(r.clients, w)
		r.mu.Unlock()
		c.h1.CloseIdle()
	})
	if !r.closed {
		r.clients[w] = c
	}
	return c
}

// rested closes a client's connections when no request may use them again.
func (r *Relay) rested(c *client) {
	r.mu.Lock()
	closed := r.closed
	r.mu.Unlock()
	if closed || c.way.Over().Err() != nil {
		c.h1.CloseIdle()
	}
}

// CloseIdleConnections ends what is kept alive; a replaced snapshot calls it.
func (r *Relay) CloseIdleConnections() {
	r.mu.Lock()
	all := r.clients
	r.clients, r.closed = map[Way]*client{}, true
	r.mu.Unlock()
	for _, c := range all {
		c.stop()
		c.h1.CloseIdle()
	}
}

// Ask is Transport.Ask over the ways.
func (r *Relay) Ask(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response, interim func(*httpmsg.Response)) error {
	rq.Scheme = "http" // what is secure about a way is its own
	var body *held
	if rq.Body != nil {
		body = &held{src: rq.Body}
		rq.Body = body
	}
	var tried []Way
	var failed error
	for {
		way, done, err := r.ways.Take(ctx, tried)
		if err != nil {
			body.release()
			if failed != nil {
				return failed // it says more
			}
			return err
		}
		c := r.client(way)
		err = c.h1.Do(ctx, rq, rs, interim)
		if err == nil {
			body.release()
			rs.Body = r.counted(rs.Body, func(read int64) { r.rested(c); done(read) })
			return nil
		}
		done(0)
		r.rested(c)
		tried, failed = append(tried, way), err
		if len(tried) == mostWays || ctx.Err() != nil || !again(rq, body, way, err) {
			body.release()
			return err
		}
		if body != nil {
			body = body.rewound()
			rq.Body = body
		}
	}
}

// again tells whether a request that failed may go another way.
func again(rq *httpmsg.Request, body *held, way Way, err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return body.whole()
	}
	var fault *Fault
	silent := isTimeout(err) && way.Over().Err() == nil // it is the origin that is
	if body != nil || silent || errors.As(err, &fault) || errors.Is(err, ErrCompletion) {
		return false
	}
	return rq.Method == http.MethodGet || rq.Method == http.MethodHead || rq.Method == http.MethodOptions
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// RoundTrip is Ask for those who speak net/http.
func (r *Relay) RoundTrip(rq *http.Request) (*http.Response, error) { return roundTrip(r.Ask, rq) }

// counted is a body that tells when it is over.
func (r *Relay) counted(b io.ReadCloser, done func(read int64)) io.ReadCloser {
	if b == nil {
		done(0)
		return nil
	}
	if duplex, ok := b.(io.ReadWriteCloser); ok {
		return &countedDuplex{counted{ReadCloser: b, over: done}, duplex}
	}
	return &counted{ReadCloser: b, over: done}
}

type counted struct {
	io.ReadCloser
	read atomic.Int64
	once sync.Once
	over func(read int64)
}

func (c *counted) done() { c.once.Do(func() { c.over(c.read.Load()) }) }

// Read reads on; with the end the request is over.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.read.Add(int64(n))
	if err != nil {
		c.done()
	}
	return n, err
}

// Close ends the request.
func (c *counted) Close() error {
	err := c.ReadCloser.Close()
	c.done()
	return err
}

// Buffered is how many bytes can be read without waiting.
func (c *counted) Buffered() int64 {
	if b, ok := c.ReadCloser.(interface{ Buffered() int64 }); ok {
		return b.Buffered()
	}
	return 0
}

// countedDuplex is a connection after 101.
type countedDuplex struct {
	counted
	w io.Writer
}

// Write writes to the connection.
func (c *countedDuplex) Write(p []byte) (int, error) { return c.w.Write(p) }

// CloseWrite ends the direction to the origin, where the connection can.
func (c *countedDuplex) CloseWrite() error {
	if hc, ok := c.w.(interface{ CloseWrite() error }); ok {
		return hc.CloseWrite()
	}
	return errors.ErrUnsupported
}

// held is a request's body that can be read from its begin again as long as
// little of it has been read: h1 gathers a small body before it connects. It is
// not closed before release.
type held struct {
	src  io.ReadCloser
	mu   sync.Mutex
	kept []byte // what was read
	at   int    // how much of it has been given to the present reader
	lost bool   // more was read than is kept

	closed, released bool
}

// mostHeld is more than h1 gathers.
const mostHeld = 16 << 10

// Read gives what was kept, then reads on.
func (h *held) Read(p []byte) (int, error) {
	h.mu.Lock()
	if h.at < len(h.kept) {
		n := copy(p, h.kept[h.at:])
		h.at += n
		h.mu.Unlock()
		return n, nil
	}
	h.mu.Unlock()
	n, err := h.src.Read(p)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.released || h.lost:
	case len(h.kept)+n > mostHeld:
		h.lost = true
	default:
		h.kept = append(h.kept, p[:n]...)
		h.at = len(h.kept)
	}
	return n, err
}

// Close notes it, until release.
func (h *held) Close() error {
	h.mu.Lock()
	h.closed = true
	released := h.released
	h.mu.Unlock()
	if released {
		return h.src.Close()
	}
	return nil
}

// whole tells whether it can be read from its begin. Of no body it can.
func (h *held) whole() bool {
	if h == nil {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.lost
}

// rewound is the body for another try. Nobody reads the old one any more.
func (h *held) rewound() *held { return &held{src: h.src, kept: h.kept} }

// release lets it be closed, and closes it if that was asked for.
func (h *held) release() {
	if h == nil {
		return
	}
	h.mu.Lock()
	h.released = true
	closed := h.closed
	h.mu.Unlock()
	if closed {
		_ = h.src.Close() // a viewer's body that nobody reads
	}
}
