// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/forelane/forelane/internal/origin"
)

// origin sets what an origin answers: a section, or a fault.
func (s *script) origin(a []string) {
	o := s.originNamed(a[0])
	o.mu.Lock()
	defer o.mu.Unlock()
	next, times := a[1], -1
	for _, w := range a[2:] {
		n, ok := strings.CutPrefix(w, "times=")
		if !ok {
			s.fatalf("unknown option %q", w)
		}
		var err error
		if times, err = strconv.Atoi(n); err != nil {
			s.fatalf("%v", err)
		}
	}
	if times > 0 {
		o.then = o.reply
	}
	o.reply, o.times = next, times
}

func (s *script) originNamed(name string) *scriptedOrigin {
	if s.org[name] == nil {
		s.org[name] = &scriptedOrigin{s: s, times: -1}
	}
	return s.org[name]
}

// roundTrip answers one request. A section is a status line, fields, an empty
// line and the body. These fields are the runner's own: Test-Chunked hides the
// length, Test-Break cuts the body off after it, Test-Path PATH SECTION sends
// requests for a path elsewhere, Test-Interim STATUS LINK comes before,
// Test-Echo agrees to a WebSocket.
func (o *scriptedOrigin) roundTrip(rq *http.Request) (*http.Response, error) {
	o.mu.Lock()
	gate, reply := o.gate, o.reply
	if o.times > 0 {
		if o.times--; o.times == 0 {
			o.reply, o.times = o.then, -1
		}
	}
	o.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-rq.Context().Done():
			return nil, rq.Context().Err()
		}
	}
	if err := originFault(reply); err != nil {
		return nil, err
	}
	switch reply {
	case "down":
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	case "timeout":
		select {
		case <-time.After(30 * time.Second):
		case <-rq.Context().Done():
		}
		return nil, os.ErrDeadlineExceeded
	}
	text, ok := o.s.text[reply]
	if !ok {
		return nil, errors.New("the script has no section " + reply)
	}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Test-Path:" && f[1] == rq.URL.EscapedPath() {
			text = o.s.text[f[2]]
		}
	}
	return parseReply(text, rq)
}

// originFault is what a transport says of one of the faults of the network.
func originFault(name string) error {
	switch name {
	case "no-name":
		return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "o.example.com", IsNotFound: true}}
	case "connect-timeout":
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	case "reset":
		return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	case "write-reset":
		return &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.EPIPE)}
	case "hangs-up":
		return io.EOF
	case "malformed":
		return &origin.Fault{}
	case "long-head":
		return &origin.Fault{Why: origin.FaultHead}
	}
	return nil
}

func parseReply(text string, rq *http.Request) (*http.Response, error) {
	head, body, _ := strings.Cut(text, "\n\n")
	body = strings.TrimSuffix(body, "\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	status, err := strconv.Atoi(strings.Fields(lines[0])[1])
	if err != nil {
		return nil, err
	}
	rs := answer(status, body)
	chunked, broken := false, false
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ":")
		value = strings.TrimSpace(value)
		switch name {
		case "Test-Chunked":
			chunked = true
		case "Test-Break":
			broken = true
		case "Test-Path":
		case "Test-Echo":
			echoSocket(rs, rq)
		case "Test-Interim":
			code, link, _ := strings.Cut(value, " ")
			n, err := strconv.Atoi(code)
			if err != nil {
				return nil, err
			}
			if tr := httptrace.ContextClientTrace(rq.Context()); tr != nil {
				if err := tr.Got1xxResponse(n, textproto.MIMEHeader{"Link": {link}}); err != nil {
					return nil, err
				}
			}
		case "ETag":
			rs.Header.Add(name, value)
			rs.Header["Etag"] = []string{value}
			delete(rs.Header, "ETag")
			if rq.Header.Get("If-None-Match") == value && status == 200 {
				rs.StatusCode, rs.ContentLength, rs.Body = 304, 0, http.NoBody
				broken, chunked = false, false
			}
		default:
			rs.Header.Add(name, value)
		}
	}
	if chunked {
		rs.ContentLength = -1
	}
	if broken {
		rs.Body = io.NopCloser(io.MultiReader(strings.NewReader(body), brokenReader{}))
		if !chunked {
			rs.ContentLength += 10
		}
	}
	return rs, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
