// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // RFC 6455
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestC16WebSocket: a WebSocket through the binary, on both addresses; its line
// of the access log; its end when the program stops.
func TestC16WebSocket(t *testing.T) {
	origin := originServer(t, func(w http.ResponseWriter, rq *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		sum := sha1.Sum([]byte(rq.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // RFC 6455
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			base64.StdEncoding.EncodeToString(sum[:]))
		_ = rw.Flush()
		_, _ = io.Copy(conn, rw)
	})
	data := t.TempDir()
	p := start(t, "proxy", origin, "--data", data, "--drain", "20s")
	dial := func(secure bool) net.Conn {
		t.Helper()
		addr := p.ready.HTTP
		if secure {
			addr = p.ready.HTTPS
		}
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if secure {
			c = tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: "proxy.localhost", NextProtos: []string{"http/1.1"}}) //nolint:gosec // a local authority
		}
		t.Cleanup(func() { _ = c.Close() })
		_, _ = io.WriteString(c, "GET /live?token=1 HTTP/1.1\r\nHost: proxy.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		rs, err := http.ReadResponse(bufio.NewReaderSize(onebyte{c}, 16), nil)
		if err != nil || rs.StatusCode != 101 {
			t.Fatalf("%+v %v", rs, err)
		}
		return c
	}
	var open []net.Conn
	for _, secure := range []bool{false, true} {
		c := dial(secure)
		for i := range 100 {
			text := fmt.Sprintf("message %d", i) // the origin sends all back, frames or not
			got := make([]byte, len(text))
			if _, err := io.WriteString(c, text); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
				t.Fatalf("%q %v", got, err)
			}
		}
		open = append(open, c)
	}
	begin := time.Now()
	p.stopOnce(t)
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("it took %v to stop with two quiet sockets", took)
	}
	for _, c := range open {
		if b, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") || len(b) > 0 {
			t.Errorf("%q %v", b, err)
		}
	}
	b, err := os.ReadFile(filepath.Join(data, "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\tws\t", "\twss\t"} {
		n := 0
		for line := range strings.Lines(string(b)) {
			if strings.Contains(line, want) && strings.Contains(line, "/live\t101\t") && strings.Contains(line, "\tMiss\t") {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d lines with %q in\n%s", n, want, b)
		}
	}
}

// onebyte reads a byte at a time, so that a buffer takes nothing of what
// follows the head.
type onebyte struct{ io.Reader }

func (o onebyte) Read(p []byte) (int, error) { return o.Reader.Read(p[:1]) }

// TestC16BehindAnAPI: an API upgrades nothing, be it asked by itself or through
// the edge: the handshake is a request as any other.
func TestC16BehindAnAPI(t *testing.T) {
	p := start(t, "up", "../../examples/storefront", "--data", t.TempDir())
	for _, host := range []string{shop, p.ready.APIs[0].ID + ".execute-api.localhost"} {
		a := p.do("GET", host, "/api/products/s1", "", "Connection: Upgrade", "Upgrade: websocket",
			"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
		if a.StatusCode != 200 || calls(t, a) == 0 || a.Header.Get("Upgrade") != "" {
			t.Errorf("%s: %d %v %s", host, a.StatusCode, a.Header, a.body)
		}
	}
}
