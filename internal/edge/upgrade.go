// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it; nothing is kept secret by it
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/edge/fault"
	"github.com/forelane/forelane/internal/edge/pipe"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
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

// socketGUID is the constant of RFC 6455 1.3.
const socketGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

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
// (RFC 6455 4.2.1) that can be passed on. One that lacks something is a request
// as any other: nobody is obliged to upgrade (RFC 9110 7.8).
func (x *Exchange) handshake() bool {
	rq, s := x.rq, &x.socket
	switch {
	case s.connect != nil:
		var nonce [16]byte
		_, _ = rand.Read(nonce[:]) // never fails
		s.key = base64.StdEncoding.EncodeToString(nonce[:])
		s.wanted = true
		return true
	case !rq.Header.Has("Upgrade") || rq.Method != http.MethodGet || rq.Proto != httpmsg.HTTP11:
		return false
	case x.role != forViewer || rq.Body != nil:
		return false
	case !httpspec.ListHas(rq.Header.Join("Upgrade"), "websocket") || !httpspec.ListHas(rq.Header.Join("Connection"), "upgrade"):
		return false
	}
	key := rq.Header.Values("Sec-WebSocket-Key")
	if _, able := x.w.(Upgrader); !able || len(key) != 1 {
		return false
	}
	if raw, err := base64.StdEncoding.DecodeString(key[0]); err != nil || len(raw) != 16 {
		return false
	}
	s.key, s.wanted = strings.Clone(key[0]), true
	return true
}

// offerSocket writes the fields of the handshake for the origin.
func (x *Exchange) offerSocket(h *httpmsg.Header) {
	if !x.socket.wanted {
		return
	}
	h.Filter(func(f httpmsg.Field) bool { return !socketField(f.Name) })
	for _, f := range x.rq.Header.Fields() {
		if socketField(f.Name) && !httpmsg.EqualFold(f.Name, "Sec-WebSocket-Key") {
			h.Add(f.Name, f.Value)
		}
	}
	h.Set("Sec-WebSocket-Key", x.socket.key)
	h.Set("Connection", "Upgrade")
	h.Set("Upgrade", "websocket")
}

func socketField(name string) bool {
	const prefix = "Sec-WebSocket-"
	return len(name) > len(prefix) && httpmsg.EqualFold(name[:len(prefix)], prefix)
}

// judgeSwitch makes an error of a 101 that does not belong to the handshake.
func (x *Exchange) judgeSwitch() {
	rs := x.asked.rs
	if rs == nil || rs.Status != http.StatusSwitchingProtocols {
		return
	}
	sum := sha1.Sum([]byte(x.socket.key + socketGUID)) //nolint:gosec // see the import
	accept := rs.Header.Values("Sec-WebSocket-Accept")
	_, duplex := rs.Body.(io.ReadWriteCloser)
	x.socket.open = x.socket.wanted && duplex && len(accept) == 1 &&
		accept[0] == base64.StdEncoding.EncodeToString(sum[:]) &&
		httpspec.ListHas(rs.Header.Join("Upgrade"), "websocket") &&
		httpspec.ListHas(rs.Header.Join("Connection"), "upgrade")
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
	h.Set("Connection", "Upgrade")
	h.Set("Upgrade", "websocket")
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
