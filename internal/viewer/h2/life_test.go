// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"

	"golang.org/x/net/http2"
)

// endsWithin lets the time go on until the connection has ended, and compares.
func (p *peer2) endsWithin(from, to time.Duration) {
	p.t.Helper()
	p.see()
	start := time.Now()
	select {
	case <-p.done:
	case <-time.After(time.Hour):
		p.t.Fatal("the connection does not end")
	}
	if d := time.Since(start); d < from || d > to {
		p.t.Errorf("ended after %v, want %v to %v", d, from, to)
	}
}

// Everything that a viewer can be slow with has a deadline.
func TestDeadlines(t *testing.T) {
	limits := engine.Limits{
		HeadTimeout: 10 * time.Second, BodyTimeout: 20 * time.Second,
		IdleTimeout: 60 * time.Second, WriteStall: 30 * time.Second,
	}
	started := func(p *peer2) {
		p.out.WriteString(preface)
		_ = p.WriteSettings()
		_ = p.WriteSettingsAck()
		p.see()
	}
	for _, c := range []struct {
		name     string
		do       func(p *peer2)
		from, to time.Duration
		said     string
	}{
		{"nothing", func(*peer2) {}, 10 * time.Second, 12 * time.Second, "GOAWAY 0 SETTINGS_TIMEOUT"},
		{"half a preface", func(p *peer2) { p.out.WriteString(preface[:9]) }, 10 * time.Second, 12 * time.Second, "GOAWAY"},
		{"SETTINGS not acknowledged", func(p *peer2) { p.out.WriteString(preface); _ = p.WriteSettings() }, 10 * time.Second, 12 * time.Second, "GOAWAY 0 SETTINGS_TIMEOUT"},
		{"idle", started, 60 * time.Second, 62 * time.Second, "GOAWAY 0 NO_ERROR"},
		{"idle after a request", func(p *peer2) { started(p); time.Sleep(50 * time.Second); p.get(1) }, 60 * time.Second, 122 * time.Second, "GOAWAY 1 NO_ERROR"},
		{"PING keeps nothing alive", func(p *peer2) {
			started(p)
			for range 5 {
				time.Sleep(10 * time.Second)
				_ = p.WritePing(false, [8]byte{})
				p.see()
			}
		}, 10 * time.Second, 12 * time.Second, "GOAWAY 0 NO_ERROR"},
		{"half a head", func(p *peer2) {
			started(p)
			_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}})
		}, 10 * time.Second, 12 * time.Second, "GOAWAY 0 ENHANCE_YOUR_CALM"},
		{"a head byte by byte", func(p *peer2) {
			started(p)
			_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}})
			for range 9 {
				p.see()
				time.Sleep(time.Second)
				_ = p.WriteContinuation(1, false, []byte{0x84})
			}
		}, 0, 2 * time.Second, "GOAWAY 0 ENHANCE_YOUR_CALM"},
		{"half a frame", func(p *peer2) { started(p); p.out.WriteString("\x00\x00") }, 10 * time.Second, 12 * time.Second, "GOAWAY 0 ENHANCE_YOUR_CALM"},
		{"half a DATA frame", func(p *peer2) {
			started(p)
			p.request(1, "POST", false)
			p.out.WriteString("\x00\x10\x00\x00\x00\x00\x00\x00\x01abc")
		}, 20 * time.Second, 21 * time.Second, "GOAWAY 1 ENHANCE_YOUR_CALM"},
		{"no window for the answers", func(p *peer2) {
			started(p)
			_ = p.WriteSettings(setting2(settingWindow, 1<<20))
			p.get(1, "x-size", "200000")
		}, 30 * time.Second, 32 * time.Second, "GOAWAY 1 ENHANCE_YOUR_CALM"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				big := bytes.Repeat([]byte("x"), 200000)
				p := connect(t, handler(func(rq *httpmsg.Request, w engine.Writer) {
					if rq.Header.Has("x-size") {
						_ = w.Whole(response(200, -1), [][]byte{big}, nil)
						return
					}
					hello(rq, w)
				}), Options{Limits: limits}, true)
				c.do(p)
				p.endsWithin(c.from, c.to)
				p.want(c.said, "CLOSED")
			})
		})
	}
}

