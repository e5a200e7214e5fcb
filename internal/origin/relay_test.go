// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// way is one way over a pipe; f plays the far end.
type way struct {
	name string
	over context.Context
	dial func() (net.Conn, error)
}

func (w *way) Over() context.Context                  { return w.over }
func (w *way) Dial(context.Context) (net.Conn, error) { return w.dial() }
func refuseDial() (net.Conn, error)                   { return nil, &net.OpError{Op: "dial", Err: errors.New("refused")} }

func answering(serve func(net.Conn)) func() (net.Conn, error) {
	return func() (net.Conn, error) {
		c, s := net.Pipe()
		go serve(s)
		return c, nil
	}
}

// ways takes them in order, and writes down which.
type ways struct {
	all   []*way
	taken []string
	under int
	read  int64 // bytes of bodies
}

func (w *ways) Take(_ context.Context, tried []Way) (Way, func(int64), error) {
	for _, one := range w.all {
		if !slices.Contains(tried, Way(one)) {
			w.taken = append(w.taken, one.name)
			w.under++
			return one, func(n int64) { w.under--; w.read += n }, nil
		}
	}
	return nil, nil, &net.OpError{Op: "dial", Err: errors.New("nobody")}
}

func ok(c net.Conn) {
	defer c.Close()
	rq, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	body, err := io.ReadAll(rq.Body)
	if err != nil {
		return
	}
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body)+2, "ok"+string(body))
}

func breaks(c net.Conn) {
	_, _ = c.Read(make([]byte, 16))
	_ = c.Close()
}

func TestRelayTriesAnotherWay(t *testing.T) {
	for _, tt := range []struct {
		name   string
		method string
		body   string
		chunk  bool
		first  func() (net.Conn, error)
		want   string // body, or a part of the error
		taken  string
	}{
		{"all is well", "GET", "", false, answering(ok), "ok", "a"},
		{"GET, no connection", "GET", "", false, refuseDial, "ok", "a b"},
		{"POST, no connection", "POST", "hello", false, refuseDial, "okhello", "a b"},
		{"a long POST, no connection", "POST", strings.Repeat("x", 100_000), false, refuseDial, "ok" + strings.Repeat("x", 100_000), "a b"},
		{"a POST in chunks, no connection", "POST", "hello", true, refuseDial, "okhello", "a b"},
		{"GET, lost before an answer", "GET", "", false, answering(breaks), "ok", "a b"},
		{"OPTIONS, lost before an answer", "OPTIONS", "", false, answering(breaks), "ok", "a b"},
		{"POST, lost before an answer", "POST", "hello", false, answering(breaks), "EOF", "a"},
		{"DELETE, lost before an answer", "DELETE", "", false, answering(breaks), "EOF", "a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &ways{all: []*way{{"a", t.Context(), tt.first}, {"b", t.Context(), answering(ok)}}}
				r := NewRelay(&model.Origin{}, w, Options{})
				defer r.CloseIdleConnections()
				closed := 0
				var body io.ReadCloser
				if tt.body != "" {
					body = &closing{strings.NewReader(tt.body), &closed}
				}
				rq, err := http.NewRequestWithContext(t.Context(), tt.method, "http://o/", body)
				if err != nil {
					t.Fatal(err)
				}
				if rq.ContentLength = int64(len(tt.body)); tt.chunk {
					rq.ContentLength = -1
				}
				got := ""
				rs, err := r.RoundTrip(rq)
				if err == nil {
					var b []byte
					b, err = io.ReadAll(rs.Body)
					got = string(b)
					_ = rs.Body.Close()
				}
				if err != nil {
					got = err.Error()
				}
				synctest.Wait()
				if tt.want == "EOF" && !strings.Contains(got, "EOF") && !strings.Contains(got, "closed pipe") || tt.want != "EOF" && got != tt.want {
					t.Errorf("got %.100q, want %.100q", got, tt.want)
				}
				if s := strings.Join(w.taken, " "); s != tt.taken {
					t.Errorf("taken %s, want %s", s, tt.taken)
				}
				if w.under != 0 {
					t.Errorf("%d requests are under way", w.under)
				}
				if tt.want != "EOF" && w.read != int64(len(tt.want)) {
					t.Errorf("%d bytes were read, want %d", w.read, len(tt.want))
				}
				if tt.body != "" && closed != 1 {
					t.Errorf("the body was closed %d times", closed)
				}
			})
		})
	}
}

type closing struct {
	io.Reader
	n *int
}

func (c *closing) Close() error {
	*c.n++
	return nil
}

// TestRelaySilenceIsNotTriedElsewhere: the origin was asked and does not answer;
// whether it is asked again is for the edge to say (row O3).
func TestRelaySilenceIsNotTriedElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
		w := &ways{all: []*way{{"a", t.Context(), answering(silent)}, {"b", t.Context(), answering(ok)}}}
		r := NewRelay(&model.Origin{ReadTimeout: 5 * time.Second}, w, Options{})
		defer r.CloseIdleConnections()
		rq, _ := http.NewRequestWithContext(t.Context(), "GET", "http://o/", nil)
		begin := time.Now()
		_, err := r.RoundTrip(rq)
		if !isTimeout(err) || time.Since(begin) != 5*time.Second || len(w.taken) != 1 {
			t.Errorf("%v after %v, taken %v", err, time.Since(begin), w.taken)
		}
	})
}

// TestRelayLostWayIsNotSilence: the same, but the way itself is gone by then.
func TestRelayLostWayIsNotSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over, end := context.WithCancel(t.Context())
		silent := func(c net.Conn) {
			time.AfterFunc(2*time.Second, end)
			_, _ = io.Copy(io.Discard, c)
		}
		w := &ways{all: []*way{{"a", over, answering(silent)}, {"b", t.Context(), answering(ok)}}}
		r := NewRelay(&model.Origin{ReadTimeout: 5 * time.Second}, w, Options{})
		defer r.CloseIdleConnections()
		rq, _ := http.NewRequestWithContext(t.Context(), "GET", "http://o/", nil)
		rs, err := r.RoundTrip(rq)
		if err != nil {
			t.Fatal(err)
		}
		_ = rs.Body.Close()
		if strings.Join(w.taken, " ") != "a b" {
			t.Errorf("taken %v", w.taken)
		}
	})
}

// TestRelayLetsRestGo: connections at rest end when their way does.
func TestRelayLetsRestGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over, end := context.WithCancel(t.Context())
		gone := false
		keep := func(c net.Conn) {
			defer func() { gone = true }()
			r := bufio.NewReader(c)
			for {
				if _, err := http.ReadRequest(r); err != nil {
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
		}
		w := &ways{all: []*way{{"a", over, answering(keep)}}}
		r := NewRelay(&model.Origin{KeepAlive: time.Minute}, w, Options{})
		for range 2 {
			rq, _ := http.NewRequestWithContext(t.Context(), "GET", "http://o/", nil)
			rs, err := r.RoundTrip(rq)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.ReadAll(rs.Body)
			_ = rs.Body.Close()
		}
		synctest.Wait()
		if gone {
			t.Fatal("the connection did not rest")
		}
		end()
		synctest.Wait()
		if !gone {
			t.Error("the connection rests on a way that is over")
		}
		r.CloseIdleConnections()
	})
}
