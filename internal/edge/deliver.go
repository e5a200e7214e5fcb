// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"errors"
	"io"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/edge/fault"
	"github.com/forelane/forelane/internal/edge/pipe"
	"github.com/forelane/forelane/internal/record"
)

// deliver is the only writer to the viewer.
func (x *Exchange) deliver() stepID {
	if !x.role.delivers() {
		x.body.close()
		return stepFinish
	}
	if x.rs.Status == 204 || x.rs.Status == 304 {
		x.rs.ContentLength = -1
		x.body.close()
	}
	x.rec.Result.Sent = x.rec.Result.Type
	if x.debug {
		x.showDebug()
	}
	rec := &x.rec.Response
	rec.Status, rec.ContentType = x.rs.Status, x.rs.Get("Content-Type")
	x.rec.Cache.Encoding = x.rs.Get("Content-Encoding")
	rec.ContentLength, rec.HasLength = max(x.rs.ContentLength, 0), x.rs.ContentLength >= 0
	rec.Bytes = int64(x.headBytes())
	err := x.send()
	if x.rec.Time.Total = x.elapsed(); x.rec.Time.FirstByte == 0 { // it went out in one piece
		x.rec.Time.FirstByte = x.rec.Time.Total
	}
	if x.asked.rs != nil && !x.rec.Cache.Status.Served() { // the body went on as it came
		x.rec.Origin.LastByte = x.rec.Time.Total - x.asked.sent.Sub(x.rec.Start)
	}
	if err != nil {
		x.cut(err)
	}
	return stepFinish
}

// send sends head and body.
func (x *Exchange) send() error {
	if x.rq.Method == "HEAD" {
		x.body.close()
	}
	if w, ok := x.w.(Whole); ok {
		if pieces, ok := x.inMemory(); ok {
			x.sent = true
			if !x.inline { // the engine may wait for the viewer
				x.rec.Time.FirstByte = x.elapsed()
			}
			if x.body.obj == nil {
				return viewerError(w.Whole(&x.rs, pieces, nil))
			}
			return viewerError(w.Whole(&x.rs, pieces, x.body.obj))
		}
	}
	x.sent = true
	err := x.w.Head(&x.rs)
	x.rec.Time.FirstByte = x.elapsed()
	if err != nil {
		return viewerError(err)
	}
	if x.rpc.wanted { // its viewer may wait for the head alone
		if err := x.w.Flush(); err != nil {
			return viewerError(err)
		}
	}
	b := &x.body
	switch {
	case b.text != nil && b.part:
		return x.write(b.text[b.from:b.to])
	case b.text != nil:
		return x.write(b.text)
	case b.obj != nil:
		from, to := int64(0), b.obj.Length
		if b.part {
			from, to = b.from, b.to
		}
		return b.obj.Slice(from, to, x.write)
	case b.reader != nil:
		return x.follow()
	case b.src != nil:
		if err := x.stream(); err != nil {
			return err
		}
		return x.trailers()
	}
	return nil
}

// inMemory is the whole body, if it lies in memory in few pieces.
func (x *Exchange) inMemory() ([][]byte, bool) {
	b := &x.body
	switch {
	case b.part || b.reader != nil || b.src != nil || b.obj != nil && b.obj.OnDisk():
		return nil, false
	case b.text != nil:
		x.rec.Response.Bytes += int64(len(b.text))
		return [][]byte{b.text}, true
	case b.obj != nil:
		x.rec.Response.Bytes += b.obj.Length
		return b.obj.Chunks(), true
	}
	return nil, true
}

// gone is an error of the viewer's side.
type gone struct{ err error }

func (g gone) Error() string { return "viewer: " + g.err.Error() }
func (g gone) Unwrap() error { return g.err }

func viewerError(err error) error {
	if err == nil {
		return nil
	}
	return gone{err}
}

func (x *Exchange) write(p []byte) error {
	if x.body.parts != nil {
		return x.body.parts.Write(p, x.put)
	}
	return x.put(p)
}

