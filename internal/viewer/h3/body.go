// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"errors"
	"io"

	"github.com/quic-go/quic-go"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/mux"
)

// incoming is the body of a request as it comes: DATA frames, and unknown ones
// between them, then perhaps trailers.
type incoming struct {
	left    uint64 // of the current DATA frame
	got     int64  // of the body, the current frame included
	length  int64  // content-length, -1: not told
	skipped uint64
	ended   bool
	err     error // what ended it before its time
}

// advance goes on to a DATA frame that is not empty, or to the end.
func (st *stream) advance() error {
	b := &st.body
	trailed := false
	for b.left == 0 && !b.ended {
		st.in.rewind()
		t, n, err := st.in.header()
		switch {
		case errors.Is(err, io.EOF):
			b.ended = true
		case err != nil:
			return framing(err)
		case t == frameData && !trailed:
			if b.got += int64(n); b.length >= 0 && b.got > b.length {
				return streamFault(MessageError, "DATA and content-length differ")
			}
			if b.left = n; n == 0 {
				if err := st.c.payControl(); err != nil {
					return err
				}
			}
		case t == frameHeaders && !trailed:
			trailed = true
			if err := st.trailers(n); err != nil {
				return err
			}
		default:
			if err := st.unknown(t, n, &b.skipped); err != nil {
				return err
			}
		}
	}
	if b.ended && b.length >= 0 && b.got != b.length {
		return streamFault(MessageError, "DATA and content-length differ")
	}
	return nil
}

// trailers judges a trailer section, and drops it.
func (st *stream) trailers(n uint64) error {
	if n > uint64(2*st.c.l.limits.Head) {
		return streamFault(ExcessiveLoad, "trailers too large")
	}
	block, err := st.in.take(int(n))
	if err != nil {
		return framing(err)
	}
	h, dec := mux.Head{Limits: st.c.l.limits}, decoder{} // what the request refers to stays
	h.Reset(nil)
	if err := dec.decode(block, &h); err != nil {
		return connFault(DecompressionFailed, err.Error())
	}
	if h.Bad != "" {
		return streamFault(MessageError, h.Bad)
	}
	return nil
}

// body is a stream seen as the body of its request.
type body stream

// Read waits for a piece of the body, for Limits.BodyTimeout at most.
func (b *body) Read(p []byte) (int, error) {
	st := (*stream)(b)
	st.reading.Lock()
	defer st.reading.Unlock()
	in := &st.body
	switch {
	case st.closed.Load():
		return 0, errClosed
	case in.err != nil:
		return 0, in.err
	case len(p) == 0:
		return 0, nil
	}
	if in.left == 0 && !in.ended {
		st.mayContinue()
		st.setPatience()
		if err := st.advance(); err != nil {
			return 0, st.broken(err)
		}
	}
	if in.ended {
		return 0, io.EOF
	}
	st.setPatience()
	n, err := st.in.read(p[:min(uint64(len(p)), in.left)])
	in.left -= uint64(n)
	if err != nil {
		return n, st.broken(framing(err))
	}
	return n, nil
}

// broken ends a request whose body is malformed, slow or cut off.
func (st *stream) broken(err error) error {
	st.body.err = err
	if st.closed.Load() {
		return errClosed
	}
	st.reject(err)
	return err
}

// mayContinue sends 100 to a viewer that waits for it (RFC 9110 10.1.1).
func (st *stream) mayContinue() {
	if st.expect.CompareAndSwap(true, false) && len(st.in.have()) == 0 {
		_ = st.Head(&httpmsg.Response{Status: 100}) // the viewer is gone if this fails
	}
}

// Close tells that nobody reads on.
func (b *body) Close() error {
	st := (*stream)(b)
	if !st.closed.Swap(true) {
		st.str.CancelRead(quic.StreamErrorCode(NoError)) // wakes who reads
	}
	return nil
}
