// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// TestHostileViewersCostLittle: two thousand of each kind hold less than
// 100 KB each, do not keep a well-behaved viewer from its answer, and are
// gone in time.
func TestHostileViewersCostLittle(t *testing.T) {
	const viewers = 2000
	body := [][]byte{make([]byte, 1<<20)}
	h := func(ctx context.Context, rq *httpmsg.Request, w engine.Writer, in bool) func() {
		switch {
		case rq.Body != nil:
			return echo(ctx, rq, w, in)
		case rq.Path == "/large":
			_ = w.Whole(response(200, -1), body, nil)
		case rq.Path == "/small":
			_ = w.Whole(response(200, -1), [][]byte{body[0][:4000]}, nil)
		default:
			return empty(ctx, rq, w, in)
		}
		return nil
	}
	for _, tt := range []struct{ name, sends string }{
		{"heads that stop", "GET / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 8000)},
		{"bodies that stop", post + te + "ffff\r\n" + strings.Repeat("x", 5000)},
		{"large answers that are not taken", "GET /large HTTP/1.1\r\nHost: h\r\n\r\n"},
		{"many answers that are not taken", strings.Repeat("GET /small HTTP/1.1\r\nHost: h\r\n\r\n", 100)},
	} {
		t.Run(tt.name, func(t *testing.T) { hostile(t, New(h, Options{}), viewers, tt.sends) })
	}
}

func hostile(t *testing.T, s *Server, viewers int, sends string) {
	synctest.Test(t, func(t *testing.T) {
		before := inUse()
		for range viewers {
			connect(t, s, false).send(sends)
		}
		if each := (inUse() - before) / int64(viewers); each > 100<<10 {
			t.Errorf("%d bytes a viewer", each)
		} else {
			t.Logf("%d bytes a viewer", each)
		}
		p := connect(t, s, true)
		p.send(next)
		if got := p.take(); status(got) != "200" {
			t.Errorf("a good viewer gets %q", got)
		}
		_ = p.Close()
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if n := s.Connections(); n != 0 {
			t.Errorf("%d connections after their time", n)
		}
	})
}

// inUse is the memory that is held.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
