// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

const soon = 50 * time.Millisecond // a limit that a test waits for

// gated answers when it is let.
type gated struct {
	began chan struct{}
	let   chan struct{}
	ended chan error // of the request's context
}

func newGated() *gated {
	return &gated{began: make(chan struct{}, 1000), let: make(chan struct{}), ended: make(chan error, 1000)}
}

func (g *gated) handle(ctx context.Context, _ *httpmsg.Request, w engine.Writer, _ bool) func() {
	return func() {
		g.began <- struct{}{}
		select {
		case <-g.let:
			_ = w.Whole(&httpmsg.Response{Status: 200, ContentLength: -1}, [][]byte{[]byte("done")}, nil)
		case <-ctx.Done():
			g.ended <- ctx.Err()
		}
	}
}

// closing closes the Listener and gives what Close returned.
func (r *rig) closing(ctx context.Context) <-chan error {
	done := make(chan error, 1)
	go func() { done <- r.l.Close(ctx) }()
	return done
}

// goAways reads our control stream: the identifiers of GOAWAY, to its end.
func (p *visitor) goAways() <-chan uint64 {
	ids := make(chan uint64, 10)
	go func() {
		defer close(ids)
		str, err := p.qc.AcceptUniStream(context.Background())
		if err != nil {
			return
		}
		in := &source{from: str}
		if kind, err := in.varint(); err != nil || kind != streamControl {
			return
		}
		for {
			t, n, err := in.header()
			if err != nil {
				return
			}
			payload, err := in.take(int(n))
			if err != nil {
				return
			}
			if t == frameGoAway {
				id, _ := readVarint(payload)
				ids <- id
			}
		}
	}()
	return ids
}

// RFC 9114 5.2: a drain says GOAWAY twice, finishes what is under way, refuses
// what comes after, and closes.
func TestDrain(t *testing.T) {
	g := newGated()
	r := serve(t, g.handle, engine.Limits{})
	p := r.dial()
	ids := p.goAways()
	first := p.bidi(get("GET", "/"), true)
	<-g.began
	done := r.closing(t.Context())
	if id := <-ids; id != uint64(mostStream) {
		t.Errorf("the first GOAWAY says %d", id)
	}
	if id := <-ids; id != 4 {
		t.Errorf("the second GOAWAY says %d", id)
	}
	if a := p.ask(get("GET", "/late")); a.String() != "reset H3_REQUEST_REJECTED" {
		t.Errorf("a request after GOAWAY: %v", a)
	}
	close(g.let)
	if a := readAnswer(first); a.body != "done" {
		t.Errorf("the request under way: %v", a)
	}
	if err := <-done; err != nil {
		t.Errorf("Close: %v", err)
	}
	<-p.qc.Context().Done()
	var end *quic.ApplicationError
	if err := context.Cause(p.qc.Context()); !errors.As(err, &end) || Code(end.ErrorCode) != NoError {
		t.Errorf("the connection's end: %v", err)
	}
	if _, err := quic.DialAddr(t.Context(), r.addr.String(), clientTLS(), &quic.Config{HandshakeIdleTimeout: soon}); err == nil {
		t.Error("a new connection after Close")
	}
}

// A drain that takes too long is cut, and its Handlers know.
func TestCut(t *testing.T) {
	g := newGated()
	r := serve(t, g.handle, engine.Limits{})
	str := r.dial().bidi(get("GET", "/"), true)
	<-g.began
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if err := r.l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
	if err := <-g.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the Handler: %v", err)
	}
	if a := readAnswer(str); a.err == nil {
		t.Errorf("the viewer: %v", a)
	}
}

func TestAViewerWhoLeaves(t *testing.T) {
	g := newGated()
	p := serve(t, g.handle, engine.Limits{}).dial()
	str := p.bidi(get("GET", "/"), true)
	<-g.began
	str.CancelRead(quic.StreamErrorCode(RequestCancelled))
	if err := <-g.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("reset: %v", err)
	}
	_ = p.bidi(get("GET", "/"), true)
	<-g.began
	_ = p.qc.CloseWithError(quic.ApplicationErrorCode(NoError), "")
	if err := <-g.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("gone: %v", err)
	}
}

