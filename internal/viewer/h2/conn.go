// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/mux"
)

const (
	smallRead = 4 << 10 // a read buffer holds the requests of many streams
	largeRead = headerSize + maxFrame
)

// conn is one connection.
type conn struct {
	srv    *Server
	nc     net.Conn
	ctx    context.Context //nolint:containedctx // streams are contexts derived from it
	viewer httpmsg.Viewer
	scheme string
	in     reader // of the goroutine that has the reading role

	mu       sync.Mutex
	now      time.Time // of the last touch
	streams  map[uint32]*stream
	spare    *stream // the memory of the last stream that ended
	running  int     // rests of Handlers at work
	orphans  int     // of these, those whose stream has ended before its time
	starts   []start // rests that begin when what was read is consumed
	parked   []start // requests that wait until fewer bytes are pending
	out      sender
	recv     receipt
	peer     peer
	ids      ids
	early    early
	control  mux.Bucket
	resets   mux.Bucket
	life     life
	room     sync.Cond // of changes in out: a write ended, bytes were sent
	done     chan struct{}
	handlers sync.WaitGroup

	quietSince time.Time // since when there is no request, if there is none
}

// peer is what the viewer has set.
type peer struct {
	window   int64 // initial, of streams
	frame    int   // largest payload that it takes
	shrunk   bool  // it has shrunk the HPACK table, and was not told that we use none
	settings bool  // its first SETTINGS came
	acked    bool  // it has acknowledged ours
	noOld    int8  // SETTINGS_NO_RFC7540_PRIORITIES, -1: not told
}

// reader is the reading side.
type reader struct {
	buf   []byte
	large *[]byte // buf is the one of the pool
	r, w  int     // what was read and not consumed
	began bool    // the preface came
	dec   decoder
	head  mux.Head
	rq    *httpmsg.Request

	// A header block that CONTINUATION goes on with; id 0: none.
	block      []byte
	blockID    uint32
	blockEnd   bool // END_STREAM
	blockSelf  bool // depends on itself
	blockCount int
	partial    time.Time // since when a frame or block is incomplete; zero: none is
	last       time.Time // of the last byte
	born       time.Time // of the connection
	isData     bool      // the incomplete frame is DATA
}

func newConn(ctx context.Context, s *Server, nc net.Conn, v httpmsg.Viewer) *conn {
	c := &conn{
		srv: s, nc: nc, ctx: ctx, viewer: v, scheme: s.opts.Scheme,
		streams: make(map[uint32]*stream), done: make(chan struct{}),
		recv:    receipt{window: connWindow, full: connWindow},
		peer:    peer{window: firstWindow, frame: maxFrame, noOld: -1},
		control: mux.Bucket{Burst: controlBurst, Rate: controlRate},
		resets:  mux.Bucket{Burst: resetBurst, Rate: resetRate},
	}
	if c.scheme == "" {
		c.scheme = "http"
		if v.TLS != nil {
			c.scheme = "https"
		}
	}
	c.room.L = &c.mu
	c.out.window = firstWindow
	c.in = reader{buf: make([]byte, smallRead), dec: newDecoder(), rq: new(httpmsg.Request)}
	c.in.head.Limits, c.in.head.Connect = s.limits, s.opts.WebSocket
	return c
}

// hello sends our preface: SETTINGS, and the window of the connection.
func (c *conn) hello() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.touch()
	c.in.last, c.in.partial, c.in.born, c.quietSince = c.now, c.now, c.now, c.now
	l := &c.srv.limits
	var p []byte
	p = appendSetting(p, settingStreams, uint32(l.Streams))
	p = appendSetting(p, settingHeaderList, uint32(l.Head+l.Fields*entryCost))
	p = appendSetting(p, settingNoPriorities, 1)
	if c.srv.opts.WebSocket {
		p = appendSetting(p, settingConnect, 1)
	}
	c.out.buf = append(appendHeader(c.out.buf, frameHeader{length: len(p), kind: frameSettings}), p...)
	c.out.buf = appendWord(c.out.buf, frameWindow, 0, connWindow-firstWindow)
	c.arm(l.HeadTimeout)
	c.flush(flushOnce)
}

// readLoop has the reading role until the connection ends, or until another
// goroutine took it over while this one was in a write.
func (c *conn) readLoop() {
	for {
		c.room4read()
		n, err := c.nc.Read(c.in.buf[c.in.w:])
		c.mu.Lock()
		c.touch()
		var bad *fault
		if n > 0 && !c.life.closing {
			c.in.w += n
			c.in.last = c.now
			c.out.busy = true
			bad = c.consume()
			c.launch(bad)
			c.out.busy = false
		}
		if bad != nil || err != nil || c.life.closing {
			c.end(bad)
			return
		}
		handed := c.flush(flushReader)
		closing := c.life.closing
		c.mu.Unlock()
		switch {
		case handed:
			return
		case closing:
			c.mu.Lock()
			c.end(nil)
			return
		}
	}
}

// room4read makes place in the buffer for at least the frame that is being read.
func (c *conn) room4read() {
	in := &c.in
	if in.r == in.w {
		in.r, in.w = 0, 0
		if in.large != nil && in.blockID == 0 {
			c.srv.large.Put(in.large)
			in.large, in.buf = nil, make([]byte, smallRead)
		}
		return
	}
	need := headerSize
	if in.w-in.r >= headerSize {
		need += parseHeader(in.buf[in.r:]).length
	}
	switch {
	case need > len(in.buf) && in.large == nil:
		in.large, _ = c.srv.large.Get().(*[]byte)
		n := copy(*in.large, in.buf[in.r:in.w])
		in.buf, in.r, in.w = *in.large, 0, n
	case in.r+need > len(in.buf) || in.w == len(in.buf):
		copy(in.buf, in.buf[in.r:in.w])
		in.r, in.w = 0, in.w-in.r
	}
}

