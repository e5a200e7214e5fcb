// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// streamer is edge.Streamer.
type streamer interface {
	Stream()
	Trailers(h *httpmsg.Header) error
}

func trailers(fields ...string) *httpmsg.Header {
	h := new(httpmsg.Header)
	for i := 0; i+1 < len(fields); i += 2 {
		h.Add(fields[i], fields[i+1])
	}
	return h
}

func TestTrailers(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(w engine.Writer) error
		want []string
		err  error
	}{
		{"behind a body", func(w engine.Writer) error {
			_ = w.Head(response(200, -1, "Content-Type", "application/grpc"))
			_, _ = w.Write([]byte("hello"))
			return w.(streamer).Trailers(trailers("Grpc-Status", "0", "Grpc-Message", "fine", "Connection", "x"))
		}, []string{"HEADERS 1 :status=200 content-type=application/grpc", "DATA 1 5", "HEADERS 1 grpc-status=0 grpc-message=fine END"}, nil},
		{"behind a long body", func(w engine.Writer) error {
			_ = w.Head(response(200, -1))
			_, _ = w.Write(make([]byte, 40000))
			return w.(streamer).Trailers(trailers("grpc-status", "0"))
		}, []string{"HEADERS 1 :status=200", "DATA 1 16384", "DATA 1 16384", "DATA 1 7232", "HEADERS 1 grpc-status=0 END"}, nil},
		{"without a body", func(w engine.Writer) error {
			_ = w.Head(response(200, -1))
			return w.(streamer).Trailers(trailers("grpc-status", "5"))
		}, []string{"HEADERS 1 :status=200", "HEADERS 1 grpc-status=5 END"}, nil},
		{"a head that is all", func(w engine.Writer) error {
			w.(streamer).Stream()
			return w.Head(response(200, 0, "grpc-status", "5"))
		}, []string{"HEADERS 1 :status=200 grpc-status=5 END"}, nil},
		{"before the head", func(w engine.Writer) error {
			defer func() { _ = w.Head(response(200, 0)) }()
			return w.(streamer).Trailers(trailers("a", "b"))
		}, []string{"HEADERS 1 :status=200 content-length=0 END"}, errOrder},
		{"half a body", func(w engine.Writer) error {
			_ = w.Head(response(200, 9))
			_, _ = w.Write([]byte("hello"))
			return w.(streamer).Trailers(trailers("a", "b"))
		}, []string{"HEADERS 1 :status=200 content-length=9", "DATA 1 5", "RST 1 INTERNAL_ERROR"}, errLength},
		{"a control byte", func(w engine.Writer) error {
			_ = w.Head(response(200, -1))
			return w.(streamer).Trailers(trailers("a", "b\nc"))
		}, []string{"HEADERS 1 :status=200", "RST 1 INTERNAL_ERROR"}, errValue},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var err error
				p := connect(t, blocking(func(_ context.Context, _ *httpmsg.Request, w engine.Writer) { err = tt.do(w) }), Options{}, false)
				p.request(1, "POST", true)
				if got := p.see(); !slices.Equal(got, tt.want) || !errors.Is(err, tt.err) {
					t.Errorf("%q %v, want %q %v", got, err, tt.want, tt.err)
				}
			})
		})
	}
}

// The body of a stream that goes both ways may come whenever it likes, also when
// the answer has begun; the answer's end is the end.
func TestStreamIsPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late error
		p := connect(t, blocking(func(_ context.Context, rq *httpmsg.Request, w engine.Writer) {
			w.(streamer).Stream()
			_ = w.Head(response(200, -1))
			_ = w.Flush()
			b := make([]byte, 9)
			for range 2 {
				n, err := rq.Body.Read(b)
				if err != nil {
					t.Error(err)
				}
				_, _ = w.Write(b[:n])
				_ = w.Flush()
			}
			_ = w.(streamer).Trailers(trailers("grpc-status", "0"))
			_, late = io.ReadAll(rq.Body)
		}), Options{}, false)
		p.request(1, "POST", false)
		p.want("HEADERS 1 :status=200")
		for range 2 {
			time.Sleep(10 * time.Minute)
			p.want("!RST", "!CLOSED")
			_ = p.WriteData(1, false, []byte("hello"))
			p.see()
		}
		p.want("DATA 1 5", "HEADERS 1 grpc-status=0 END")
		if !errors.Is(late, errBodyClosed) {
			t.Errorf("body behind the answer: %v", late)
		}
		time.Sleep(2 * time.Second)
		p.want("RST 1 NO_ERROR", "!CLOSED")
	})
}

// A viewer that was answered may ask anew at once, also while the Handlers of its
// answers are about to return; but not without end.
func TestAnsweredStreamsDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked int
		leave := make(chan struct{})
		p := connect(t, blocking(func(_ context.Context, _ *httpmsg.Request, w engine.Writer) {
			asked++
			_ = w.Head(response(200, 0))
			<-leave
		}), Options{Limits: engine.Limits{Streams: 4}}, false)
		for id := uint32(1); id < 2*8; id += 2 {
			p.get(id)
			p.want("HEADERS", "!RST")
		}
		p.get(17)
		p.want("RST 17 REFUSED_STREAM")
		close(leave)
		synctest.Wait()
		p.get(19)
		p.want("HEADERS 19")
		if asked != 9 {
			t.Errorf("%d requests", asked)
		}
	})
}
