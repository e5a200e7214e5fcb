// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// TestLinger: requests that are answered before their body has come.
func TestLinger(t *testing.T) {
	data := func(p *peer2, n int, end bool) { _ = p.WriteData(1, end, make([]byte, n)) }
	for _, tt := range []struct {
		name   string
		fields []string
		do     func(p *peer2)
		want   []string
	}{
		{"a short body comes to its end", nil, func(p *peer2) { data(p, 100, false); data(p, 0, true) }, []string{"!RST", "!GOAWAY"}},
		{"it ends in trailers", nil, func(p *peer2) { data(p, 100, false); p.head(1, true, "a", "b") }, []string{"!RST", "!GOAWAY"}},
		{"nothing behind its end", nil, func(p *peer2) { data(p, 1, true); data(p, 1, true) }, conn1(StreamClosed, "1")},
		{"as long as told", []string{"content-length", "2"}, func(p *peer2) { data(p, 2, true) }, []string{"!RST", "!GOAWAY"}},
		{"shorter than told", []string{"content-length", "2"}, func(p *peer2) { data(p, 1, true) }, []string{"RST 1 PROTOCOL_ERROR", "!GOAWAY"}},
		{"longer than told", []string{"content-length", "2"}, func(p *peer2) { data(p, 2, false); data(p, 1, true) }, []string{"RST 1 PROTOCOL_ERROR", "!GOAWAY"}},
		{"told to be long", []string{"content-length", "1000000"}, func(*peer2) {}, []string{"RST 1 NO_ERROR"}},
		{"becomes long", nil, func(p *peer2) { data(p, 16000, false); data(p, 16000, false); data(p, 16000, false) }, []string{"RST 1 NO_ERROR", "!GOAWAY"}},
		{"reset by the viewer", nil, func(p *peer2) { _ = p.WriteRSTStream(1, http2.ErrCodeCancel) }, []string{"!RST", "!GOAWAY"}},
		{"waits to be asked for", []string{"expect", "100-continue"}, func(*peer2) {}, []string{"RST 1 NO_ERROR"}},
		{"the viewer says goodbye", nil, func(p *peer2) { _ = p.WriteGoAway(0, 0, nil); p.see(); data(p, 1, true) }, []string{"!RST", "CLOSED"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := connect(t, handler(bodied), Options{}, false)
				p.request(1, "POST", false, tt.fields...)
				p.see()
				tt.do(p)
				p.want(append(tt.want, "HEADERS 1 :status=200")...)
				if tt.want[len(tt.want)-1] == "CLOSED" {
					return
				}
				time.Sleep(lingerFor)
				p.want("!RST") // once is enough
				p.get(3)
				p.want("HEADERS 3 :status=200")
			})
		})
	}
}
