// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// TestRapidResetStartsNoWork: a request that is reset by the frames that came
// with it finds its context ended, and all of them share one goroutine.
func TestRapidResetStartsNoWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now, most, alive := 0, 0, 0 // of the one goroutine that runs them
		p := connect(t, blocking(func(ctx context.Context, _ *httpmsg.Request, _ engine.Writer) {
			now++
			most = max(most, now)
			if ctx.Err() == nil {
				alive++
			}
			<-time.After(time.Millisecond) // lets others run
			now--
		}), Options{}, false)
		for i := range 20 {
			p.get(uint32(2*i + 1))
			_ = p.WriteRSTStream(uint32(2*i+1), http2.ErrCodeCancel)
		}
		p.see()
		if most != 1 || alive != 0 {
			t.Errorf("%d at once, %d with a living context", most, alive)
		}
	})
}

// TestOrphans: work for streams that were reset, one packet later, keeps new
// streams away until it has ended.
func TestOrphans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		p := connect(t, blocking(func(_ context.Context, rq *httpmsg.Request, w engine.Writer) {
			if rq.Header.Get("Hold") != "" {
				<-gate // does not care about its context
			}
			hello(rq, w)
		}), Options{Limits: engine.Limits{Streams: 8}}, false)
		for _, id := range []uint32{1, 3} {
			p.get(id, "hold", "1")
			p.see()
			_ = p.WriteRSTStream(id, http2.ErrCodeCancel)
			p.see()
		}
		p.get(5)
		p.want("RST 5 REFUSED_STREAM")
		close(gate)
		p.see()
		p.get(7)
		p.want("HEADERS 7 :status=200")
	})
}

// TestFloodIsTold: the address of who floods, and of nobody who is only slow.
func TestFloodIsTold(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(p *peer2)
		want int
	}{
		{"PING", func(p *peer2) {
			for range 5000 {
				_ = p.WritePing(false, [8]byte{})
			}
		}, 1},
		{"a wrong frame", func(p *peer2) { _ = p.WriteRawFrame(http2.FramePing, 0, 0, []byte("short")) }, 0},
		{"a head that does not come to its end", func(p *peer2) {
			_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1})
			p.see()
			time.Sleep(time.Minute)
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told []netip.Addr
				p := connect(t, handler(hello), Options{Flood: func(a netip.Addr) { told = append(told, a) }}, false)
				tt.do(p)
				p.see()
				<-p.done
				if len(told) != tt.want || tt.want > 0 && told[0] != netip.MustParseAddr("192.0.2.7") {
					t.Errorf("told of %v", told)
				}
			})
		})
	}
}

// TestCloseIdle sends the idle ones away, with a GOAWAY, and no others.
func TestCloseIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		s := New(blocking(func(_ context.Context, rq *httpmsg.Request, w engine.Writer) {
			if rq.Header.Get("Hold") != "" {
				<-gate
			}
			hello(rq, w)
		}), Options{})
		idle, busy := connectTo(t, s, false, 0), connectTo(t, s, false, 0)
		idle.get(1)
		busy.get(1, "hold", "1")
		idle.want("HEADERS 1 :status=200")
		busy.see()
		time.Sleep(5 * time.Second)
		if n := s.CloseIdle(time.Now().Add(-10*time.Second), 10); n != 0 {
			t.Errorf("%d closed that are not idle long enough", n)
		}
		if n := s.CloseIdle(time.Now(), 10); n != 1 {
			t.Errorf("%d closed", n)
		}
		idle.want("GOAWAY 1 NO_ERROR", "CLOSED")
		close(gate)
		busy.want("HEADERS 1 :status=200", "!GOAWAY")
	})
}
