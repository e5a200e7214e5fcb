// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// script is a connection whose viewer has said everything in advance: each
// Read gives one piece, then the end. It needs no goroutine.
type script struct {
	in     []byte
	cut    int // bytes a Read gives; 0: all there is
	stall  bool
	closed bool
	out    bytes.Buffer
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.in) == 0 {
		if s.stall {
			return 0, os.ErrDeadlineExceeded
		}
		return 0, io.EOF
	}
	if s.cut > 0 && len(p) > s.cut {
		p = p[:s.cut]
	}
	n := copy(p, s.in)
	s.in = s.in[n:]
	return n, nil
}

func (s *script) Write(p []byte) (int, error)    { return s.out.Write(p) }
func (s *script) Close() error                   { s.closed = true; return nil }
func (*script) LocalAddr() net.Addr              { return nil }
func (*script) RemoteAddr() net.Addr             { return nil }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }

// dump is a request in one line, so that it can be compared byte for byte:
//
//	METHOD host path?query version {Name: value}{…} "body"
func dump(rq *httpmsg.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", rq.Method, rq.Host, rq.Target())
	if rq.Proto == httpmsg.HTTP10 {
		b.WriteString(" 1.0")
	}
	if rq.Header.Len() > 0 {
		b.WriteByte(' ')
	}
	for _, f := range rq.Header.Fields() {
		b.WriteString("{" + f.Name + ": " + f.Value + "}")
	}
	if rq.Body == nil {
		if rq.ContentLength != 0 {
			b.WriteString(" length without body")
		}
		return b.String()
	}
	p, err := io.ReadAll(rq.Body)
	fmt.Fprintf(&b, " %q", p)
	if be := (*BodyError)(nil); errors.As(err, &be) {
		b.WriteString(" !" + be.Why.String())
	} else if err != nil {
		b.WriteString(" !" + err.Error())
	}
	if rq.ContentLength >= 0 && err == nil && int64(len(p)) != rq.ContentLength {
		b.WriteString(" of another length")
	}
	return b.String()
}

// play lets a Server answer in, and tells what reached the Handler, then the
// refusal that ended it if there was one.
func play(t testing.TB, in string, cut int, limits engine.Limits) []string {
	t.Helper()
	got := []string{}
	s := New(func(_ context.Context, rq *httpmsg.Request, w engine.Writer, inline bool) func() {
		answer := func() {
			got = append(got, dump(rq))
			if err := w.Whole(&httpmsg.Response{Status: 200}, nil, nil); err != nil {
				t.Error(err)
			}
		}
		if rq.Body != nil {
			return answer
		}
		answer()
		return nil
	}, Options{Limits: limits})
	c := &script{in: []byte(in), cut: cut}
	s.Serve(t.Context(), c, Peer{})
	if !c.closed {
		t.Error("the connection is left open")
	}
	Reasons(func(r Reason) {
		switch n := s.Refused(r); {
		case n == 0 || r >= ReasonChunk && r <= ReasonBodyCut: // told by the body
		case !strings.Contains(c.out.String(), fmt.Sprintf("HTTP/1.1 %d ", r.Status())):
			t.Errorf("%s was not answered with %d: %q", r, r.Status(), c.out.String())
		default:
			got = append(got, r.String())
		}
	})
	return got
}

// TestVectors: each message is refused for the right reason, or reaches the
// Handler exactly as it was meant; so does what follows it on the connection.
// How the bytes were cut into reads makes no difference.
func TestVectors(t *testing.T) {
	if n := len(vectors); n < 150 {
		t.Errorf("only %d vectors", n)
	}
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			for _, cut := range []int{0, 1, 2, 3, 7} {
				if got := play(t, v.in, cut, engine.Limits{}); !slices.Equal(got, v.want) {
					t.Errorf("cut %d: %q gave\n%q, want\n%q", cut, v.in, got, v.want)
				}
			}
		})
	}
}

// TestNothingAfterARefusal: the bytes behind a refused message are not read as
// a request.
func TestNothingAfterARefusal(t *testing.T) {
	for _, v := range vectors {
		if n := len(v.want); n == 0 || strings.ContainsAny(v.want[n-1], " {") {
			continue
		}
		if got := play(t, v.in+"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", 0, engine.Limits{}); !slices.Equal(got, v.want) {
			t.Errorf("%s: got %q, want %q", v.name, got, v.want)
		}
	}
}
