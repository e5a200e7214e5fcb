// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// handler makes an engine.Handler of a function that may block: inline when
// there is no body, in a goroutine else.
func handler(f func(rq *httpmsg.Request, w engine.Writer)) engine.Handler {
	return func(_ context.Context, rq *httpmsg.Request, w engine.Writer, inline bool) func() {
		if rq.Body == nil || !inline {
			f(rq, w)
			return nil
		}
		return func() { f(rq, w) }
	}
}

// blocking makes one that always leaves the reading goroutine.
func blocking(f func(ctx context.Context, rq *httpmsg.Request, w engine.Writer)) engine.Handler {
	return func(ctx context.Context, rq *httpmsg.Request, w engine.Writer, inline bool) func() {
		if !inline {
			f(ctx, rq, w)
			return nil
		}
		return func() { f(ctx, rq, w) }
	}
}

func response(status int, length int64, fields ...string) *httpmsg.Response {
	rs := &httpmsg.Response{Status: status, ContentLength: length}
	for i := 0; i+1 < len(fields); i += 2 {
		rs.Header.Add(fields[i], fields[i+1])
	}
	return rs
}

// hello reads the body and answers with five bytes.
func hello(rq *httpmsg.Request, w engine.Writer) {
	if rq.Body != nil {
		if _, err := io.Copy(io.Discard, rq.Body); err != nil {
			w.Abort()
			return
		}
	}
	_ = w.Whole(response(200, -1, "Content-Type", "text/plain"), [][]byte{[]byte("hel"), []byte("lo")}, nil)
}

// peer is a viewer made of the framer of x/net.
type peer2 struct {
	*http2.Framer
	t    *testing.T
	conn *memConn
	out  bytes.Buffer // what the framer wrote and was not sent
	hbuf bytes.Buffer
	enc  *hpack.Encoder
	dec  *hpack.Decoder
	got  []string // what the server said
	data map[uint32]int
	rest []byte
	done chan struct{}
	stop context.CancelFunc
}

// connect starts a server with one connection, in a bubble. Without raw the
// prefaces are exchanged.
func connect(t *testing.T, h engine.Handler, o Options, raw bool) *peer2 {
	t.Helper()
	return connectRoom(t, h, o, raw, 0)
}

func connectRoom(t *testing.T, h engine.Handler, o Options, raw bool, room int) *peer2 {
	t.Helper()
	return connectTo(t, New(h, o), raw, room)
}

// connectTo is connect to a server that may have other connections.
func connectTo(t *testing.T, s *Server, raw bool, room int) *peer2 {
	t.Helper()
	server, client := newPair(room)
	ctx, stop := context.WithCancel(t.Context())
	p := &peer2{t: t, conn: client, done: make(chan struct{}), stop: stop, data: map[uint32]int{}}
	p.Framer = http2.NewFramer(&p.out, nil)
	p.AllowIllegalWrites = true
	p.enc = hpack.NewEncoder(&p.hbuf)
	p.dec = hpack.NewDecoder(4096, nil)
	go func() {
		defer close(p.done)
		s.Serve(ctx, server, httpmsg.Viewer{Addr: netip.MustParseAddrPort("192.0.2.7:40000")})
	}()
	t.Cleanup(func() {
		client.Close()
		<-p.done
		stop()
	})
	if !raw {
		p.out.WriteString(preface)
		_ = p.WriteSettings()
		_ = p.WriteSettingsAck()
		p.see()
		p.got = nil
	}
	return p
}

// send hands over what the framer has written.
func (p *peer2) send() {
	_, _ = p.conn.Write(p.out.Bytes())
	p.out.Reset()
}

// see sends, waits until the server is at rest and reads what it said.
func (p *peer2) see() []string {
	p.t.Helper()
	p.send()
	for {
		synctest.Wait()
		b, closed := p.conn.take()
		p.rest = append(p.rest, b...)
		p.parse()
		if len(b) == 0 {
			if closed {
				p.got = append(p.got, "CLOSED")
			}
			return p.got
		}
	}
}

func (p *peer2) parse() {
	p.t.Helper()
	for len(p.rest) >= headerSize {
		h := parseHeader(p.rest)
		if len(p.rest) < headerSize+h.length {
			return
		}
		b := p.rest[headerSize : headerSize+h.length]
		p.rest = p.rest[headerSize+h.length:]
		p.got = append(p.got, p.describe(h, b))
	}
}

func (p *peer2) describe(h frameHeader, b []byte) string {
	end := ""
	word := func(at int) Code {
		return Code(uint32(b[at])<<24 | uint32(b[at+1])<<16 | uint32(b[at+2])<<8 | uint32(b[at+3]))
	}
	if h.has(flagEndStream) {
		end = " END"
	}
	switch h.kind {
	case frameData:
		p.data[h.id] += len(b)
		return fmt.Sprintf("DATA %d %d%s", h.id, len(b), end)
	case frameHeaders, frameContinuation:
		p.hbuf.Reset()
		var fields []string
		p.dec.SetEmitFunc(func(f hpack.HeaderField) { fields = append(fields, f.Name+"="+f.Value) })
		if _, err := p.dec.Write(b); err != nil {
			p.t.Errorf("head of an answer: %v", err)
		}
		if h.has(flagEndHeaders) {
			_ = p.dec.Close()
		}
		return fmt.Sprintf("%s %d %s%s", map[frameType]string{frameHeaders: "HEADERS", frameContinuation: "CONTINUATION"}[h.kind],
			h.id, strings.Join(fields, " "), end)
	case frameReset:
		return fmt.Sprintf("RST %d %v", h.id, word(0))
	case frameGoAway:
		return fmt.Sprintf("GOAWAY %d %v", word(0)&maxWindow, word(4))
	case frameWindow:
		return fmt.Sprintf("WINDOW %d %d", h.id, uint32(word(0)))
	case frameSettings:
		if h.has(flagAck) {
			return "SETTINGS ACK"
		}
		return fmt.Sprintf("SETTINGS %d", h.length/6)
	case framePing:
		if h.has(flagAck) {
			return "PING ACK " + string(b)
		}
		return "PING " + string(b)
	}
	return fmt.Sprintf("frame %d", h.kind)
}

// block encodes fields, given as name, value, name, value.
func (p *peer2) block(fields ...string) []byte {
	p.hbuf.Reset()
	for i := 0; i+1 < len(fields); i += 2 {
		_ = p.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return slices.Clone(p.hbuf.Bytes())
}

// request opens a stream; fields come after the usual four.
func (p *peer2) request(id uint32, method string, end bool, fields ...string) {
	all := append([]string{":method", method, ":scheme", "http", ":authority", "example.com", ":path", "/"}, fields...)
	p.head(id, end, all...)
}

func (p *peer2) get(id uint32, fields ...string) { p.request(id, "GET", true, fields...) }

// head opens a stream with just these fields.
func (p *peer2) head(id uint32, end bool, fields ...string) {
	_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.block(fields...), EndStream: end, EndHeaders: true})
}

// said tells whether the server said something that begins so.
func (p *peer2) said(what string) bool {
	return slices.ContainsFunc(p.got, func(s string) bool { return s == what || strings.HasPrefix(s, what+" ") })
}

func (p *peer2) want(what ...string) {
	p.t.Helper()
	p.see()
	for _, w := range what {
		not, negative := strings.CutPrefix(w, "!")
		if negative && p.said(not) || !negative && !p.said(w) {
			p.t.Errorf("want %q; the server said %q", w, p.got)
		}
	}
	p.got = nil
}
