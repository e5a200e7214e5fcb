// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"io"
	"net"
	"net/http"
	"time"

	"github.com/forelane/forelane/internal/edge/fault"
	"github.com/forelane/forelane/internal/edge/pipe"
	"github.com/forelane/forelane/internal/edge/websocket"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/record"
)

// A WebSocket passes through the edge (row C16):
//
//	key        sees the handshake: the cache is not used
//	request    lets it go on, whatever the policies say: Connection and Upgrade
//	           are made anew, Sec-WebSocket-* are the viewer's
//	fetch      takes a 101 for an answer only if it belongs to the handshake;
//	           any other answer is one as to any request
//	upgrade    answers 101 and joins the two connections (room pipe)
//
// A new revision leaves it alone: like any exchange it keeps the snapshot that
// it began with. An engine that drains ends it when it is quiet.
//
// Over HTTP/2 the handshake is an extended CONNECT (RFC 8441), where the engine
// offers that: it becomes the same handshake here, with a key of the edge's own,
// and its answer is a 200.

// Upgrader is an optional face of a Writer: its connection can be taken over.
// Upgrade sends rs, with status 101 and its fields as they are. The connection
// is the Exchange's until Serve, or the rest that Begin gave, returns.
type Upgrader interface {
	Upgrade(rs *httpmsg.Response) (net.Conn, error)
}

// socket is what an Exchange knows of its WebSocket.
type socket struct {
	connect io.ReadCloser // what the viewer sends, of an extended CONNECT
	wanted  bool          // the request is a handshake, and goes on as one
	key     string        // Sec-WebSocket-Key
	open    bool          // the origin has agreed
}

const socketIdle = 10 * time.Minute // row C16

// extended turns an extended CONNECT for a WebSocket into the GET that it
// stands for. Any other CONNECT stays one, which no behavior allows.
func (x *Exchange) extended() {
	rq := x.rq
	if rq.Method != http.MethodConnect || rq.Proto != httpmsg.HTTP2 || rq.Body == nil {
		return
	}
	protocol := rq.Header.Get(":protocol")
	rq.Header.Del(":protocol")
	if protocol == "websocket" {
		x.socket.connect = rq.Body
		rq.Method, rq.Body, rq.ContentLength = http.MethodGet, nil, 0
	}
}

// handshake tells whether the request is the opening handshake of a WebSocket
// that can be passed on.
func (x *Exchange) handshake() bool {
	rq, s := x.rq, &x.socket
	switch {
	case s.connect != nil:
		s.key, s.wanted = websocket.NewKey(), true
		return true
	case !rq.Header.Has("Upgrade") || x.role != forViewer:
		return false
	}
	if _, able := x.w.(Upgrader); !able {
		return false
	}
	s.key, s.wanted = websocket.Key(rq)
	return s.wanted
}

// offerSocket writes the fields of the handshake for the origin.
func (x *Exchange) offerSocket(h *httpmsg.Header) {
	if x.socket.wanted {
		websocket.Offer(h, &x.rq.Header, x.socket.key)
	}
}

// judgeSwitch makes an error of a 101 that does not belong to the handshake.
func (x *Exchange) judgeSwitch() {
	rs := x.asked.rs
	if rs == nil || rs.Status != http.StatusSwitchingProtocols {
		return
	}
	_, duplex := rs.Body.(io.ReadWriteCloser)
	x.socket.open = x.socket.wanted && duplex && websocket.Agrees(&rs.Header, x.socket.key)
	if !x.socket.open {
		_ = rs.Body.Close()
		x.asked.rs, x.asked.err = nil, fault.ErrSwitch
	}
}

// switched makes the origin's 101 the answer.
func (x *Exchange) switched() stepID {
	x.takeFields(x.asked.rs)
	x.rs.Status, x.rs.ContentLength = http.StatusSwitchingProtocols, -1
	x.body = body{src: x.asked.rs.Body}
	return stepHeaders
}

// upgrade answers the handshake and joins viewer and origin until one of them
// leaves, or both are silent for too long. CloudFront logs a WebSocket when it
// ends, and always as a Miss.
func (x *Exchange) upgrade() stepID {
	o, _ := x.body.src.(io.ReadWriteCloser) // judgeSwitch has looked
	x.sent = true
	v, err := x.takeOver()
	rec := &x.rec
	rec.Result.Sent, rec.Response.Status, rec.Time.FirstByte = rec.Result.Type, x.rs.Status, x.elapsed()
	rec.Response.Bytes = int64(x.headBytes())
	if rec.Request.Scheme = "ws"; x.rq.Scheme == "https" { // as CloudFront's cs-protocol has it
		rec.Request.Scheme = "wss"
	}
	if err != nil {
		rec.Result.End = record.EndViewerLeft
		x.w.Abort()
		return stepFinish
	}
	idle := x.edge.deps.SocketIdle
	if idle <= 0 {
		idle = socketIdle
	}
	out := pipe.Run(v, o, idle, &x.edge.buffers)
	rec.Response.Bytes += out.Down
	rec.Request.Bytes += out.Up
	rec.Result.End, rec.Time.Total = out.End, x.elapsed()
	if out.Err != nil {
		rec.Origin.Error = out.Err.Error()
		x.w.Abort() // where the connection goes on, the stream was cut
	}
	return stepFinish
}

// takeOver sends the head and gives the viewer's side of the connection.
func (x *Exchange) takeOver() (io.ReadWriteCloser, error) {
	h := x.rs.Thaw()
	if x.socket.connect != nil {
		h.Filter(func(f httpmsg.Field) bool { return !httpmsg.EqualFold(f.Name, "Sec-WebSocket-Accept") })
		x.rs.Status = http.StatusOK
		s := &h2socket{x.socket.connect, x.w}
		if err := x.w.Head(&x.rs); err != nil {
			return nil, err
		}
		return s, x.w.Flush()
	}
	websocket.Switch(h)
	return x.w.(Upgrader).Upgrade(&x.rs) // handshake has looked
}

// h2socket is the viewer's side of a stream of HTTP/2. Its end towards the
// viewer is that of the Exchange.
type h2socket struct {
	io.ReadCloser
	w Writer
}

// Write sends p at once: it is a message, or a part of one.
func (s *h2socket) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		return n, err
	}
	return n, s.w.Flush()
}
