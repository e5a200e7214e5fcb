// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"errors"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// continueTime is how long an origin that was asked by Expect may take to say
// 100 Continue before it gets the body unasked (RFC 9110 10.1.1).
const continueTime = time.Second

// endTime is how long the last write may take to return when the whole answer
// is there already.
const endTime = 50 * time.Millisecond

const (
	uploadRuns int32 = iota
	uploadEnds       // the last piece is being written
	uploadSent
	uploadBroken // by the origin, which may answer all the same
	uploadFailed // by the body
)

// upload sends a request's body while the answer may come already.
type upload struct {
	c     *conn
	body  io.ReadCloser
	left  int64     // -1: in chunks
	may   chan bool // nil: nobody is asked; else whether the body is wanted
	state atomic.Int32
	ended chan struct{} // closed when run ends
	err   error         // of uploadFailed
}

func startUpload(c *conn, rq *httpmsg.Request) *upload {
	u := &upload{c: c, body: rq.Body, left: rq.ContentLength, ended: make(chan struct{})}
	if expects(rq) {
		u.may = make(chan bool, 1)
	}
	go u.run()
	return u
}

// proceed says whether the origin wants the body. u may be nil.
func (u *upload) proceed(yes bool) {
	if u != nil && u.may != nil {
		select {
		case u.may <- yes:
		default:
		}
	}
}

// sent tells that there is no body, or that all of it has been sent.
func (u *upload) sent() bool {
	if u == nil {
		return true
	}
	if u.state.Load() == uploadEnds {
		t := time.NewTimer(endTime)
		defer t.Stop()
		select {
		case <-u.ended:
		case <-t.C:
		}
	}
	return u.state.Load() == uploadSent
}

// fault is what ended the body early.
func (u *upload) fault() error {
	if u != nil && u.state.Load() == uploadFailed {
		return u.err
	}
	return nil
}

func (u *upload) run() {
	defer u.body.Close()
	defer close(u.ended)
	if !u.wanted() {
		u.state.Store(uploadBroken)
		return
	}
	b := u.c.cl.buffer()
	defer u.c.cl.release(b)
	for more := u.left != 0; more; {
		var p []byte
		var err error
		p, more, err = u.piece(b.b)
		if err != nil { // the request cannot be completed
			u.err = err
			u.state.Store(uploadFailed)
			_ = u.c.sock.Close()
			return
		}
		if len(p) == 0 {
			continue
		}
		if !more {
			u.state.Store(uploadEnds)
		}
		if _, err := u.c.nc.Write(p); err != nil {
			u.state.Store(uploadBroken)
			return
		}
		u.c.touch(time.Now())
	}
	u.state.Store(uploadSent)
}

// wanted waits for the origin's word, if it was asked.
func (u *upload) wanted() bool {
	if u.may == nil {
		return true
	}
	t := time.NewTimer(continueTime)
	defer t.Stop()
	select {
	case yes := <-u.may:
		return yes
	case <-t.C:
		return true
	}
}

// chunkRoom is what a chunk has around its data: "1fff CRLF" and CRLF.
const chunkRoom = 8

// piece is what goes out next, in b.
func (u *upload) piece(b []byte) (p []byte, more bool, err error) {
	if u.left >= 0 {
		n, err := u.body.Read(b[:min(int64(len(b)), u.left)])
		u.left -= int64(n)
		if u.left > 0 && err != nil {
			return nil, false, unexpected(err)
		}
		return b[:n], u.left > 0, nil
	}
	n, err := u.body.Read(b[chunkRoom : len(b)-chunkRoom])
	end := errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !end {
		return nil, false, err
	}
	from, to := chunkRoom, chunkRoom
	if n > 0 {
		var size [chunkRoom]byte
		line := append(strconv.AppendInt(size[:0], int64(n), 16), "\r\n"...)
		from -= copy(b[chunkRoom-len(line):], line)
		to += n + copy(b[chunkRoom+n:], "\r\n")
	}
	if end {
		to += copy(b[to:], "0\r\n\r\n")
	}
	return b[from:to], !end, nil
}