func TestTimes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limits engine.Limits
		say    func(*visitor) *reply
		want   string
	}{
		{"half a head", engine.Limits{HeadTimeout: soon}, func(p *visitor) *reply { return readAnswer(p.bidi("\x01\x40", false)) }, "reset H3_REQUEST_INCOMPLETE"},
		{"a GET without an end", engine.Limits{HeadTimeout: soon}, func(p *visitor) *reply { return readAnswer(p.bidi(get("GET", "/"), false)) }, "reset H3_REQUEST_INCOMPLETE"},
		{"half a body", engine.Limits{BodyTimeout: soon}, func(p *visitor) *reply {
			return readAnswer(p.bidi(get("POST", "/")+frame(frameData, "a"), false))
		}, "reset H3_REQUEST_INCOMPLETE"},
		{"an idle connection", engine.Limits{IdleTimeout: soon}, func(p *visitor) *reply {
			<-p.qc.Context().Done()
			return new(reply).ended(context.Cause(p.qc.Context()))
		}, "conn H3_NO_ERROR"},
		{"a viewer who takes nothing", engine.Limits{WriteStall: soon}, func(p *visitor) *reply {
			str := p.bidi(get("GET", "/large"), true)
			select { // of the answer, no more than the windows is taken
			case <-p.qc.Context().Done():
			case <-time.After(20 * soon):
			}
			return readAnswer(str)
		}, "reset H3_REQUEST_CANCELLED"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := echo
			if strings.Contains(tt.name, "takes nothing") {
				h = answers
			}
			p := serve(t, h, tt.limits).dialBy(&quic.Config{
				InitialStreamReceiveWindow: 4 << 10, MaxStreamReceiveWindow: 4 << 10,
			})
			p.t = t
			if a := tt.say(p); a.String() != tt.want {
				t.Errorf("%v, want %s", a, tt.want)
			}
		})
	}
}

// A slow viewer who takes something now and then is not left.
func TestASlowReader(t *testing.T) {
	p := serve(t, answers, engine.Limits{WriteStall: 20 * soon}).dialBy(&quic.Config{
		InitialStreamReceiveWindow: 16 << 10, MaxStreamReceiveWindow: 16 << 10,
	})
	str := p.bidi(get("GET", "/large"), true)
	piece := make([]byte, 1<<10)
	for n := 0; ; {
		m, err := str.Read(piece)
		if n += m; errors.Is(err, io.EOF) {
			if n < 2<<20 {
				t.Errorf("%d bytes", n)
			}
			return
		}
		if err != nil {
			t.Fatalf("%v after %d bytes", err, n)
		}
	}
}

// Opening streams and resetting them at once runs no more Handlers than
// Limits.Streams, and ends the connection when it goes on (CVE-2023-44487).
func TestRapidReset(t *testing.T) {
	var running, most atomic.Int32
	let := make(chan struct{})
	r := serve(t, func(_ context.Context, _ *httpmsg.Request, w engine.Writer, _ bool) func() {
		return func() {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			<-let
			running.Add(-1)
		}
	}, engine.Limits{Streams: 10})
	p := r.dial()
	for range 10 { // as many as are allowed; more are not until a Handler has returned
		str := p.bidi(get("GET", "/"), true)
		str.CancelRead(quic.StreamErrorCode(RequestCancelled))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*soon)
	defer cancel()
	if _, err := p.qc.OpenStreamSync(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an eleventh stream beside ten Handlers: %v", err)
	}
	close(let)
	for range 10 * resetBurst {
		str, err := p.qc.OpenStreamSync(t.Context())
		if err != nil {
			break
		}
		_, _ = str.Write([]byte(get("GET", "/")))
		str.CancelWrite(quic.StreamErrorCode(RequestCancelled))
		str.CancelRead(quic.StreamErrorCode(RequestCancelled))
	}
	p.mustEnd(ExcessiveLoad)
	if n := most.Load(); n > 10 {
		t.Errorf("%d Handlers at once", n)
	}
}