func (x *Exchange) put(p []byte) error {
	n, err := x.w.Write(p)
	x.rec.Response.Bytes += int64(n)
	x.body.sent += int64(n)
	return viewerError(err)
}

// prompt is the size up to which a piece is flushed at once: it comes from an
// origin that sends little by little.
const prompt = 16 << 10

// follow reads a body that is on its way into the cache.
func (x *Exchange) follow() error {
	b := &x.body
	left := x.rs.ContentLength
	if b.part {
		b.reader.Skip(b.from)
		left = b.to - b.from
	}
	for left != 0 {
		p, err := b.reader.Next(x.ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, cache.ErrLagged) && !b.part {
			return x.goOn(b.sent, err)
		}
		if err != nil {
			if x.ctx.Err() != nil {
				return gone{err}
			}
			return err
		}
		if left >= 0 && int64(len(p)) > left {
			p = p[:left]
		}
		if err := x.write(p); err != nil {
			return err
		}
		if left > 0 {
			left -= int64(len(p))
		}
		if left != 0 && len(p) < prompt && !b.reader.Ready() {
			if err := x.w.Flush(); err != nil {
				return gone{err}
			}
		}
	}
	return nil
}

// stream passes the origin's body on.
func (x *Exchange) stream() error {
	b := &x.body
	var src io.Reader = b.src
	if b.part {
		if _, err := io.CopyN(io.Discard, src, b.from); err != nil {
			return err
		}
		src = io.LimitReader(src, b.to-b.from)
	}
	buf := x.edge.buffers.Get().(*pipe.Buffer)
	defer x.edge.buffers.Put(buf)
	for {
		n, err := src.Read(buf[:])
		if n > 0 {
			if werr := x.write(buf[:n]); werr != nil {
				return werr
			}
			if n < prompt && err == nil && !x.complete() {
				if ferr := x.w.Flush(); ferr != nil {
					return gone{ferr}
				}
			}
		}
		if err == io.EOF { //nolint:errorlint // a wrapped end is no end
			return nil
		}
		if err != nil {
			if x.ctx.Err() != nil {
				return gone{err}
			}
			return err
		}
	}
}

// complete tells whether all of a body of known length has been written.
func (x *Exchange) complete() bool {
	return x.rs.ContentLength >= 0 && x.body.sent >= x.rs.ContentLength
}

// cut ends an answer that cannot be completed, and says whose fault it is.
func (x *Exchange) cut(err error) {
	x.w.Abort()
	r := &x.rec.Result
	r.Type = record.Error
	var g gone
	switch {
	case errors.As(err, &g):
		r.Detail, r.End = record.ClientCommError, record.EndViewerLeft
		if x.rec.Cache.Store == record.Stored && x.body.reader != nil {
			x.rec.Cache.Store = record.StoreViewerLeft
		}
	case errors.Is(err, cache.ErrLagged):
		r.Detail, r.End = record.ClientCommError, record.EndViewerSlow
		if x.rs.Status >= 400 { // it was an error that the viewer was slow to read
			r.Detail = record.SlowReaderOriginError
		}
	default:
		r.Detail, r.End = record.OriginReadError, record.EndOriginBroke
		if fault.Timeout(err) {
			r.Detail, r.End = record.OriginCommError, record.EndOriginSlow
		}
		x.rec.Origin.Error = err.Error()
		if x.rec.Cache.Store == record.Stored {
			x.rec.Cache.Store = record.StoreIncomplete
		}
	}
}

// headBytes is what the head of the answer takes on an HTTP/1.1 wire, for
// sc-bytes.
func (x *Exchange) headBytes() int {
	n := len("HTTP/1.1 200 OK\r\n\r\n") + len(x.rs.Fixed[0].Lines()) + len(x.rs.Fixed[1].Lines())
	for _, f := range x.rs.Header.Fields() {
		n += len(f.Name) + len(f.Value) + 4
	}
	return n
}
