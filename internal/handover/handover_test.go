// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen is a loopback socket and the copy that is offered.
func listen(t *testing.T, kind string) (*net.TCPListener, Socket) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	tcp := ln.(*net.TCPListener)
	f, err := tcp.File()
	if err != nil {
		t.Fatal(err)
	}
	return tcp, Socket{kind, f}
}

func offer(t *testing.T, dir string, s ...Socket) *Offer {
	t.Helper()
	o, err := NewOffer(dir, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// TestHandOver: a connection made before the hand-over, and never accepted by
// the predecessor, is answered by the successor after the predecessor has
// closed its socket.
func TestHandOver(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 40)) // longer than a Unix address
	ln, s := listen(t, "http")
	_, s2 := listen(t, "admin")
	o := offer(t, dir, s, s2)
	viewer, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer viewer.Close()

	l, err := Take(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l.PID != os.Getpid() {
		t.Errorf("process %d", l.PID)
	}
	if got, err := l.Listener("https", ""); got != nil || err != nil {
		t.Errorf("a socket of a kind that was not offered: %v %v", got, err)
	}
	got, err := l.Listener("http", "127.0.0.1:0")
	if err != nil || got == nil {
		t.Fatal(got, err)
	}
	defer got.Close()
	select {
	case <-o.Taken():
		t.Fatal("taken before the successor is ready")
	default:
	}
	l.Ready()
	<-o.Taken()
	_ = ln.Close()
	c, err := got.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "served")
	_ = c.Close()
	if b, err := io.ReadAll(viewer); string(b) != "served" {
		t.Errorf("%q %v", b, err)
	}
	select {
	case <-l.Gone():
		t.Fatal("gone before the predecessor has let go")
	default:
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	<-l.Gone()
}

// TestSuccessorThatFails leaves the predecessor where it was, and the next one
// is served.
func TestSuccessorThatFails(t *testing.T) {
	dir := t.TempDir()
	_, s := listen(t, "http")
	o := offer(t, dir, s)
	first, err := Take(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Take(dir); err == nil || !strings.Contains(err.Error(), "taking over already") {
		t.Errorf("a second successor at once: %v", err)
	}
	_ = first.Close()
	for {
		next, err := Take(dir)
		if err != nil { // until the first one's end is seen
			continue
		}
		next.Ready()
		<-o.Taken()
		_ = next.Close()
		<-next.Gone()
		return
	}
}

func TestNobodyOffers(t *testing.T) {
	dir := t.TempDir()
	if _, err := Take(dir); !errors.Is(err, ErrNobody) {
		t.Errorf("never: %v", err)
	}
	_, s := listen(t, "http")
	o := offer(t, dir, s)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Take(dir); !errors.Is(err, ErrNobody) {
		t.Errorf("not any more: %v", err)
	}
	// A process that was killed leaves its name.
	ln, err := net.Listen("unix", filepath.Join(dir, "handover", socketName))
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = ln.Close()
	if _, err := Take(dir); !errors.Is(err, ErrNobody) {
		t.Errorf("killed: %v", err)
	}
	offer(t, dir)
	l, err := Take(dir)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}

// TestNewOfferTakesThePlace: the one of before does not take the name away.
func TestNewOfferTakesThePlace(t *testing.T) {
	dir := t.TempDir()
	_, a := listen(t, "old")
	_, b := listen(t, "new")
	old := offer(t, dir, a)
	offer(t, dir, b)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := Take(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if ln, err := l.Listener("new", ""); ln == nil || ln.Close() != nil {
		t.Error(ln, err)
	}
}

func TestFolderIsItsOwners(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "handover"), 0o777); err != nil {
		t.Fatal(err)
	}
	offer(t, dir)
	fi, err := os.Stat(filepath.Join(dir, "handover"))
	if err != nil || fi.Mode().Perm() != 0o700 {
		t.Error(fi, err)
	}
}

func TestFits(t *testing.T) {
	for _, tt := range []struct {
		bound, addr string
		want        bool
	}{
		{"127.0.0.1:80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "127.0.0.1:0", true},
		{"127.0.0.1:80", "127.0.0.1:81", false},
		{"127.0.0.1:80", "127.0.0.2:80", false},
		{"127.0.0.1:80", ":80", false},
		{"127.0.0.1:80", "localhost:80", true},
		{"[::]:80", ":80", true},
		{"[::]:80", ":0", true},
		{"[::]:80", "0.0.0.0:80", false},
		{"[::1]:80", "[::1]:80", true},
		{"127.0.0.1:80", "nonsense", false},
	} {
		bound, err := net.ResolveTCPAddr("tcp", tt.bound)
		if err != nil {
			t.Fatal(err)
		}
		if got := fits(bound, tt.addr); got != tt.want {
			t.Errorf("%s for %s: %v", tt.bound, tt.addr, got)
		}
	}
}

func TestActivatedWithoutSockets(t *testing.T) {
	pid := fmt.Sprint(os.Getpid())
	for _, tt := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"none", nil, ""},
		{"of another process", map[string]string{"LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "http"}, ""},
		{"no number", map[string]string{"LISTEN_FDS": "x", "LISTEN_PID": pid}, ""},
		{"without names", map[string]string{"LISTEN_FDS": "2", "LISTEN_PID": pid, "LISTEN_FDNAMES": "http"}, "2 sockets with 1 names"},
	} {
		l, err := Activated(func(name string) string { return tt.env[name] })
		if l != nil || (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v %v", tt.name, l, err)
		}
	}
}
