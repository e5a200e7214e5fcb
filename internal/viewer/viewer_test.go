// SPDX-License-Identifier: Apache-2.0

package viewer

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// start serves h on a loopback port until the test ends.
func start(t *testing.T, h Handler) string {
	t.Helper()
	s, err := Listen(t.Context(), "127.0.0.1:0", h, Options{})
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

// raw sends text and returns the first answer.
func raw(t *testing.T, addr, text string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	rs, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(rs.Body)
	return rs, string(body)
}

func echo(_ context.Context, rq *httpmsg.Request, w Writer, _ bool) func() {
	body := rq.Method + " " + rq.Host + " " + rq.Path + " " + rq.Query + " " + rq.Header.Join("X-A")
	rs := &httpmsg.Response{Status: 200, ContentLength: int64(len(body))}
	_ = w.Whole(rs, [][]byte{[]byte(body)}, nil)
	return nil
}

func TestRequestIsCarriedOverAsSent(t *testing.T) {
	addr := start(t, echo)
	for _, tt := range []struct{ name, request, want string }{
		{"path and query stay encoded", "GET /a%2Fb//c?x=%20&y HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-A: 2\r\nConnection: close\r\n\r\n", "GET h /a%2Fb//c x=%20&y 1, 2"},
		{"absolute form", "GET http://other/p?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "GET other /p q "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, body := raw(t, addr, tt.request); body != tt.want {
				t.Errorf("got %q, want %q", body, tt.want)
			}
		})
	}
}

func TestNothingIsInvented(t *testing.T) {
	rs, _ := raw(t, start(t, echo), "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	if rs.Header.Get("Date") != "" || rs.Header.Get("Content-Type") != "" {
		t.Errorf("fields of net/http's own: %v", rs.Header)
	}
}

func TestTooLargeHeadIsRefused(t *testing.T) {
	rs, _ := raw(t, start(t, echo), "GET / HTTP/1.1\r\nHost: h\r\nX-A: "+strings.Repeat("a", 40000)+"\r\n\r\n")
	if rs.StatusCode != 431 {
		t.Errorf("status %d", rs.StatusCode)
	}
}

func TestAbortedBodyIsNotTakenForWhole(t *testing.T) {
	addr := start(t, func(_ context.Context, _ *httpmsg.Request, w Writer, _ bool) func() {
		return func() {
			_ = w.Head(&httpmsg.Response{Status: 200, ContentLength: -1})
			_, _ = w.Write([]byte("half"))
			_ = w.Flush()
			w.Abort()
		}
	})
	rs, err := http.Get("http://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Body.Close()
	if _, err := io.ReadAll(rs.Body); err == nil {
		t.Error("the piece was taken for the whole")
	}
}
