// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// TestLateReaders: somebody who still reads the body when the Handler is done
// gets an error, even if the viewer sends nothing.
func TestLateReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := make(chan error, 1)
		var kept io.Reader
		p := connect(t, New(later(func(_ context.Context, rq *httpmsg.Request, w engine.Writer) {
			kept = rq.Body
			go func() {
				_, err := io.ReadAll(kept)
				read <- err
			}()
			time.Sleep(time.Second)
			_ = w.Whole(response(200, 0), nil, nil)
		}), Options{}), true)
		p.send(post + "Content-Length: 5\r\n\r\n")
		if err := <-read; !errors.Is(err, errBodyClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		<-p.done
		if _, err := kept.Read(make([]byte, 1)); err == nil {
			t.Error("the body can be read later")
		}
		if got := p.take(); status(got) != "200" {
			t.Errorf("said %q", got)
		}
	})
}

// TestBodyWhileAnswering: body and answer may flow at the same time.
func TestBodyWhileAnswering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, New(later(func(_ context.Context, rq *httpmsg.Request, w engine.Writer) {
			_ = w.Head(response(200, -1))
			_ = w.Flush()
			buf := make([]byte, 100)
			for {
				n, err := rq.Body.Read(buf)
				if n > 0 {
					_, _ = w.Write(bytes.ToUpper(buf[:n]))
					_ = w.Flush()
				}
				if err != nil {
					return
				}
			}
		}), Options{}), true)
		p.send(post + te)
		p.take()
		for _, word := range []string{"one", "two"} {
			p.send("3\r\n" + word + "\r\n")
			if got := p.take(); got != "3\r\n"+strings.ToUpper(word)+"\r\n" {
				t.Errorf("got %q", got)
			}
		}
		p.send("0\r\n\r\n" + post + te + "0\r\n\r\n")
		if got := p.take(); strings.Count(got, "0\r\n\r\n") != 2 || !p.open() {
			t.Errorf("got %q", got)
		}
	})
}

func TestUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fault error
		p := connect(t, New(later(func(_ context.Context, _ *httpmsg.Request, w engine.Writer) {
			nc, err := w.(Upgrader).Upgrade(response(101, -1, "Connection", "Upgrade", "Upgrade", "websocket"))
			if fault = err; err != nil {
				return
			}
			time.Sleep(time.Hour) // no time of HTTP holds here
			_, _ = io.CopyN(nc, nc, 9)
		}), Options{}), true)
		p.send(get + "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\nearly")
		if got := p.take(); fault != nil || got != "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" {
			t.Errorf("%v: %q", fault, got)
		}
		time.Sleep(time.Hour)
		p.send("late")
		if got := p.take(); got != "earlylate" {
			t.Errorf("got %q", got)
		}
		<-p.done
		p = connect(t, New(later(func(_ context.Context, _ *httpmsg.Request, w engine.Writer) {
			_, fault = w.(Upgrader).Upgrade(response(101, -1))
		}), Options{}), true)
		p.send(next)
		if got := p.take(); !errors.Is(fault, errUpgrade) || status(got) != "500" {
			t.Errorf("not asked for: %v, %q", fault, got)
		}
	})
}

// TestUpgradeLimits: a viewer that takes nothing is left; a drain ends a
// connection that is quiet, not one in use.
func TestUpgradeLimits(t *testing.T) {
	ask := get + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	upgrade := func(f func(nc net.Conn)) engine.Handler {
		return later(func(_ context.Context, _ *httpmsg.Request, w engine.Writer) {
			nc, err := w.(Upgrader).Upgrade(response(101, -1, "Connection", "Upgrade", "Upgrade", "websocket"))
			if err == nil {
				f(nc)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		var n int
		var err error
		p := connect(t, New(upgrade(func(nc net.Conn) { n, err = nc.Write(make([]byte, 100)) }), Options{}), false)
		if _, err := io.WriteString(p.Conn, ask); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Conn.Read(make([]byte, 1000)); err != nil { // the 101, and no more
			t.Fatal(err)
		}
		start := time.Now()
		<-p.done
		if took := p.ends.Sub(start); took != 30*time.Second || n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d, %v after %v", n, err, took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var err error
		s := New(upgrade(func(nc net.Conn) { _, err = io.Copy(nc, nc) }), Options{})
		p := connect(t, s, true)
		p.send(ask)
		time.Sleep(time.Hour)
		start := time.Now()
		s.Drain(time.Millisecond)
		for range 5 {
			time.Sleep(900 * time.Millisecond)
			p.send("x")
		}
		<-p.done
		if took := p.ends.Sub(start); took != 5*900*time.Millisecond+tunnelQuiet || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v after %v", err, took)
		}
	})
}