// consume takes every complete frame of the buffer.
func (c *conn) consume() *fault {
	in := &c.in
	if !in.began {
		n := min(len(preface), in.w-in.r)
		if string(in.buf[in.r:in.r+n]) != preface[:n] {
			return &fault{ProtocolError, "no HTTP/2 preface"}
		}
		if n < len(preface) {
			return nil
		}
		in.began = true
		in.r += n
	}
	from := in.r
	for in.w-in.r >= headerSize && !c.life.closing {
		h := parseHeader(in.buf[in.r:])
		if h.length > maxFrame {
			return &fault{FrameSizeError, "a frame larger than SETTINGS_MAX_FRAME_SIZE"}
		}
		if !c.peer.settings && (h.kind != frameSettings || h.has(flagAck)) {
			return &fault{ProtocolError, "the first frame is not SETTINGS"}
		}
		if in.w-in.r < headerSize+h.length {
			break
		}
		p := in.buf[in.r+headerSize : in.r+headerSize+h.length]
		in.r += headerSize + h.length
		if bad := c.frame(h, p); bad != nil {
			return bad
		}
		if len(c.out.buf) > mostOut {
			return &fault{EnhanceYourCalm, "the viewer asks and does not read"}
		}
	}
	c.notePartial(in.r != from)
	return nil
}

// notePartial keeps since when a frame, or the block of a head, is incomplete.
func (c *conn) notePartial(moved bool) {
	in := &c.in
	if moved && in.blockID == 0 && c.peer.settings {
		in.partial = time.Time{}
	}
	if in.r == in.w && in.blockID == 0 && c.peer.settings {
		return
	}
	in.isData = in.w-in.r >= headerSize && parseHeader(in.buf[in.r:]).kind == frameData
	if in.partial.IsZero() {
		in.partial = c.now
		c.arm(min(c.srv.limits.HeadTimeout, c.srv.limits.BodyTimeout))
	}
}

// request takes a complete head of a new stream.
func (c *conn) request(id uint32, end, self bool, block []byte) *fault {
	in := &c.in
	c.ids.open(id)
	in.head.Reset(in.rq)
	if err := in.dec.decode(block, &in.head); err != nil {
		return &fault{CompressionError, err.Error()}
	}
	if c.life.last != 0 && id > c.life.last-1 {
		c.forgive(id)
		return nil // it came after our last GOAWAY: the viewer knows that it was not seen
	}
	h := &in.head
	h.Finish(end)
	if self {
		h.Bad = "a stream that depends on itself"
	}
	st := c.newStream(id)
	st.gotAll = end
	st.isHEAD = in.rq.Method == http.MethodHead
	switch {
	case h.Bad != "":
		return c.streamFault(st, ProtocolError, h.Bad)
	// Beyond the streams that are open run Handlers that have answered and are
	// about to return: a viewer that was answered may ask anew at once.
	case len(c.streams) >= c.srv.limits.Streams || c.running >= 2*c.srv.limits.Streams || c.orphans >= max(c.srv.limits.Streams/4, 1):
		c.reset(st, RefusedStream, errReset)
		if !c.control.Take(c.now) {
			return &fault{EnhanceYourCalm, "more streams than allowed, again and again"}
		}
	case h.Status != 0:
		c.refuse(st, h.Status)
	default:
		c.dispatch(st, end)
	}
	return nil
}

// refuse answers a request that no Handler sees.
func (c *conn) refuse(st *stream, status int) {
	rs, body := &httpmsg.Response{Status: status}, [][]byte(nil)
	if c.srv.opts.Refuse != nil {
		rs, body = c.srv.opts.Refuse(status)
	}
	st.inline = true
	c.mu.Unlock()
	_ = st.Whole(rs, body, nil) // an error has reset the stream
	c.mu.Lock()
	st.inline = false
	c.settle(st)
}

// dispatch gives a request to the Handler.
func (c *conn) dispatch(st *stream, end bool) {
	h, rq := &c.in.head, c.in.rq
	rq.Scheme, rq.Proto, rq.Viewer = c.scheme, httpmsg.HTTP2, c.viewer
	if !end {
		st.in.length, st.in.expect = h.Length, h.Expect
		rq.Body = (*body)(st)
	}
	if p, ok := c.early.take(st.id); ok {
		st.pri = p
	} else if h.Priority != "" {
		st.pri = mux.ParsePriority(h.Priority)
	}
	st.tunnel = h.Protocol != ""
	// A GET has no body, but its viewer may say so late: by an empty DATA.
	late := !end && h.Length < 0 && !st.tunnel && (rq.Method == http.MethodGet || rq.Method == http.MethodHead)
	if late || c.out.pending > c.srv.limits.Pending {
		c.park(st, rq, late)
		return
	}
	st.inline = true
	c.mu.Unlock()
	rest := c.call(st, rq)
	c.mu.Lock()
	st.inline = false
	if rest != nil {
		c.detach(st, rq, rest)
		return
	}
	c.finish(st)
	c.settle(st)
}

// settle keeps a stream that was answered inline as long as it has something
// to send.
func (c *conn) settle(st *stream) {
	if c.life.closing {
		st.fail(errClosed)
	}
	if st.sentAll || st.err != nil {
		st.cancel()
		c.release(st)
		return
	}
	c.list(st)
}
