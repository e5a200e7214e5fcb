// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // RFC 6455
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
)

// A WebSocket of a few lines, written from RFC 6455: frames without extensions,
// masked by viewers.

const (
	opText  = 1
	opClose = 8
)

func acceptFor(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // RFC 6455
	return base64.StdEncoding.EncodeToString(sum[:])
}

func writeFrame(w io.Writer, op byte, p []byte, masked bool) error {
	b := []byte{0x80 | op, 0}
	switch n := len(p); {
	case n < 126:
		b[1] = byte(n)
	case n < 1<<16:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	if !masked {
		_, err := w.Write(append(b, p...))
		return err
	}
	b[1] |= 0x80
	mask := [4]byte{0xde, 0xad, 0xbe, 0xef}
	b = append(b, mask[:]...)
	for i, c := range p {
		b = append(b, c^mask[i%4])
	}
	_, err := w.Write(b)
	return err
}

func readFrame(r *bufio.Reader) (op byte, p []byte, err error) {
	var h [2]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(h[1] & 0x7f)
	var ext [8]byte
	switch n {
	case 126:
		_, err = io.ReadFull(r, ext[6:])
		n = binary.BigEndian.Uint64(ext[:])
	case 127:
		_, err = io.ReadFull(r, ext[:])
		n = binary.BigEndian.Uint64(ext[:])
	}
	var mask [4]byte
	if err == nil && h[1]&0x80 != 0 {
		_, err = io.ReadFull(r, mask[:])
	}
	if err != nil || n > 1<<20 {
		return 0, nil, fmt.Errorf("frame of %d bytes: %w", n, err)
	}
	p = make([]byte, n)
	_, err = io.ReadFull(r, p)
	for i := range p {
		p[i] ^= mask[i%4]
	}
	return h[0] & 0xf, p, err
}

// echoOrigin accepts the handshake and sends every message back, until it gets
// a close frame or the end. seen is called with the handshake.
func echoOrigin(seen func(*http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, rq *http.Request) {
		if seen != nil {
			seen(rq)
		}
		if rq.Header.Get("Upgrade") != "websocket" {
			_, _ = io.WriteString(w, "plain")
			return
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: chat\r\n\r\n", acceptFor(rq.Header.Get("Sec-WebSocket-Key")))
		_ = rw.Flush()
		for {
			op, p, err := readFrame(rw.Reader)
			if err != nil || writeFrame(rw, op, p, false) != nil || op == opClose {
				_ = rw.Flush()
				return
			}
			if rw.Reader.Buffered() == 0 {
				_ = rw.Flush()
			}
		}
	}
}

const sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="

const handshakeFields = "Host: d1.cloudfront.net\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Key: " + sampleKey + "\r\n\r\n"

// socketViewer is a viewer after its handshake.
type socketViewer struct {
	net.Conn
	r  *bufio.Reader
	rs *http.Response
}

// dialSocket sends a handshake to url ("http://…" or "https://…").
func dialSocket(t *testing.T, url, head string) *socketViewer {
	t.Helper()
	scheme, addr, _ := strings.Cut(url, "://")
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if scheme == "https" {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}) //nolint:gosec // the certificate is of the test
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, head); err != nil {
		t.Fatal(err)
	}
	v := &socketViewer{Conn: c, r: bufio.NewReader(c)}
	if v.rs, err = http.ReadResponse(v.r, nil); err != nil {
		t.Fatal(err)
	}
	return v
}

// say sends a message and takes its echo.
func (v *socketViewer) say(text string) error {
	if err := writeFrame(v, opText, []byte(text), true); err != nil {
		return err
	}
	op, p, err := readFrame(v.r)
	if err == nil && (op != opText || string(p) != text) {
		err = fmt.Errorf("echo %d %q", op, p)
	}
	return err
}

// bye closes as RFC 6455 7 has it, and expects the end.
func (v *socketViewer) bye() error {
	if err := writeFrame(v, opClose, []byte{3, 232}, true); err != nil {
		return err
	}
	if op, _, err := readFrame(v.r); err != nil || op != opClose {
		return fmt.Errorf("close frame: %d %w", op, err)
	}
	if _, err := v.r.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("not ended: %w", err)
	}
	return nil
}

// piped is a Writer whose connection can be taken over, without a socket.
type piped struct {
	viewer
	ours, theirs net.Conn
}

func newPiped(t *testing.T) *piped {
	p := &piped{}
	p.ours, p.theirs = net.Pipe()
	t.Cleanup(func() { _ = errors.Join(p.ours.Close(), p.theirs.Close()) })
	return p
}

// Upgrade gives the edge's end of the pipe.
func (p *piped) Upgrade(rs *httpmsg.Response) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.header = rs.Status, rs.Header.Clone()
	return p.ours, nil
}
