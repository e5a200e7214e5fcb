// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
	"time"
)

// intended is the written list of answers that net/http takes and this package
// does not. What this package takes, net/http takes, and understands the same.
var intended = map[Why]string{
	FaultStatusLine: "versions such as HTTP/1.7; net/http looks for a form, not for the two that there are",
	FaultStatus:     "statuses below 100 and beyond 599, for which viewers have no class; 101 unasked",
	FaultBareLF:     "a value with a line end in it is how one answer becomes two",
	FaultFold:       "RFC 9112 5.2 lets a proxy refuse it with 502 or repair it",
	FaultName:       "names with spaces in them",
	FaultValue:      "control bytes in values and in the reason",
	FaultLength:     "equal lengths twice, which RFC 9110 8.6 lets a recipient repair; lengths beyond 18 digits",
	FaultCoding:     "a coding on HTTP/1.0, which RFC 9112 6.1 calls faulty framing; net/http ignores it",
	FaultFraming:    "RFC 9112 6.3: it ought to be handled as an error",
	FaultInterim:    "net/http's Transport has such a bound, ReadResponse has not",
	FaultHead:       "net/http's Transport has such a bound, ReadResponse has not",
	FaultChunk:      "lines that end in LF; control bytes in extensions; sizes of 16 digits",
	FaultTrailer:    "what is refused in a head is refused here",
}

// piecewise is a connection that gives its bytes in pieces of a size.
type piecewise struct {
	net.Conn // not there: what is not written below is not called
	in       []byte
	size     int
}

func (c *piecewise) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.in[:min(c.size, len(c.in))])
	c.in = c.in[n:]
	return n, nil
}

func (c *piecewise) Write(p []byte) (int, error)      { return len(p), nil }
func (c *piecewise) Close() error                     { return nil }
func (c *piecewise) SetReadDeadline(time.Time) error  { return nil }
func (c *piecewise) SetWriteDeadline(time.Time) error { return nil }

// ours is what this package makes of in.
func ours(t *testing.T, in []byte, size int, method string) (text string, fault error) {
	cl := &Client{Read: time.Minute, Dial: func(context.Context, bool) (net.Conn, error) {
		return &piecewise{in: in, size: size}, nil
	}}
	var rs answer
	if err := cl.Do(t.Context(), request(method), &rs, nil); err != nil {
		return "", err
	}
	h := toMap(&rs)
	if rs.Body == nil {
		return fmt.Sprintf("%d %v %q", rs.Status, h, ""), nil
	}
	b, err := io.ReadAll(rs.Body)
	return fmt.Sprintf("%d %v %q", rs.Status, h, b), err
}

func toMap(rs *answer) http.Header {
	h := http.Header{}
	for _, f := range rs.Header.Fields() {
		h.Add(f.Name, f.Value)
	}
	return forget(h)
}

// forget leaves out what is understood and not shown, on either side.
func forget(h http.Header) http.Header {
	for _, n := range []string{"Content-Length", "Transfer-Encoding", "Trailer"} {
		h.Del(n)
	}
	return h
}

// theirs is what net/http makes of in.
func theirs(in []byte, method string) (text string, fault error) {
	r := bufio.NewReader(bytes.NewReader(in))
	for {
		rs, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return "", err
		}
		if rs.StatusCode >= 100 && rs.StatusCode < 200 && rs.StatusCode != 101 {
			continue
		}
		b, err := io.ReadAll(rs.Body)
		return fmt.Sprintf("%d %v %q", rs.StatusCode, forget(rs.Header), b), err
	}
}

func seeds(f *testing.F) {
	for _, in := range []string{
		hello, ok + "\r\nhello", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhe",
		ok + "Transfer-Encoding: chunked\r\nX: a\r\nx: b\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.1 103 x\r\nLink: y\r\n\r\nHTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
		"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", ok + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
		ok + "X: a\r\n b\r\n\r\n", "HTTP/1.1 200\r\n\r\n", ok + "A: \xe9\t\r\n\r\n",
	} {
		for i, method := range []string{"GET", "HEAD"} {
			f.Add([]byte(in), uint8(i+1), method == "HEAD")
			f.Add([]byte(in), uint8(200), method == "HEAD")
		}
	}
}

// FuzzAnswer: what is taken here is taken by net/http, and means the same; what
// is refused here alone is on the list. How the bytes were cut does not matter.
func FuzzAnswer(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte, size uint8, head bool) {
		method := "GET"
		if head {
			method = "HEAD"
		}
		got, err := ours(t, in, len(in)+1, method)
		if cut, err2 := ours(t, in, int(size)+1, method); cut != got || (err == nil) != (err2 == nil) {
			if !bodyFault(err, err2) {
				t.Fatalf("whole %s, %v\nin pieces of %d %s, %v", got, err, size+1, cut, err2)
			}
		}
		want, err2 := theirs(in, method)
		var fault *Fault
		switch {
		case errors.As(err, &fault):
			if err2 == nil && intended[fault.Why] == "" {
				t.Fatalf("refused for %v; net/http: %s", fault.Why, want)
			}
		case err != nil && err2 == nil:
			t.Fatalf("error %v; net/http: %s", err, want)
		case err == nil && err2 != nil:
			t.Fatalf("taken as %s; net/http: %v", got, err2)
		case err == nil && got != want:
			t.Fatalf("taken as %s\nnet/http  %s", got, want)
		}
	})
}

// bodyFault tells that both fail the same way: how much of a broken body comes
// before its fault may depend on the reads.
func bodyFault(a, b error) bool { return a != nil && b != nil && a.Error() == b.Error() }

// FuzzChunks: any body that is cut into chunks comes out as it was.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("hello"), uint8(2), uint8(3))
	f.Add([]byte(strings.Repeat("x", 9000)), uint8(255), uint8(7))
	f.Fuzz(func(t *testing.T, body []byte, chunk, size uint8) {
		var in bytes.Buffer
		in.WriteString(ok + "Transfer-Encoding: chunked\r\n\r\n")
		w := httputil.NewChunkedWriter(&in)
		for rest := body; len(rest) > 0; {
			n := min(int(chunk)+1, len(rest))
			_, _ = w.Write(rest[:n])
			rest = rest[n:]
		}
		_ = w.Close()
		in.WriteString("\r\n")
		got, err := ours(t, in.Bytes(), int(size)+1, "GET")
		if want := fmt.Sprintf("200 map[] %q", body); err != nil || got != want {
			t.Fatalf("%s, %v", got, err)
		}
	})
}
