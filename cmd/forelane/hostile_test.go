// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// hostile is a viewer that means harm: it holds one connection, and makes a
// new one when that is ended.
type hostile struct {
	name string
	// attack does harm on c, until it fails or the horde ends.
	attack func(h *horde, c net.Conn) error
	tls    bool // attack speaks HTTP/2 on a connection that has shaken hands
	https  bool // attack speaks to the port of HTTPS
}

var hostiles = []hostile{
	{"rapid reset", rapidReset, true, true},
	{"CONTINUATION", continuation, true, true},
	{"SETTINGS", flood(func(f *http2.Framer) error { return f.WriteSettings() }), true, true},
	{"PING", flood(func(f *http2.Framer) error { return f.WritePing(false, [8]byte{}) }), true, true},
	{"empty DATA", emptyData, true, true},
	{"windows of one byte", tinyWindows, true, true},
	{"HTTP/2 head that stops", slowHead2, true, true},
	{"slow heads", drip("GET / HTTP/1.1\r\nHost: h\r\nX: "), false, false},
	{"slow bodies", drip("POST /n/post HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n"), false, false},
	{"hits that are not read", unread(strings.Repeat("GET /large HTTP/1.1\r\nHost: h\r\n\r\n", 20)), false, false},
	{"misses that are not read", unread("GET /endless HTTP/1.1\r\nHost: h\r\n\r\n"), false, false},
	{"half-open handshakes", halfOpen, false, true},
	{"silence", drip(""), false, true},
}

// horde is many hostile viewers at once.
type horde struct {
	http, https string
	ctx         context.Context // ends with the horde
	cancel      context.CancelFunc
	wg          sync.WaitGroup
	open        atomic.Int64 // connections now
	made        atomic.Int64 // connections until now
	refused     atomic.Int64
	hello       []byte // half of a ClientHello
}

// hordeEnv makes the test binary a horde: number, kind (or all), addresses of
// HTTP and HTTPS. A process of its own, so that the well-behaved viewer does
// not wait for its neighbours' goroutines.
const hordeEnv = "FORELANE_TEST_HORDE"

func TestMain(m *testing.M) {
	if spec := os.Getenv(hordeEnv); spec != "" {
		runHorde(spec)
		return
	}
	os.Exit(m.Run())
}

// runHorde is that process: it says when all are there, and how it went when
// its input ends.
func runHorde(spec string) {
	var n int
	var kind string
	h := &horde{hello: clientHello()}
	if _, err := fmt.Sscanf(spec, "%d %q %s %s", &n, &kind, &h.http, &h.https); err != nil {
		panic(err)
	}
	kinds := hostiles
	if i := slices.IndexFunc(hostiles, func(k hostile) bool { return k.name == kind }); i >= 0 {
		kinds = hostiles[i : i+1]
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.run(n, kinds)
	for h.made.Load() < int64(n) && h.refused.Load() < int64(n) && h.pause(10*time.Millisecond) {
	}
	fmt.Println("there")
	_, _ = io.Copy(io.Discard, os.Stdin)
	open := h.open.Load()
	h.cancel()
	h.wg.Wait()
	fmt.Printf("%d open, %d made, %d refused\n", open, h.made.Load(), h.refused.Load())
}

// horde starts that process, and returns when it is there. end ends it and
// says how it went.
func (p *proc) horde(n int, kind string) (end func() string) {
	p.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %q %s %s", hordeEnv, n, kind, p.ready.HTTP, p.ready.HTTPS))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "there" {
		p.t.Fatalf("no horde: %s", lines.Text())
	}
	return func() string {
		_ = in.Close()
		lines.Scan()
		said := lines.Text()
		if err := cmd.Wait(); err != nil {
			p.t.Error(err)
		}
		return said
	}
}

func (h *horde) stopped() bool { return h.ctx.Err() != nil }

// pause waits for d; false: it is over.
func (h *horde) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-h.ctx.Done():
		return false
	}
}

// run lets n viewers loose, of all kinds in turn, from many addresses.
func (h *horde) run(n int, kinds []hostile) {
	for i := range n {
		kind := kinds[i%len(kinds)]
		from := &net.TCPAddr{IP: net.IPv4(127, 1, 0, byte(1+i%200))}
		h.wg.Go(func() {
			for !h.stopped() {
				if err := h.once(kind, from); err != nil && !h.pause(100*time.Millisecond) {
					return
				}
			}
		})
	}
}

func (h *horde) once(kind hostile, from net.Addr) error {
	addr := h.http
	if kind.https {
		addr = h.https
	}
	d := net.Dialer{LocalAddr: from, Timeout: 10 * time.Second}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		h.refused.Add(1)
		return err
	}
	defer c.Close()
	defer context.AfterFunc(h.ctx, func() { _ = c.Close() })()
	h.made.Add(1)
	h.open.Add(1)
	defer h.open.Add(-1)
	if kind.tls {
		tc := tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err := tc.Handshake(); err != nil {
			return err
		}
		if _, err := io.WriteString(tc, http2.ClientPreface); err != nil {
			return err
		}
		c = tc
	}
	return kind.attack(h, c)
}

