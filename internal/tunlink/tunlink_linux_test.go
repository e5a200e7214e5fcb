// SPDX-License-Identifier: Apache-2.0

package tunlink

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// world is two namespaces 20 ms apart, and an echo in the second.
func world(t *testing.T) (n *Net, a, b *Node, addr string) {
	t.Helper()
	n, err := New()
	if err != nil {
		return nil, nil, nil, err.Error()
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	for i, nd := range []**Node{&a, &b} {
		if *nd, err = n.Add(string(rune('a'+i)), netip.AddrFrom4([4]byte{10, 0, byte(i + 1), 1})); err != nil {
			t.Fatal(err)
		}
	}
	n.Delay(a, b, 20*time.Millisecond)
	var ln net.Listener
	if err := b.Do(func() (err error) {
		ln, err = net.Listen("tcp", "10.0.2.1:0")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c) // ends with the test
				_ = c.Close()
			}()
		}
	}()
	return n, a, b, ln.Addr().String()
}

func TestDelayAndCut(t *testing.T) {
	n, a, b, addr := world(t)
	if n == nil {
		if Again(t) {
			return
		}
		t.Logf("NOTHING IS TESTED: namespaces cannot be made here: %s", addr)
		return
	}
	begin := time.Now()
	c, err := a.Dial(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if took := time.Since(begin); took < 40*time.Millisecond || took > 5*time.Second {
		t.Errorf("a connection over 20 ms took %v", took)
	}
	echo := func() error {
		if _, err := io.WriteString(c, "hello"); err != nil {
			return err
		}
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
		_, err := io.ReadFull(c, make([]byte, 5))
		return err
	}
	begin = time.Now()
	if err := echo(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < 40*time.Millisecond || took > 5*time.Second {
		t.Errorf("a round trip took %v", took)
	}
	n.Cut(b, true)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := a.Dial(ctx, "tcp", addr); !errors.Is(err, context.DeadlineExceeded) {
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("connected over a link that was cut: %v", err)
		}
	}
	n.Cut(b, false)
	if err := echo(); err != nil {
		t.Errorf("after the cut: %v", err)
	}
}

func TestPrograms(t *testing.T) {
	n, a, _, why := world(t)
	if n == nil {
		if Again(t) {
			return
		}
		t.Logf("NOTHING IS TESTED: namespaces cannot be made here: %s", why)
		return
	}
	var out strings.Builder
	cmd := exec.CommandContext(t.Context(), "cat", "/proc/self/net/dev")
	cmd.Stdout = &out
	if err := a.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "tun0") {
		t.Errorf("%v: %s", err, out.String())
	}
}
