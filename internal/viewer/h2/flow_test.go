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
)

// sized answers every request with size bytes, by Whole or by Write.
func sized(size int, whole bool) engine.Handler {
	body := bytes.Repeat([]byte("x"), size)
	if whole {
		return handler(func(_ *httpmsg.Request, w engine.Writer) {
			_ = w.Whole(response(200, -1), [][]byte{body[:size/3], body[size/3:]}, nil)
		})
	}
	return blocking(func(_ context.Context, _ *httpmsg.Request, w engine.Writer) {
		if w.Head(response(200, int64(size))) == nil {
			_, _ = w.Write(body)
		}
	})
}

// The windows of the viewer hold for Whole, which does not block, and Write,
// which does.
func TestRFC9113FlowOut(t *testing.T) {
	for _, whole := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			p := connect(t, sized(100000, whole), Options{}, false)
			p.get(1)
			p.want("DATA 1 16384", "!DATA 1 0", "!GOAWAY")
			if p.data[1] != firstWindow {
				t.Errorf("%d bytes of %d, the first window", p.data[1], firstWindow)
			}
			_ = p.WriteWindowUpdate(1, 10)
			p.want("!DATA") // the connection's is closed
			_ = p.WriteWindowUpdate(0, 100000)
			p.want("DATA 1 10", "!DATA 1 16384")
			_ = p.WriteWindowUpdate(1, 100000)
			p.see()
			if p.data[1] != 100000 || !strings.HasSuffix(p.got[len(p.got)-1], " END") {
				t.Errorf("%d bytes, %q", p.data[1], p.got)
			}
		})
	}
}

// SETTINGS_INITIAL_WINDOW_SIZE changes windows, below zero too (6.9.2).
func TestRFC9113InitialWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, sized(10, true), Options{}, false)
		_ = p.WriteSettings(setting2(settingWindow, 4))
		p.get(1)
		p.want("DATA 1 4")
		_ = p.WriteSettings(setting2(settingWindow, 2))
		_ = p.WriteWindowUpdate(1, 2) // -2 + 2
		p.want("SETTINGS ACK", "!DATA")
		_ = p.WriteWindowUpdate(1, 1)
		p.want("DATA 1 1")
		_ = p.WriteSettings(setting2(settingWindow, 1000))
		p.want("DATA 1 5 END")
	})
}

// The windows that we give are given back as the Handler reads, grow while it
// keeps up, and are enforced.
func TestRFC9113FlowIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		p := connect(t, blocking(func(_ context.Context, rq *httpmsg.Request, w engine.Writer) {
			<-gate
			n, err := io.Copy(io.Discard, rq.Body)
			if err == nil {
				_ = w.Whole(response(200, -1, "n", time.Duration(n).String()), nil, nil)
			}
		}), Options{}, false)
		p.request(1, "POST", false)
		for range 4 {
			_ = p.WriteData(1, false, make([]byte, 16000))
		}
		p.want("!WINDOW")
		close(gate)
		p.want("WINDOW 1")
		for range 10 {
			_ = p.WriteData(1, false, make([]byte, 16000))
			p.see()
		}
		_ = p.WriteData(1, true, nil)
		p.want("HEADERS 1 :status=200 content-length=0 n=224µs END", "WINDOW 0")
	})
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, blocking(func(ctx context.Context, _ *httpmsg.Request, _ engine.Writer) { <-ctx.Done() }), Options{}, false)
		p.request(1, "POST", false)
		for range 5 {
			_ = p.WriteData(1, false, make([]byte, 16000))
		}
		p.want("RST 1 FLOW_CONTROL_ERROR", "!GOAWAY")
	})
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, blocking(func(ctx context.Context, _ *httpmsg.Request, _ engine.Writer) { <-ctx.Done() }), Options{}, false)
		for id := uint32(1); id < 10; id += 2 {
			p.request(id, "POST", false)
			for range 4 {
				_ = p.WriteData(id, false, make([]byte, 16000))
			}
		}
		p.want("GOAWAY 5 FLOW_CONTROL_ERROR", "CLOSED")
	})
}

// Padding counts and is given back at once.
func TestRFC9113Padding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, handler(hello), Options{}, false)
		p.request(1, "POST", false)
		for range 2000 {
			_ = p.WriteDataPadded(1, false, []byte("x"), make([]byte, 255))
			p.see()
		}
		_ = p.WriteData(1, true, nil)
		p.want("HEADERS 1 :status=200", "!GOAWAY", "!RST")
	})
}

// Urgent answers go first; incremental ones of equal urgency take turns, the
// others go one after the other (RFC 9218 10).
func TestRFC9218Order(t *testing.T) {
	order := func(p *peer2) string {
		var b strings.Builder
		last := byte(0)
		for _, s := range p.see() {
			if id, ok := strings.CutPrefix(s, "DATA "); ok && id[0] != last {
				last = id[0]
				b.WriteByte(last)
			}
		}
		return b.String()
	}
	for _, c := range []struct {
		name string
		pri  [4]string // of streams 1, 3, 5, 7
		do   func(p *peer2)
		want string
	}{
		{"default", [4]string{}, nil, "1357"},
		{"urgency", [4]string{"u=5", "u=3", "u=0", "u=7"}, nil, "5317"},
		{"incremental", [4]string{"i", "i", "u=1", "i=?0"}, nil, "51371313"},
		{"nonsense counts as absent", [4]string{"u=9", "u=x, i=2", "u=1;a=b", "i;q, u=2"}, nil, "5713"},
		{"update", [4]string{}, func(p *peer2) { _ = p.WritePriorityUpdate(7, "u=0") }, "7135"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := connect(t, sized(40000, true), Options{}, false)
				_ = p.WriteSettings(setting2(settingWindow, 0))
				_ = p.WriteWindowUpdate(0, 1<<20)
				for i, v := range c.pri {
					var fields []string
					if v != "" {
						fields = []string{"priority", v}
					}
					p.get(uint32(2*i+1), fields...)
				}
				if c.do != nil {
					c.do(p)
				}
				p.see()
				p.got = nil
				_ = p.WriteSettings(setting2(settingWindow, 1<<20))
				if got := order(p); !strings.HasPrefix(got, c.want) {
					t.Errorf("order %s, want %s", got, c.want)
				}
			})
		})
	}
	t.Run("update ahead of the stream", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := connect(t, sized(40000, true), Options{}, false)
			_ = p.WriteSettings(setting2(settingWindow, 0))
			_ = p.WriteWindowUpdate(0, 1<<20)
			_ = p.WritePriorityUpdate(3, "u=1")
			p.get(1)
			p.get(3)
			p.see()
			p.got = nil
			_ = p.WriteSettings(setting2(settingWindow, 1<<20))
			if got := order(p); got != "31" {
				t.Errorf("order %s", got)
			}
		})
	})
}

// While a viewer lets more bytes wait than allowed, its requests wait too,
// and are answered when it has taken them.
func TestPendingHoldsRequestsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, sized(100000, true), Options{Limits: engine.Limits{Pending: 150000}}, false)
		_ = p.WriteSettings(setting2(settingWindow, 0))
		for id := uint32(1); id < 9; id += 2 {
			p.get(id)
		}
		p.want("HEADERS 1 :status=200", "HEADERS 3 :status=200", "!HEADERS 5", "!HEADERS 7")
		_ = p.WriteWindowUpdate(0, 1<<20)
		_ = p.WriteSettings(setting2(settingWindow, 1<<20))
		p.want("HEADERS 5 :status=200", "HEADERS 7 :status=200", "DATA 7 1696 END")
	})
}
