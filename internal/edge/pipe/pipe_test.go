// SPDX-License-Identifier: Apache-2.0

package pipe

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/forelane/forelane/internal/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pass lets time go by; all of these tests run under synctest.
func pass(d time.Duration) { <-time.After(d) }

// TestC16Limits is the life of a pipe by the clock.
func TestC16Limits(t *testing.T) {
	type ends struct{ viewer, origin net.Conn }
	for _, tt := range []struct {
		name string
		act  func(e ends)
		took time.Duration
		end  record.End
	}{
		{"silence", func(ends) {}, 10 * time.Minute, record.EndIdle},
		{"the viewer speaks", func(e ends) {
			for range 3 {
				pass(9 * time.Minute)
				_, _ = e.viewer.Write([]byte("ping"))
			}
		}, 37 * time.Minute, record.EndIdle},
		{"the origin speaks", func(e ends) {
			pass(599 * time.Second)
			_, _ = e.origin.Write([]byte("ping"))
		}, 1199 * time.Second, record.EndIdle},
		{"the viewer is gone", func(e ends) {
			pass(time.Minute)
			_ = e.viewer.Close()
		}, time.Minute, record.EndComplete}, // a pipe cannot be closed by half
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, vEdge := net.Pipe()
				o, oEdge := net.Pipe()
				sink := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
				go sink(v)
				go sink(o)
				buffers := sync.Pool{New: func() any { return new(Buffer) }}
				start := time.Now()
				go tt.act(ends{v, o})
				out := Run(vEdge, oEdge, 10*time.Minute, &buffers)
				if took := time.Since(start); took != tt.took || out.End != tt.end {
					t.Errorf("%v after %v", out.End, took)
				}
				_ = errors.Join(v.Close(), o.Close())
			})
		})
	}
}

// halfPipe is a pipe that can be closed by half.
type halfPipe struct {
	io.Reader
	io.WriteCloser
	r *io.PipeReader
}

func (h halfPipe) CloseWrite() error { return h.WriteCloser.Close() }
func (h halfPipe) Close() error      { return errors.Join(h.WriteCloser.Close(), h.r.Close()) }

func TestC16HalfClosedIsGivenAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, vEdge := net.Pipe()
		fromOrigin, originOut := io.Pipe()
		originIn, toOrigin := io.Pipe()
		buffers := sync.Pool{New: func() any { return new(Buffer) }}
		go func() {
			_, _ = io.Copy(io.Discard, originIn) // it sees the end and says nothing
		}()
		go func() {
			pass(9 * time.Minute)
			_ = v.Close()
		}()
		start := time.Now()
		out := Run(vEdge, halfPipe{fromOrigin, toOrigin, fromOrigin}, 10*time.Minute, &buffers)
		if took := time.Since(start); took != 10*time.Minute || out.End != record.EndIdle {
			t.Errorf("%v after %v", out.End, took)
		}
		_ = originOut.Close()
	})
}
