// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
)

// socket opens a WebSocket, or gets another answer; the edge ends it.
func (s *script) socket(a []string) {
	target, fields := s.parse(a[1:])
	fields = append([]string{
		"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", sampleKey,
	}, fields...)
	ctx, cancel := context.WithCancel(context.Background())
	p := newPiped(s.t)
	v := &viewing{v: &p.viewer, cancel: cancel, done: make(chan struct{})}
	rq := request(target, fields...)
	rq.Proto = httpmsg.HTTP11
	go func() {
		defer close(v.done)
		s.w.edge.Serve(ctx, rq, p)
		cancel()
		_ = p.ours.Close()
	}()
	s.open[a[0]], s.sockets[a[0]], s.last = v, p.theirs, v
	s.settle()
}

// say sends a text on a WebSocket and takes its echo.
func (s *script) say(a []string) {
	c, text := s.sockets[a[0]], strings.Join(a[1:], " ")
	if c == nil {
		s.fatalf("no socket %q", a[0])
	}
	got := make([]byte, len(text))
	_, err := io.WriteString(c, text)
	if err == nil {
		_, err = io.ReadFull(c, got)
	}
	if err != nil || string(got) != text {
		s.errorf("echo %q, %v", got, err)
	}
	s.settle()
}

func (s *script) hangUp(a []string) {
	_ = s.sockets[a[0]].Close()
	s.settle()
}

// echoSocket makes rs the agreement to a WebSocket on which everything comes
// back.
func echoSocket(rs *http.Response, rq *http.Request) {
	ours, theirs := net.Pipe()
	go func() {
		_, err := io.Copy(ours, ours)
		_ = errors.Join(err, ours.Close())
	}()
	rs.Body, rs.ContentLength = theirs, -1
	rs.Header.Set("Connection", "Upgrade")
	rs.Header.Set("Upgrade", "websocket")
	rs.Header.Set("Sec-Websocket-Accept", acceptFor(rq.Header.Get("Sec-Websocket-Key")))
}