// A stream that stalls costs itself, not the connection.
func TestStreamDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs []error
		p := connect(t, blocking(func(_ context.Context, rq *httpmsg.Request, w engine.Writer) {
			if rq.Method == "POST" {
				_, err := io.Copy(io.Discard, rq.Body)
				errs = append(errs, err)
				return
			}
			_ = w.Head(response(200, -1))
			_, err := w.Write(make([]byte, 100000))
			errs = append(errs, err)
		}), Options{}, false)
		_ = p.WriteWindowUpdate(0, 1<<20)
		p.get(1)
		p.see()
		time.Sleep(29 * time.Second)
		p.want("!RST")
		time.Sleep(2 * time.Second)
		p.want("RST 1 CANCEL", "!CLOSED")
		p.request(3, "POST", false)
		_ = p.WriteData(3, false, []byte("x"))
		p.see()
		time.Sleep(25 * time.Second)
		_ = p.WriteData(3, false, []byte("x"))
		p.see()
		time.Sleep(25 * time.Second)
		p.want("!RST")
		time.Sleep(6 * time.Second)
		p.want("RST 3 CANCEL", "!CLOSED")
		if len(errs) != 2 || errs[0] != errStalled || errs[1] != errSlow {
			t.Errorf("errors %v", errs)
		}
	})
}

// A viewer that stops reading from the socket is left, and its handlers end.
func TestSocketStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connectRoom(t, sized(60000, true), Options{}, false, 1000)
		p.get(1)
		p.send()
		p.endsAfterStall()
	})
	synctest.Test(t, func(t *testing.T) {
		p := connectRoom(t, sized(60000, false), Options{}, false, 1000)
		p.get(1)
		p.send()
		p.endsAfterStall()
	})
}

func (p *peer2) endsAfterStall() {
	p.t.Helper()
	start := time.Now()
	<-p.done
	if d := time.Since(start); d < 30*time.Second || d > 32*time.Second {
		p.t.Errorf("ended after %v", d)
	}
}

// While a write to a viewer blocks, what it sends is still read: two ends
// that both write do not wait for each other.
func TestReadsWhileWriteBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan int64, 1)
		body := make([]byte, 60000)
		p := connectRoom(t, handler(func(rq *httpmsg.Request, w engine.Writer) {
			if rq.Body != nil {
				n, _ := io.Copy(io.Discard, rq.Body)
				got <- n
			}
			_ = w.Whole(response(200, -1), [][]byte{body}, nil)
		}), Options{}, false, 1000)
		p.get(1)
		p.send()
		synctest.Wait() // the reading goroutine is in Write now
		p.request(3, "POST", false)
		_ = p.WriteData(3, true, make([]byte, 5000))
		p.send()
		time.Sleep(time.Second)
		if n := <-got; n != 5000 {
			t.Errorf("%d bytes", n)
		}
		_ = p.WriteWindowUpdate(0, 1<<20)
		p.see()
		if p.data[1] != 60000 || p.data[3] != 60000 {
			t.Errorf("answers of %d and %d bytes", p.data[1], p.data[3])
		}
		p.get(5)
		p.want("HEADERS 5 :status=200")
	})
}

// Draining: a first GOAWAY that forbids nothing, the real one after a round
// trip, the end when all is answered.
func TestDrain(t *testing.T) {
	for _, ack := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			gate := make(chan struct{})
			drain, begin := context.WithCancel(t.Context())
			p := connect(t, blocking(func(_ context.Context, rq *httpmsg.Request, w engine.Writer) {
				<-gate
				hello(rq, w)
			}), Options{Drain: drain}, false)
			p.get(1)
			p.see()
			begin()
			p.want("GOAWAY 2147483647 NO_ERROR", "PING forelane", "!CLOSED")
			p.get(3) // was under way
			p.want("!GOAWAY")
			if ack {
				_ = p.WritePing(true, [8]byte([]byte(drainPing)))
			} else {
				time.Sleep(1100 * time.Millisecond)
			}
			p.want("GOAWAY 3 NO_ERROR", "!CLOSED")
			p.request(5, "POST", false) // too late: is not answered
			_ = p.WriteData(5, true, []byte("x"))
			p.see()
			close(gate)
			p.want("HEADERS 1 :status=200", "HEADERS 3 :status=200", "!HEADERS 5", "!RST", "CLOSED")
			<-p.done
		})
	}
	synctest.Test(t, func(t *testing.T) {
		drain, begin := context.WithCancel(t.Context())
		p := connect(t, handler(hello), Options{Drain: drain}, false)
		begin()
		p.endsWithin(time.Second, 2*time.Second)
	})
}

// When its context ends the connection is cut, and Serve waits for Handlers.
func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := false
		p := connect(t, blocking(func(ctx context.Context, _ *httpmsg.Request, _ engine.Writer) {
			<-ctx.Done()
			time.Sleep(time.Second)
			left = true
		}), Options{}, false)
		p.get(1)
		p.see()
		p.stop()
		<-p.done
		if !left {
			t.Error("Serve did not wait for the handler")
		}
	})
}