// framer writes frames by the batch, and reads nothing but what keeps the
// connection going.
func framer(c net.Conn) (*http2.Framer, *bytes.Buffer) {
	go func() { _, _ = io.Copy(io.Discard, c) }()
	var b bytes.Buffer
	return http2.NewFramer(&b, nil), &b
}

// settled starts HTTP/2 with the viewer's settings, and acknowledges ours.
func settled(c net.Conn, s ...http2.Setting) (*http2.Framer, *bytes.Buffer, error) {
	f, b := framer(c)
	_ = f.WriteSettings(s...)
	_ = f.WriteSettingsAck()
	return f, b, send(c, b)
}

func send(c net.Conn, b *bytes.Buffer) error {
	_, err := c.Write(b.Bytes())
	b.Reset()
	return err
}

// block is the head of a request.
func block(method, path string, extra ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for _, f := range [][2]string{{":method", method}, {":scheme", "https"}, {":authority", "h"}, {":path", path}} {
		_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	for _, x := range extra {
		_ = e.WriteField(hpack.HeaderField{Name: x, Value: "x", Sensitive: true})
	}
	return b.Bytes()
}

func rapidReset(h *horde, c net.Conn) error {
	f, b, err := settled(c)
	for id := uint32(1); err == nil && !h.stopped(); {
		for range 50 {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block("GET", fmt.Sprint("/n/", id)), EndHeaders: true, EndStream: true})
			_ = f.WriteRSTStream(id, http2.ErrCodeCancel)
			id += 2
		}
		err = send(c, b)
	}
	return err
}

func continuation(h *horde, c net.Conn) error {
	f, b, err := settled(c)
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block("GET", "/")})
	for err == nil && !h.stopped() {
		for range 8 {
			_ = f.WriteContinuation(1, false, block("GET", "/")[4:4])
			_ = f.WriteContinuation(1, false, bytes.Repeat([]byte{0x10, 1, 'a', 1, 'b'}, 200))
		}
		err = send(c, b)
	}
	return err
}

func flood(frame func(*http2.Framer) error) func(*horde, net.Conn) error {
	return func(h *horde, c net.Conn) error {
		f, b, err := settled(c)
		for err == nil && !h.stopped() {
			for range 100 {
				_ = frame(f)
			}
			err = send(c, b)
		}
		return err
	}
}

func emptyData(h *horde, c net.Conn) error {
	f, b, err := settled(c)
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block("POST", "/n/post"), EndHeaders: true})
	for err == nil && !h.stopped() {
		for range 100 {
			_ = f.WriteData(1, false, nil)
		}
		err = send(c, b)
	}
	return err
}

func tinyWindows(h *horde, c net.Conn) error {
	f, b, err := settled(c, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
	for id := uint32(1); err == nil && id < 100; id += 2 {
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block("GET", "/large"), EndHeaders: true, EndStream: true})
	}
	for err == nil {
		err = send(c, b)
		if !h.pause(time.Second) {
			return nil
		}
		for id := uint32(1); id < 100; id += 2 {
			_ = f.WriteWindowUpdate(id, 1)
		}
	}
	return err
}

func slowHead2(h *horde, c net.Conn) error {
	f, b, err := settled(c)
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block("GET", "/"), EndHeaders: true, EndStream: true})
	whole := bytes.Clone(b.Bytes())
	b.Reset()
	for _, x := range whole {
		if err == nil {
			_, err = c.Write([]byte{x})
		}
		if !h.pause(time.Second) {
			return nil
		}
	}
	return err
}

// drip sends the beginning, and then a byte a second.
func drip(begin string) func(*horde, net.Conn) error {
	return func(h *horde, c net.Conn) error {
		_, err := io.WriteString(c, begin)
		for err == nil && h.pause(time.Second) {
			if begin == "" {
				_ = c.SetReadDeadline(time.Now().Add(time.Minute))
				_, err = c.Read(make([]byte, 1))
			} else {
				_, err = c.Write([]byte("x"))
			}
		}
		return err
	}
}

// unread asks and takes no byte of the answer.
func unread(requests string) func(*horde, net.Conn) error {
	return func(h *horde, c net.Conn) error {
		_ = c.(*net.TCPConn).SetReadBuffer(1)
		_, err := io.WriteString(c, requests)
		for err == nil && h.pause(time.Second) {
			_, err = io.WriteString(c, "G") // fails when the connection is gone
		}
		return err
	}
}

func halfOpen(h *horde, c net.Conn) error {
	_, err := c.Write(h.hello)
	if err == nil {
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		_, err = c.Read(make([]byte, 1))
	}
	return err
}

// clientHello is the first half of one.
func clientHello() []byte {
	mine, theirs := net.Pipe()
	defer theirs.Close()
	go func() { _ = tls.Client(mine, &tls.Config{ServerName: "h", InsecureSkipVerify: true}).Handshake() }()
	b := make([]byte, 16<<10)
	n, _ := theirs.Read(b)
	return b[:n/2]
}
