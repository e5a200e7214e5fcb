// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/forelane/forelane/internal/record"
)

// h2viewer is a viewer of one stream.
type h2viewer struct {
	t    *testing.T
	conn net.Conn
	*http2.Framer
	status string
	header map[string]string
	data   bytes.Buffer
	ended  string // how the stream ended: END, or RST and its code
}

func dialH2(t *testing.T, url string) *h2viewer {
	t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // the certificate is of the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	v := &h2viewer{t: t, conn: c, Framer: http2.NewFramer(c, c), header: map[string]string{}}
	v.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_, _ = io.WriteString(c, http2.ClientPreface)
	_ = v.WriteSettings()
	return v
}

func (v *h2viewer) connect(fields ...string) {
	var b bytes.Buffer
	enc := hpack.NewEncoder(&b)
	for i := 0; i+1 < len(fields); i += 2 {
		_ = enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	_ = v.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: b.Bytes(), EndHeaders: true})
}

// next takes one frame of interest; windows are given back.
func (v *h2viewer) next() {
	v.t.Helper()
	f, err := v.ReadFrame()
	if err != nil {
		v.t.Fatal(err)
	}
	switch f := f.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			if n, ok := f.Value(http2.SettingEnableConnectProtocol); !ok || n != 1 {
				v.t.Error("extended CONNECT is not offered")
			}
			_ = v.WriteSettingsAck()
		}
	case *http2.MetaHeadersFrame:
		v.status = f.PseudoValue("status")
		for _, h := range f.RegularFields() {
			v.header[h.Name] = h.Value
		}
		if f.StreamEnded() {
			v.ended = "END"
		}
	case *http2.DataFrame:
		v.data.Write(f.Data())
		if n := len(f.Data()); n > 0 {
			_ = v.WriteWindowUpdate(0, uint32(n))
			_ = v.WriteWindowUpdate(1, uint32(n))
		}
		if f.StreamEnded() {
			v.ended = "END"
		}
	case *http2.RSTStreamFrame:
		if v.ended == "" {
			v.ended = fmt.Sprint("RST ", f.ErrCode)
		}
	case *http2.GoAwayFrame:
		v.t.Fatalf("GOAWAY %v %s", f.ErrCode, f.DebugData())
	}
}

var extendedConnect = []string{
	":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/chat?room=2", ":authority", "d1.cloudfront.net",
	"sec-websocket-version", "13", "sec-websocket-protocol", "chat", "sec-websocket-key", "not-of-http2",
}

// TestC16OverHTTP2 is RFC 8441: an extended CONNECT becomes the handshake of
// RFC 6455 for the origin.
func TestC16OverHTTP2(t *testing.T) {
	certs := httptest.NewTLSServer(http.NotFoundHandler())
	defer certs.Close()
	secure := &tls.Config{Certificates: certs.TLS.Certificates, NextProtos: []string{"h2"}}
	handshake := make(chan *http.Request, 1)
	url, w := wiredBy(t, secure, echoOrigin(func(rq *http.Request) { handshake <- rq.Clone(t.Context()) }), nil)
	v := dialH2(t, url)
	v.connect(extendedConnect...)
	for v.status == "" {
		v.next()
	}
	if v.status != "200" || v.header["sec-websocket-protocol"] != "chat" || v.header["sec-websocket-accept"] != "" || v.header["upgrade"] != "" ||
		v.header["x-cache"] != "Miss from cloudfront" {
		t.Errorf("%s %v", v.status, v.header)
	}
	rq := <-handshake
	if rq.Method != "GET" || rq.URL.RequestURI() != "/chat" || len(rq.Header.Get("Sec-Websocket-Key")) != 24 ||
		rq.Header.Get("Sec-Websocket-Version") != "13" || rq.Header.Get("Sec-Websocket-Protocol") != "chat" || rq.Header.Get(":protocol") != "" {
		t.Errorf("the origin got %s %s %v", rq.Method, rq.URL, rq.Header)
	}
	for i := range 200 {
		text := strings.Repeat(fmt.Sprint(i, " "), 1+i*10)
		var b bytes.Buffer
		_ = writeFrame(&b, opText, []byte(text), true)
		if err := v.WriteData(1, false, b.Bytes()); err != nil {
			t.Fatal(err)
		}
		for {
			r := bytes.NewReader(v.data.Bytes())
			op, p, err := readFrame(bufio.NewReaderSize(r, 16))
			if err == nil {
				if op != opText || string(p) != text {
					t.Fatalf("message %d: %d %.40q", i, op, p)
				}
				v.data.Reset()
				break
			}
			v.next()
		}
	}
	var b bytes.Buffer
	_ = writeFrame(&b, opClose, []byte{3, 232}, true)
	_ = v.WriteData(1, false, b.Bytes())
	for v.ended == "" {
		v.next()
	}
	r := w.ended(t)
	if v.ended != "END" || r.Response.Status != 200 || r.Result.Type != record.Miss || r.Result.End != record.EndComplete || r.Request.Scheme != "wss" || r.Request.Method != "GET" {
		t.Errorf("%s %+v %+v %+v", v.ended, r.Response, r.Result, r.Request)
	}
}

// TestC16OverHTTP2Refused: what is no WebSocket, and origins that do not agree.
func TestC16OverHTTP2Refused(t *testing.T) {
	certs := httptest.NewTLSServer(http.NotFoundHandler())
	defer certs.Close()
	secure := &tls.Config{Certificates: certs.TLS.Certificates, NextProtos: []string{"h2"}}
	url, w := wiredBy(t, secure, func(w http.ResponseWriter, rq *http.Request) {
		if rq.Method != "GET" {
			t.Errorf("the origin got %s", rq.Method)
		}
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "tea")
	}, func(w *world) {
		w.behavior().Allowed = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	})
	for _, tt := range []struct{ protocol, status, body string }{{"websocket", "418", "tea"}, {"connect-udp", "403", ""}} {
		v := dialH2(t, url)
		fields := append([]string(nil), extendedConnect...)
		fields[3] = tt.protocol
		v.connect(fields...)
		for v.ended == "" {
			v.next()
		}
		if v.status != tt.status || tt.body != "" && v.data.String() != tt.body {
			t.Errorf("%s: %s %q", tt.protocol, v.status, v.data.String())
		}
	}
	if r := w.lastRecord(); r.Request.Scheme != "https" {
		t.Errorf("%+v", r.Request)
	}
}

// TestC16OverHTTP2OriginBreaks: a cut is no end.
func TestC16OverHTTP2OriginBreaks(t *testing.T) {
	certs := httptest.NewTLSServer(http.NotFoundHandler())
	defer certs.Close()
	secure := &tls.Config{Certificates: certs.TLS.Certificates, NextProtos: []string{"h2"}}
	url, w := wiredBy(t, secure, func(w http.ResponseWriter, rq *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", acceptFor(rq.Header.Get("Sec-WebSocket-Key")))
		_ = rw.Flush()
		var one [1]byte
		_, _ = rw.Read(one[:])
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}, nil)
	v := dialH2(t, url)
	v.connect(extendedConnect...)
	for v.status == "" {
		v.next()
	}
	_ = v.WriteData(1, false, []byte("x"))
	for v.ended == "" {
		v.next()
	}
	if r := w.ended(t); !strings.HasPrefix(v.ended, "RST") || r.Result.End != record.EndOriginBroke || r.Origin.Error == "" {
		t.Errorf("%s %+v %+v", v.ended, r.Result, r.Origin)
	}
}
