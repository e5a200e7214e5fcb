// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"

	"golang.org/x/net/http2"
)

// bodied answers with whether there is a body.
func bodied(rq *httpmsg.Request, w engine.Writer) {
	_ = w.Whole(response(200, -1, "x", fmt.Sprint(rq.Body != nil, rq.ContentLength)), nil, nil)
}

// TestLateEnd: a GET whose end comes in an empty DATA has no body.
func TestLateEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, handler(bodied), Options{}, false)
		p.request(1, "GET", false)
		p.want("!HEADERS 1")
		_ = p.WriteData(1, true, nil)
		p.want("HEADERS 1 :status=200 content-length=0 x=false 0")
		p.request(3, "HEAD", false)
		p.head(3, true, "trailer", "t") // or in trailers
		p.want("HEADERS 3 :status=200 content-length=0 x=false 0 END")
		p.request(5, "GET", false)
		_ = p.WriteData(5, false, []byte("x"))
		p.want("HEADERS 5 :status=200 content-length=0 x=true -1")
		p.request(7, "GET", false, "content-length", "1")
		p.want("HEADERS 7 :status=200 content-length=0 x=true 1")
		p.request(9, "POST", false)
		p.want("HEADERS 9 :status=200 content-length=0 x=true -1")
		p.request(11, "GET", false)
		_ = p.WriteRSTStream(11, http2.ErrCodeCancel)
		p.want("!HEADERS 11", "!GOAWAY")
		p.request(13, "GET", false)
		p.see()
		time.Sleep(time.Minute) // bubble time: it does not wait for ever
		p.want("RST 13 CANCEL")
	})
}

// TestResetMeansReset: whoever has reset a stream sends no more on it, also
// when we have ended it before.
func TestResetMeansReset(t *testing.T) {
	for name, frame := range map[string]func(p *peer2){
		"DATA":    func(p *peer2) { _ = p.WriteData(1, true, []byte("x")) },
		"HEADERS": func(p *peer2) { p.head(1, true, "a", "b") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := connect(t, handler(bodied), Options{}, false)
				p.request(1, "POST", false)
				p.see()
				time.Sleep(lingerFor)
				p.want("HEADERS 1", "RST 1 NO_ERROR")
				frame(p)
				p.want("!GOAWAY") // it had sent that before it knew
				_ = p.WriteRSTStream(1, http2.ErrCodeCancel)
				frame(p)
				p.want(conn1(StreamClosed, "1")...)
			})
		})
	}
}

// TestReadersWake: who reads a body, on a goroutine of its own as a transport
// does, is not left behind by the answer, nor by Close.
func TestReadersWake(t *testing.T) {
	for _, closes := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			read := make(chan error, 1)
			p := connect(t, blocking(func(_ context.Context, rq *httpmsg.Request, w engine.Writer) {
				go func() {
					_, err := io.Copy(io.Discard, rq.Body)
					read <- err
				}()
				time.Sleep(time.Millisecond) // of the bubble: Read waits
				if closes {
					_ = rq.Body.Close()
					if err := <-read; !errors.Is(err, errBodyClosed) {
						t.Errorf("after Close: %v", err)
					}
				}
				_ = w.Whole(response(200, -1), nil, nil)
			}), Options{}, false)
			p.request(1, "POST", false)
			p.see()
			time.Sleep(2 * time.Second)
			p.want("HEADERS 1 :status=200", "RST 1 NO_ERROR")
			if closes {
				return
			}
			select {
			case err := <-read:
				if !errors.Is(err, errBodyClosed) {
					t.Errorf("after the answer: %v", err)
				}
			case <-time.After(time.Hour):
				t.Error("it waits for ever")
				p.conn.Close()
			}
		})
	}
}

// TestTunnelDrains: a tunnel is ended when it is quiet, not before.
func TestTunnelDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		drain, begin := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		p := connect(t, blocking(func(_ context.Context, rq *httpmsg.Request, w engine.Writer) {
			_ = w.Head(response(200, -1))
			_ = w.Flush()
			_, err := io.Copy(io.Discard, rq.Body)
			ended <- err
		}), Options{WebSocket: true, Drain: drain}, false)
		p.head(1, false, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/", ":authority", "a")
		p.see()
		time.Sleep(time.Hour)
		p.want("HEADERS 1 :status=200", "!RST")
		begin()
		for range 5 {
			time.Sleep(700 * time.Millisecond)
			_ = p.WriteData(1, false, []byte("x"))
			p.want("!RST")
		}
		time.Sleep(tunnelQuiet + time.Millisecond)
		p.want("RST 1 CANCEL", "CLOSED")
		if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	})
}

// TestAsOnHTTP1: what HTTP/1.1 refuses in a target or an authority is refused
// here too: the origin is asked in HTTP/1.1.
func TestAsOnHTTP1(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, handler(bodied), Options{}, false)
		id := uint32(1)
		for _, tt := range []struct{ authority, path, want string }{
			{"a", "/%41?%zz", "HEADERS %d :status=200"},
			{"a", "/\xc3\xa9", "HEADERS %d :status=400"},
			{"a", "/?\xff", "HEADERS %d :status=400"},
			{"a", "/%zz", "HEADERS %d :status=400"},
			{"a", "/%4", "HEADERS %d :status=400"},
			{"a:80:80", "/", "RST %d PROTOCOL_ERROR"},
			{"a,b", "/", "RST %d PROTOCOL_ERROR"},
			{"[::1", "/", "RST %d PROTOCOL_ERROR"},
			{"a:99999", "/", "RST %d PROTOCOL_ERROR"},
			{"a%2e", "/", "RST %d PROTOCOL_ERROR"},
			{"[::1]:80", "/", "HEADERS %d :status=200"},
		} {
			p.head(id, true, ":method", "GET", ":scheme", "http", ":authority", tt.authority, ":path", tt.path)
			p.want(fmt.Sprintf(tt.want, id))
			id += 2
		}
	})
}

// TestManyRefusedUploads: as many uploads as may be open are refused while
// their bodies are on the way, which is no fault of the viewer.
func TestManyRefusedUploads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, handler(bodied), Options{}, false)
		const streams = 128
		for i := range uint32(streams) {
			p.request(1+2*i, "POST", false)
		}
		p.see()
		for i := range uint32(streams) {
			_ = p.WriteData(1+2*i, true, []byte("x"))
		}
		p.want("HEADERS 1", "HEADERS 255", "!GOAWAY")
	})
}
