// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"

	"golang.org/x/net/http2"
)

// FuzzFrames: the header of a frame survives writing and reading, and padding
// is taken off as x/net does.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\x00\x03\x00\x08\x00\x00\x00\x01\x01ab"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < headerSize {
			return
		}
		h := parseHeader(b)
		again := parseHeader(appendHeader(nil, h))
		if again != h {
			t.Fatalf("%+v became %+v", h, again)
		}
		p, ok := unpad(h, b[headerSize:])
		if ok && len(p) > len(b)-headerSize {
			t.Fatal("unpad made more of it")
		}
	})
}

// FuzzConn: whatever a viewer sends, and however it is cut into reads, the
// connection ends when the viewer does, nothing panics, and what waits stays
// within its bounds.
func FuzzConn(f *testing.F) {
	seed := func(script func(p *peer2)) {
		p := &peer2{data: map[uint32]int{}}
		p.Framer = http2.NewFramer(&p.out, nil)
		p.AllowIllegalWrites = true
		r := newRequests()
		p.enc = r.enc
		script(p)
		f.Add(p.out.Bytes(), uint8(7))
	}
	block := "\x82\x86\x84\x41\x01a"
	seed(func(p *peer2) {
		_ = p.WriteRawFrame(http2.FrameHeaders, 5, 1, []byte(block))
		_ = p.WriteRawFrame(http2.FrameHeaders, 4, 3, []byte("\x83\x86\x84\xbe"))
		_ = p.WriteData(3, true, []byte("abc"))
		_ = p.WriteWindowUpdate(0, 100000)
		_ = p.WriteSettings(setting2(settingWindow, 3))
	})
	seed(func(p *peer2) {
		_ = p.WriteSettings(setting2(settingWindow, 0), setting2(settingTableSize, 0))
		_ = p.WriteRawFrame(http2.FrameHeaders, 5, 1, []byte("\x82\x86\x04\x02/w\x41\x01a"))
		_ = p.WriteRawFrame(http2.FrameHeaders, 1, 3, []byte(block[:2]))
		_ = p.WriteContinuation(3, true, []byte(block[2:]))
		_ = p.WritePriorityUpdate(1, "u=1, i")
		_ = p.WriteWindowUpdate(1, 7)
		_ = p.WriteRSTStream(3, 8)
		_ = p.WritePing(false, [8]byte{})
	})
	f.Fuzz(func(t *testing.T, b []byte, cut uint8) {
		if len(b) > 1<<16 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			server, client := newPair(0)
			done := make(chan struct{})
			body := make([]byte, 3000)
			s := New(func(_ context.Context, rq *httpmsg.Request, w engine.Writer, _ bool) func() {
				if rq.Body == nil && rq.Path != "/w" {
					_ = w.Whole(response(200, -1), [][]byte{body}, nil)
					return nil
				}
				return func() {
					if rq.Body != nil {
						_, _ = io.Copy(io.Discard, rq.Body)
					}
					if w.Head(response(200, -1)) == nil {
						_, _ = w.Write(body)
						_ = w.Flush()
					}
				}
			}, Options{})
			go func() {
				defer close(done)
				s.Serve(t.Context(), server, httpmsg.Viewer{})
			}()
			send := func(p []byte) { _, _ = client.Write(p); synctest.Wait() }
			send([]byte(preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"))
			for n := int(cut) + 1; len(b) > 0; {
				m := min(n, len(b))
				send(b[:m])
				b = b[m:]
				n = 2*n + 1
			}
			if out, _ := client.take(); len(out) > 1<<22 {
				t.Fatalf("%d bytes of answer", len(out))
			}
			client.Close()
			select {
			case <-done:
			case <-time.After(time.Hour):
				t.Fatal("the connection does not end")
			}
		})
	})
}