// Floods: each ends with ENHANCE_YOUR_CALM, and a decent number of the same
// frames does not.
func TestFloods(t *testing.T) {
	for _, c := range []struct {
		name  string
		few   int
		frame func(p *peer2, i int)
	}{
		{"rapid reset", 200, func(p *peer2, i int) {
			p.request(uint32(2*i+1), "POST", false)
			_ = p.WriteRSTStream(uint32(2*i+1), http2.ErrCodeCancel)
		}},
		{"made to reset", 200, func(p *peer2, i int) {
			p.request(uint32(2*i+1), "POST", false)
			_ = p.WriteWindowUpdate(uint32(2*i+1), 0)
		}},
		{"malformed requests", 200, func(p *peer2, i int) { p.get(uint32(2*i+1), "Bad", "x") }},
		{"PING", 1000, func(p *peer2, _ int) { _ = p.WritePing(false, [8]byte{}) }},
		{"SETTINGS", 1000, func(p *peer2, _ int) { _ = p.WriteSettings() }},
		{"PRIORITY", 1000, func(p *peer2, _ int) { _ = p.WritePriority(1, http2.PriorityParam{StreamDep: 3}) }},
		{"PRIORITY_UPDATE", 1000, func(p *peer2, i int) { _ = p.WritePriorityUpdate(uint32(2*i+1), "u=1") }},
		{"WINDOW_UPDATE", 1000, func(p *peer2, _ int) { _ = p.WriteWindowUpdate(0, 1) }},
		{"unknown frames", 1000, func(p *peer2, _ int) { _ = p.WriteRawFrame(0x77, 0, 0, nil) }},
		{"empty DATA", 1000, func(p *peer2, i int) {
			if i == 0 {
				p.request(1, "POST", false)
			}
			_ = p.WriteData(1, false, nil)
		}},
		{"CONTINUATION", 10, func(p *peer2, i int) {
			if i == 0 {
				_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1})
			}
			_ = p.WriteContinuation(1, false, nil)
		}},
		{"a block without end", 2, func(p *peer2, i int) {
			if i == 0 {
				_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1})
			}
			_ = p.WriteContinuation(1, false, make([]byte, 16000))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := connect(t, handler(hello), Options{}, false)
				i := 0
				for ; i < c.few; i++ {
					c.frame(p, i)
				}
				p.want("!GOAWAY")
				for ; i < 20000; i++ {
					c.frame(p, i)
					if i%500 == 0 {
						p.send()
					}
				}
				p.see()
				if said := strings.Join(p.got, "\n"); !strings.Contains(said, "ENHANCE_YOUR_CALM") || !strings.Contains(said, "CLOSED") {
					t.Errorf("not refused: %.200s", said)
				}
			})
		})
	}
}

// The buckets fill again: the same at a human rate goes on forever.
func TestNoFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, handler(hello), Options{}, false)
		for i := range 2000 {
			p.request(uint32(2*i+1), "POST", false)
			_ = p.WriteRSTStream(uint32(2*i+1), http2.ErrCodeCancel)
			_ = p.WritePing(false, [8]byte{})
			p.see()
			time.Sleep(100 * time.Millisecond)
		}
		p.want("!GOAWAY")
	})
	synctest.Test(t, func(t *testing.T) { // as many requests as you like
		p := connect(t, handler(hello), Options{}, false)
		for i := range 20000 {
			p.get(uint32(2*i + 1))
			_ = p.WriteWindowUpdate(0, 5)
			if i%100 == 0 {
				p.see()
			}
		}
		p.want("!GOAWAY", "HEADERS 39999")
	})
}

// More streams than allowed are refused, those whose handlers still run
// after a reset included.
func TestStreamLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		p := connect(t, blocking(func(_ context.Context, rq *httpmsg.Request, w engine.Writer) {
			<-gate // does not care about its context
			hello(rq, w)
		}), Options{Limits: engine.Limits{Streams: 3}}, false)
		for id := uint32(1); id <= 7; id += 2 {
			p.get(id)
		}
		p.want("RST 7 REFUSED_STREAM", "!RST 5")
		_ = p.WriteRSTStream(1, http2.ErrCodeCancel)
		p.get(9)
		p.want("RST 9 REFUSED_STREAM")
		close(gate)
		p.want("HEADERS 3 :status=200", "HEADERS 5 :status=200", "!HEADERS 1")
		p.get(11)
		p.want("HEADERS 11 :status=200")
	})
}

// A viewer that asks and never reads is not given our memory.
func TestUnreadAnswersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connectRoom(t, sized(1000, true), Options{}, false, 1000)
		p.get(1)
		p.send()
		time.Sleep(time.Second)
		for i := range 20000 {
			p.get(uint32(2*i + 3))
			if i%50 == 0 {
				p.send()
				synctest.Wait()
			}
		}
		p.send()
		select {
		case <-p.done:
		case <-time.After(10 * time.Second):
			t.Error("still served")
		}
	})
}
