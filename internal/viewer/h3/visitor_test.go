// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// rig is a Listener under test.
type rig struct {
	t    *testing.T
	l    *Listener
	addr net.Addr
}

// serve runs a Listener on loopback until the test ends.
func serve(t *testing.T, h engine.Handler, l engine.Limits) *rig {
	t.Helper()
	certs := httptest.NewTLSServer(http.NotFoundHandler())
	certs.Close()
	return serveBy(t, h, l, certs.TLS)
}

// serveBy is serve with a TLS configuration.
func serveBy(t *testing.T, h engine.Handler, l engine.Limits, secure *tls.Config) *rig {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := Listen(pc, h, Options{TLS: secure, Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- ln.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(errors.New("the test is over"))
		_ = ln.Close(ctx)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return &rig{t, ln, ln.Addr()}
}

// visitor is a viewer that speaks bytes.
type visitor struct {
	t  *testing.T
	qc *quic.Conn
}

func clientTLS() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h3"}, ServerName: "example.com"}
}

// dial connects a visitor that has said nothing yet.
func (r *rig) dial() *visitor { return r.dialBy(&quic.Config{}) }

func (r *rig) dialBy(c *quic.Config) *visitor {
	r.t.Helper()
	qc, err := quic.DialAddr(r.t.Context(), r.addr.String(), clientTLS(), c)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = qc.CloseWithError(0x100, "") })
	return &visitor{r.t, qc}
}

// uni opens a unidirectional stream and writes b.
func (p *visitor) uni(b string) *quic.SendStream {
	p.t.Helper()
	str, err := p.qc.OpenUniStream()
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := io.WriteString(str, b); err != nil {
		p.t.Fatal(err)
	}
	return str
}

// bidi opens a request stream, writes b and, if asked to, ends it.
func (p *visitor) bidi(b string, end bool) *quic.Stream {
	p.t.Helper()
	str, err := p.qc.OpenStream()
	if err != nil {
		p.t.Fatal(err)
	}
	var stopped *quic.StreamError // the rest is not wanted: the answer says why
	if _, err := io.WriteString(str, b); err != nil && !errors.As(err, &stopped) {
		p.t.Fatal(err)
	}
	if end {
		_ = str.Close()
	}
	return str
}

// frame is the bytes of a frame.
func frame(t frameType, payload string) string {
	return string(appendFrame(nil, t, len(payload))) + payload
}

// section is a field section of literals, as the reference encoder writes it.
func section(fields ...string) string {
	var b strings.Builder
	e := qpack.NewEncoder(&b)
	for i := 0; i+1 < len(fields); i += 2 {
		if err := e.WriteField(qpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
			panic(err)
		}
	}
	return b.String()
}

// head is a HEADERS frame of just these fields.
func head(fields ...string) string { return frame(frameHeaders, section(fields...)) }

// get is the HEADERS of a request with these fields more.
func get(method, path string, fields ...string) string {
	return head(append([]string{":method", method, ":scheme", "https", ":authority", "a", ":path", path}, fields...)...)
}

// reply is what came back on a stream.
type reply struct {
	interim []string
	status  string
	fields  []string // name: value
	body    string
	code    Code // of a reset, or of the connection's end
	conn    bool
	err     error
}

func (a *reply) String() string {
	switch {
	case a.conn:
		return "conn " + a.code.String()
	case a.code != 0:
		return "reset " + a.code.String()
	case a.err != nil:
		return a.err.Error()
	}
	return a.status
}

func (a *reply) field(name string) string {
	for _, f := range a.fields {
		if v, ok := strings.CutPrefix(f, name+": "); ok {
			return v
		}
	}
	return ""
}

// ended notes why a stream or connection ended.
func (a *reply) ended(err error) *reply {
	var s *quic.StreamError
	var c *quic.ApplicationError
	switch {
	case errors.As(err, &c):
		a.code, a.conn = Code(c.ErrorCode), true
	case errors.As(err, &s):
		a.code = Code(s.ErrorCode)
	}
	a.err = err
	return a
}

// readAnswer reads a stream to its end.
func readAnswer(str *quic.Stream) *reply {
	a := new(reply)
	_ = str.SetReadDeadline(time.Now().Add(10 * time.Second))
	in := &source{from: str}
	for {
		t, n, err := in.header()
		if errors.Is(err, io.EOF) {
			return a
		}
		if err != nil {
			return a.ended(err)
		}
		payload, err := in.take(int(n))
		if err != nil {
			return a.ended(err)
		}
		switch t {
		case frameData:
			a.body += string(payload)
		case frameHeaders:
			if a.status != "" {
				a.interim = append(a.interim, a.status)
			}
			next := qpack.NewDecoder().Decode(append([]byte(nil), payload...))
			for i := 0; ; i++ {
				f, err := next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					a.err = fmt.Errorf("section: %w", err)
					return a
				}
				if i == 0 {
					a.status = f.Value
				} else {
					a.fields = append(a.fields, f.Name+": "+f.Value)
				}
			}
		default:
			a.err = fmt.Errorf("frame %x", t)
			return a
		}
	}
}

// ask sends a request without a body and reads its answer.
func (p *visitor) ask(b string) *reply { return readAnswer(p.bidi(b, true)) }

// settings is a control stream that says what it must.
const settings = "\x00\x04\x00"

// echo answers with what it was asked, in the order of the fields.
func echo(_ context.Context, rq *httpmsg.Request, w engine.Writer, _ bool) func() {
	return func() {
		text := fmt.Sprintf("%s %s %s %s %s %s", rq.Method, rq.Scheme, rq.Host, rq.Path, rq.Query, rq.Proto)
		for _, f := range rq.Header.Fields() {
			text += "\n" + f.Name + "=" + f.Value
		}
		if rq.Body != nil {
			b, err := io.ReadAll(rq.Body)
			text += fmt.Sprintf("\n%d %q %v", rq.ContentLength, b, err)
		}
		rs := &httpmsg.Response{Status: 200, ContentLength: -1}
		rs.Header.Add("X-A", "b")
		_ = w.Whole(rs, [][]byte{[]byte(text)}, nil)
	}
}
