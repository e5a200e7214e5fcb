// SPDX-License-Identifier: Apache-2.0

//go:build linux

package socket

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"
)

// pair is a connection over loopback: the side under test, and its peer.
func pair(t testing.TB) (c net.Conn, peer *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	far, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		near.Close()
		far.Close()
	})
	return Wrap(near), far.(*net.TCPConn)
}

// TestGather: pieces of all sizes arrive whole and in order, through a socket
// that is full most of the time.
func TestGather(t *testing.T) {
	c, peer := pair(t)
	g := c.(Gatherer)
	r := rand.New(rand.NewPCG(1, 2))
	var want []byte
	var sets []net.Buffers
	for range 40 {
		var bufs net.Buffers
		for range r.IntN(3 * maxPieces) {
			p := make([]byte, r.IntN(1<<r.IntN(16)))
			for i := range p {
				p[i] = byte(r.Uint32())
			}
			bufs = append(bufs, p)
			want = append(want, p...)
		}
		sets = append(sets, append(bufs, make([]byte, 3*pieceSize)))
		want = append(want, make([]byte, 3*pieceSize)...)
	}
	sent := make(chan error, 1)
	go func() {
		for _, bufs := range sets {
			size := int64(0)
			for _, p := range bufs {
				size += int64(len(p))
			}
			if n, err := g.Gather(&bufs); err != nil || n != size || len(bufs) != 0 {
				sent <- fmt.Errorf("%d of %d bytes, %d pieces left: %w", n, size, len(bufs), errors.Join(err, c.Close()))
				return
			}
		}
		sent <- c.(interface{ CloseWrite() error }).CloseWrite()
	}()
	got, err := io.ReadAll(peer)
	if err := errors.Join(err, <-sent); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes arrived that are not the %d that were sent", len(got), len(want))
	}
}

func TestReadAndWrite(t *testing.T) {
	c, peer := pair(t)
	want := make([]byte, 5<<20)
	for i := range want {
		want[i] = byte(i * 7 >> 3)
	}
	go func() {
		_, _ = io.Copy(peer, peer) // an error shows in what arrives
		_ = peer.CloseWrite()
	}()
	sent := make(chan error, 1)
	go func() {
		n, err := c.Write(want)
		if err == nil && n != len(want) {
			err = io.ErrShortWrite
		}
		sent <- errors.Join(err, c.(interface{ CloseWrite() error }).CloseWrite())
	}()
	got, err := io.ReadAll(struct{ io.Reader }{c})
	if err := errors.Join(err, <-sent); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes came back, not the %d that were sent", len(got), len(want))
	}
	if n, err := c.Read(nil); n != 0 || err != nil {
		t.Errorf("a read of nothing: %d, %v", n, err)
	}
}

// TestErrors: they are those that net.Conn promises.
func TestErrors(t *testing.T) {
	t.Run("a read that is late", func(t *testing.T) {
		c, peer := pair(t)
		_ = c.SetReadDeadline(time.Unix(1, 0))
		var ne net.Error
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &ne) || !ne.Timeout() {
			t.Error(err)
		}
		_ = c.SetReadDeadline(time.Time{})
		if _, err := peer.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 9)); n != 1 || err != nil {
			t.Errorf("after it: %d, %v", n, err)
		}
	})
	t.Run("a write that is late in its midst", func(t *testing.T) {
		c, peer := pair(t)
		p := make([]byte, 64<<20) // more than both sockets hold
		if err := c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := c.Write(p)
		if !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 || n == len(p) {
			t.Fatalf("%d bytes, %v", n, err)
		}
		_ = c.Close()
		if got, _ := io.Copy(io.Discard, peer); got != int64(n) {
			t.Errorf("%d bytes arrived, %d were told", got, n)
		}
	})
	t.Run("the peer has gone", func(t *testing.T) {
		c, peer := pair(t)
		_ = peer.SetLinger(0)
		_ = peer.Close()
		var op *net.OpError
		if _, err := c.Read(make([]byte, 1)); !errors.As(err, &op) || errors.Is(err, io.EOF) {
			t.Errorf("read: %v", err)
		}
		if _, err := c.Write(make([]byte, 1)); !errors.As(err, &op) {
			t.Errorf("write: %v", err)
		}
	})
	t.Run("closed meanwhile", func(t *testing.T) {
		c, _ := pair(t)
		ended := make(chan error, 1)
		go func() {
			_, err := c.Read(make([]byte, 1))
			ended <- err
		}()
		_ = c.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if _, err := c.Write(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestOthersPass(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if Wrap(a) != a {
		t.Error("what is no socket was wrapped")
	}
}

func TestNothingIsAllocated(t *testing.T) {
	c, peer := pair(t)
	g := c.(Gatherer)
	p, q := make([]byte, 100), make([]byte, 300)
	vec := make([][]byte, 2)
	bufs := new(net.Buffers)
	n := testing.AllocsPerRun(200, func() {
		vec[0], vec[1] = p, p
		*bufs = vec
		if _, err := g.Gather(bufs); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(p); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(peer, q); err != nil {
			t.Fatal(err)
		}
		if _, err := peer.Write(p); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(q); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
