// SPDX-License-Identifier: Apache-2.0

package viewer

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// TestCleartext: one port speaks HTTP/1 and, where it may, HTTP/2 by prior
// knowledge, however the preface is cut.
func TestCleartext(t *testing.T) {
	addr := servingOn(t, Options{H2C: true})
	for _, tt := range []struct {
		name, want string
		set        func(*http.Protocols, bool)
	}{
		{"HTTP/1", "HTTP/1.1", (*http.Protocols).SetHTTP1},
		{"HTTP/2", "HTTP/2.0", (*http.Protocols).SetUnencryptedHTTP2},
	} {
		tr := &http.Transport{Protocols: new(http.Protocols)}
		tt.set(tr.Protocols, true)
		rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		rs, err := tr.RoundTrip(rq)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(rs.Body)
		if err != nil || rs.Proto != tt.want || string(b) != tt.want {
			t.Errorf("%s: %s %q %v", tt.name, rs.Proto, b, err)
		}
		_ = rs.Body.Close()
		tr.CloseIdleConnections()
	}
	const settings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	for _, tt := range []struct{ name, in, want string }{
		{"preface in pieces", h2Preface + settings, "\x00\x00"},
		{"a method that begins like the preface", "PRINT / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "HTTP/1.1 200"},
		{"not HTTP", "INVALID CONNECTION PREFACE\r\n\r\n", ""},
		{"half a preface", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "HTTP/1.1 505"},
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range []byte(tt.in) {
			_, _ = c.Write([]byte{b}) // a refusal may come before the end
		}
		got := make([]byte, max(len(tt.want), 1))
		n, err := io.ReadFull(c, got)
		if (err != nil) != (tt.want == "") || string(got[:n]) != tt.want {
			t.Errorf("%s: %q %v", tt.name, got, err)
		}
		_ = c.Close()
	}
}

// TestCleartextIsHTTP1 unless the option says otherwise.
func TestCleartextIsHTTP1(t *testing.T) {
	c, err := net.Dial("tcp", servingOn(t, Options{}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, h2Preface)
	if b, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 505 ") {
		t.Errorf("%q %v", b, err)
	}
}

// TestCleartextDrains: a connection that has said nothing yet does not hold up
// the end.
func TestCleartextDrains(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(ln, protocol, Options{H2C: true})
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// protocol answers with the version that the viewer spoke.
func protocol(_ context.Context, rq *httpmsg.Request, w Writer, _ bool) func() {
	_ = w.Whole(&httpmsg.Response{Status: 200, ContentLength: -1}, [][]byte{[]byte(rq.Proto.String())}, nil)
	return nil
}

func servingOn(t *testing.T, o Options) (addr string) {
	t.Helper()
	s, err := Listen(t.Context(), "127.0.0.1:0", protocol, o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s.Addr().String()
}