func TestFloods(t *testing.T) {
	for _, tt := range []struct {
		name string
		say  func(*visitor)
	}{
		{"frames of the control stream", func(p *visitor) {
			_, _ = p.uni(settings).Write([]byte(strings.Repeat(frame(0x21, ""), 2*controlBurst)))
		}},
		{"instructions", func(p *visitor) { _, _ = p.uni("\x03").Write([]byte(strings.Repeat("\x41", 2*controlBurst))) }},
		{"empty DATA", func(p *visitor) {
			_, _ = p.bidi(get("POST", "/"), false).Write([]byte(strings.Repeat(frame(frameData, ""), 2*controlBurst)))
		}},
		{"unknown frames", func(p *visitor) {
			_, _ = p.bidi("", false).Write([]byte(strings.Repeat(frame(0x21, ""), 2*controlBurst)))
		}},
		{"unknown streams", func(p *visitor) {
			for range 2 * controlBurst {
				str, err := p.qc.OpenUniStreamSync(p.t.Context())
				if err != nil {
					return
				}
				_, _ = str.Write([]byte("\x21x"))
				_ = str.Close()
			}
		}},
		{"malformed requests", func(p *visitor) {
			for range 2 * resetBurst {
				str, err := p.qc.OpenStreamSync(p.t.Context())
				if err != nil {
					return
				}
				_, _ = str.Write([]byte(get("GET", "")))
				_ = str.Close()
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := serve(t, echo, engine.Limits{}).dial()
			p.t = t
			tt.say(p)
			p.mustEnd(ExcessiveLoad)
		})
	}
}

// mustEnd waits for the connection's end by code.
func (p *visitor) mustEnd(code Code) {
	p.t.Helper()
	select {
	case <-p.qc.Context().Done():
	case <-time.After(10 * time.Second):
		p.t.Fatal("the connection stands")
	}
	var end *quic.ApplicationError
	if err := context.Cause(p.qc.Context()); !errors.As(err, &end) || Code(end.ErrorCode) != code {
		p.t.Errorf("the connection's end: %v", err)
	}
}

// Newcomers beyond the usual prove their address first; they are served all
// the same.
func TestNewcomersProveTheirAddress(t *testing.T) {
	r := serve(t, echo, engine.Limits{})
	r.l.mu.Lock()
	r.l.newcomer.Burst, r.l.newcomer.Rate = 1, 0
	r.l.mu.Unlock()
	for range 3 {
		if a := r.dial().ask(get("GET", "/")); a.String() != "200" {
			t.Errorf("%v", a)
		}
	}
	if !r.l.suspicious(nil) {
		t.Error("nobody was asked")
	}
}

// While more bytes wait for a viewer than Limits.Pending, his next request
// waits too.
func TestPending(t *testing.T) {
	p := serve(t, answers, engine.Limits{Pending: 1 << 20}).dialBy(&quic.Config{
		InitialStreamReceiveWindow: 4 << 10, MaxStreamReceiveWindow: 4 << 20,
	})
	large := p.bidi(get("GET", "/large"), true)
	if _, err := large.Peek(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	small := p.bidi(get("GET", "/whole"), true)
	_ = small.SetReadDeadline(time.Now().Add(2 * soon))
	if n, err := small.Read(make([]byte, 1)); n != 0 {
		t.Errorf("answered beside two megabytes that wait: %v", err)
	}
	if a := readAnswer(large); len(a.body) != 2<<20 {
		t.Errorf("%v, %d bytes", a, len(a.body))
	}
	if a := readAnswer(small); a.body != "hello" {
		t.Errorf("%v %q", a, a.body)
	}
}
