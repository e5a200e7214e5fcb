// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/forelane/forelane/internal/httpmsg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipes is a listener of net.Pipe.
type pipes struct{ conns chan net.Conn }

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) dial(context.Context, bool) (net.Conn, error) {
	near, far := net.Pipe()
	p.conns <- far
	return near, nil
}

var errLate = errors.New("too late")

// asked runs f in a bubble with a client of an origin.
func asked(t *testing.T, origin http.HandlerFunc, f func(t *testing.T, cl *Client, rq *httpmsg.Request, body *io.PipeWriter)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := pipes{make(chan net.Conn)}
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		srv := &http.Server{Handler: origin, Protocols: protocols, ReadHeaderTimeout: time.Hour}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = srv.Serve(p)
		}()
		cl := &Client{Dial: p.dial, Read: 30 * time.Second, Completion: 5 * time.Minute, Late: errLate}
		r, w := io.Pipe()
		f(t, cl, &httpmsg.Request{Method: "POST", Scheme: "http", Host: "o.example", Path: "/", Body: r, ContentLength: -1}, w)
		_ = w.Close()
		synctest.Wait()
		cl.CloseIdle()
		close(p.conns)
		_ = srv.Close()
		<-served
	})
}

// TestC15Times: a call lives as long as something moves either way.
func TestC15Times(t *testing.T) {
	silent := func(w http.ResponseWriter, rq *http.Request) { <-rq.Context().Done() }
	head := func(w http.ResponseWriter, rq *http.Request) {
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(io.Discard, rq.Body)
		<-rq.Context().Done()
	}
	speaks := func(w http.ResponseWriter, rq *http.Request) {
		_ = http.NewResponseController(w).Flush()
		for rq.Context().Err() == nil {
			_, _ = w.Write([]byte("."))
			_ = http.NewResponseController(w).Flush()
			select {
			case <-time.After(29 * time.Second):
			case <-rq.Context().Done():
			}
		}
	}
	for _, tt := range []struct {
		name   string
		origin http.HandlerFunc
		send   time.Duration // between two pieces of the body; 0: none
		after  time.Duration
		want   error
	}{
		{"no head", silent, 0, 30 * time.Second, os.ErrDeadlineExceeded},
		{"a head and no more", head, 0, 30 * time.Second, os.ErrDeadlineExceeded},
		{"the viewer goes on", head, 29 * time.Second, 5 * time.Minute, errLate},
		{"the origin goes on", speaks, 0, 5 * time.Minute, errLate},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked(t, tt.origin, func(t *testing.T, cl *Client, rq *httpmsg.Request, body *io.PipeWriter) {
				over := make(chan struct{})
				sender := make(chan struct{})
				go func() {
					defer close(sender)
					for tt.send > 0 {
						select {
						case <-time.After(tt.send):
							if _, err := body.Write([]byte("x")); err != nil {
								return
							}
						case <-over:
							return
						}
					}
				}()
				start := time.Now()
				var rs httpmsg.Response
				err := cl.Do(t.Context(), rq, &rs)
				if err == nil {
					_, err = io.Copy(io.Discard, rs.Body)
					_ = rs.Body.Close()
				}
				close(over)
				_ = rq.Body.Close()
				<-sender
				if d := time.Since(start); !errors.Is(err, tt.want) || d != tt.after {
					t.Errorf("%v after %v, want %v after %v", err, d, tt.want, tt.after)
				}
				var timeout interface{ Timeout() bool }
				if tt.want == os.ErrDeadlineExceeded && (!errors.As(err, &timeout) || !timeout.Timeout()) {
					t.Errorf("%v is no timeout", err)
				}
			})
		})
	}
}

// TestC15Cancel: the end of the context is the end of the call, for the origin too.
func TestC15Cancel(t *testing.T) {
	left := make(chan struct{}, 1)
	asked(t, func(w http.ResponseWriter, rq *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-rq.Context().Done()
		left <- struct{}{}
	}, func(t *testing.T, cl *Client, rq *httpmsg.Request, body *io.PipeWriter) {
		ctx, cancel := context.WithCancel(context.Background())
		var rs httpmsg.Response
		if err := cl.Do(ctx, rq, &rs); err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := io.Copy(io.Discard, rs.Body); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		_ = rs.Body.Close()
		<-left
	})
}
