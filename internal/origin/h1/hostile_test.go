// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"errors"
	"net"
	"strings"
	"testing"
)

const ok = "HTTP/1.1 200 OK\r\n"

// TestAnswers is the table of what an origin may say. kept: the connection
// rests afterwards.
func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		name, method, in, want string
		kept                   bool
	}{
		{"counted", "GET", ok + "Content-Length: 5\r\n\r\nhello", `200 "hello"`, true},
		{"nothing", "GET", ok + "Content-Length: 0\r\n\r\n", `200 none`, true},
		{"no reason", "GET", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", `200 none`, true},
		{"no space before no reason", "GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", `200 none`, true},
		{"bytes beyond ASCII", "GET", "HTTP/1.1 200 s\xfcr\r\nX: \xe9\r\nContent-Length: 0\r\n\r\n", "200 X=\xe9 none", true},
		{"white space around a value", "GET", ok + "X: \t a b \t\r\nContent-Length: 0\r\n\r\n", "200 X=a b none", true},
		{"no value", "GET", ok + "X:\r\nContent-Length: 0\r\n\r\n", "200 X= none", true},
		{"order and spelling stay", "GET", ok + "b: 1\r\nETag: 2\r\nA: 3\r\nb: 4\r\nContent-Length: 0\r\n\r\n", "200 b=1 ETag=2 A=3 b=4 none", true},
		{"chunked", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", `200 "hello"`, true},
		{"chunked in capitals", "GET", ok + "transfer-encoding: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n", `200 "0123456789"`, true},
		{"chunks with extensions and filling", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3  \r\nllo\r\n000\r\n\r\n", `200 "hello"`, true},
		{"trailers are dropped", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n", `200 "a"`, true},
		{"until close", "GET", ok + "\r\nhello", `200 "hello"`, false},
		{"HTTP/1.0 until close", "GET", "HTTP/1.0 200 OK\r\n\r\nhello", `200 "hello"`, false},
		{"HTTP/1.0 counted", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhe", `200 "he"`, false},
		{"HTTP/1.0 kept alive", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhe", `200 Connection=keep-alive "he"`, true},
		{"close", "GET", ok + "Connection: x, Close\r\nContent-Length: 2\r\n\r\nhe", `200 Connection=x, Close "he"`, false},
		{"HEAD", "HEAD", ok + "Content-Length: 5\r\n\r\n", `200 none`, true},
		{"HEAD of chunks", "HEAD", ok + "Transfer-Encoding: chunked\r\n\r\n", `200 none`, true},
		{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", `204 none`, true},
		{"204 with a length", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc", `204 none`, false},
		{"304 with a length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\nETag: \"x\"\r\n\r\n", `304 ETag="x" none`, true},
		{"interim answers", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 1\r\n\r\na", `200 "a"`, true},
		{"more than announced", "GET", ok + "Content-Length: 2\r\n\r\nhello", `200 "he"`, false},
		{"a second answer unasked", "GET", ok + "Content-Length: 0\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n", `200 none`, false},
		{"less than announced", "GET", ok + "Content-Length: 9\r\nConnection: close\r\n\r\nhello", `200 Connection=close "hello" error: unexpected EOF`, false},
		{"chunks that break off", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", `200 "hel" error: unexpected EOF`, false},
		{"chunks without their end", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", `200 "hello" error: unexpected EOF`, false},

		{"silence", "GET", "", "error: EOF", false},
		{"half a head", "GET", ok + "Content-Le", "error: unexpected EOF", false},
		{"no HTTP", "GET", "SSH-2.0-x\r\n", "status-line", false},
		{"HTTP/2", "GET", "HTTP/2 200\r\n\r\n", "status-line", false},
		{"HTTP/1.2", "GET", "HTTP/1.2 200 OK\r\n\r\n", "status-line", false},
		{"lower case version", "GET", "http/1.1 200 OK\r\n\r\n", "status-line", false},
		{"two digits", "GET", "HTTP/1.1 20 OK\r\n\r\n", "status-line", false},
		{"four digits", "GET", "HTTP/1.1 2000 OK\r\n\r\n", "status-line", false},
		{"a sign", "GET", "HTTP/1.1 +20 OK\r\n\r\n", "status-line", false},
		{"two spaces", "GET", "HTTP/1.1  200 OK\r\n\r\n", "status-line", false},
		{"a status below 100", "GET", "HTTP/1.1 099 OK\r\n\r\n", "status", false},
		{"a status of 600", "GET", "HTTP/1.1 600 OK\r\n\r\n", "status", false},
		{"101 unasked", "GET", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n", "status", false},
		{"control byte in the reason", "GET", "HTTP/1.1 200 O\x00K\r\n\r\n", "field-value", false},
		{"an empty line first", "GET", "\r\n" + ok + "\r\n", "status-line", false},
		{"bare LF in the status line", "GET", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", "bare-lf", false},
		{"bare LF in a field", "GET", ok + "X: a\nContent-Length: 0\r\n\r\n", "bare-lf", false},
		{"bare LF at the end", "GET", ok + "X: a\r\n\n", "bare-lf", false},
		{"bare CR in a value", "GET", ok + "X: a\rContent-Length: 0\r\n\r\n", "field-value", false},
		{"bare CR at a line's end", "GET", ok + "X: a\r\r\n\r\n", "field-value", false},
		{"obs-fold", "GET", ok + "X: a\r\n b\r\n\r\n", "fold", false},
		{"obs-fold with a tab", "GET", ok + "X: a\r\n\tContent-Length: 1\r\n\r\n", "fold", false},
		{"white space before the first field", "GET", ok + " X: a\r\n\r\n", "fold", false},
		{"space before the colon", "GET", ok + "Content-Length : 5\r\n\r\nhello", "field-name", false},
		{"tab before the colon", "GET", ok + "Transfer-Encoding\t: chunked\r\n\r\n", "field-name", false},
		{"no colon", "GET", ok + "X\r\n\r\n", "field-name", false},
		{"no name", "GET", ok + ": x\r\n\r\n", "field-name", false},
		{"space in a name", "GET", ok + "X Y: z\r\n\r\n", "field-name", false},
		{"byte beyond ASCII in a name", "GET", ok + "X\xe9: z\r\n\r\n", "field-name", false},
		{"NUL in a value", "GET", ok + "X: a\x00b\r\n\r\n", "field-value", false},
		{"NUL far in a value", "GET", ok + "X: 0123456789abc\x00b\r\n\r\n", "field-value", false},
		{"DEL in a value", "GET", ok + "X: 0123456789abcde\x7f\r\n\r\n", "field-value", false},
		{"two lengths", "GET", ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "content-length", false},
		{"a length twice", "GET", ok + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "content-length", false},
		{"a list of lengths", "GET", ok + "Content-Length: 5, 5\r\n\r\nhello", "content-length", false},
		{"a length with a sign", "GET", ok + "Content-Length: +5\r\n\r\nhello", "content-length", false},
		{"a negative length", "GET", ok + "Content-Length: -1\r\n\r\nhello", "content-length", false},
		{"a hex length", "GET", ok + "Content-Length: 0x5\r\n\r\nhello", "content-length", false},
		{"no length", "GET", ok + "Content-Length:\r\n\r\nhello", "content-length", false},
		{"a length that overflows", "GET", ok + "Content-Length: 18446744073709551621\r\n\r\nhello", "content-length", false},
		{"TE and CL", "GET", ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "framing", false},
		{"TE and CL of nothing", "GET", ok + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", "framing", false},
		{"an unknown coding", "GET", ok + "Transfer-Encoding: gzip\r\n\r\n", "transfer-encoding", false},
		{"a coding before chunked", "GET", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", "transfer-encoding", false},
		{"chunked twice", "GET", ok + "Transfer-Encoding: chunked, chunked\r\n\r\n", "transfer-encoding", false},
		{"two fields of codings", "GET", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "transfer-encoding", false},
		{"identity", "GET", ok + "Transfer-Encoding: identity\r\n\r\nx", "transfer-encoding", false},
		{"chunked with a vertical tab", "GET", ok + "Transfer-Encoding: \x0bchunked\r\n\r\n", "field-value", false},
		{"chunked with a parameter", "GET", ok + "Transfer-Encoding: chunked;a=b\r\n\r\n", "transfer-encoding", false},
		{"chunked on HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "transfer-encoding", false},
		{"a head without end", "GET", ok + strings.Repeat("X: 0123456789\r\n", 2000), "exceeded", false},
		{"a line without end", "GET", ok + "X: " + strings.Repeat("x", 30000), "exceeded", false},
		{"a status line without end", "GET", "HTTP/1.1 200 " + strings.Repeat("x", 30000), "exceeded", false},
		{"too many fields", "GET", ok + strings.Repeat("a:\r\n", maxFields+1) + "\r\n", "exceeded", false},
		{"interim answers without end", "GET", strings.Repeat("HTTP/1.1 103 x\r\n\r\n", maxInterim+1), "interim", false},
		{"an empty chunk size", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n", `200 "" error: origin: malformed HTTP response: chunk`, false},
		{"a chunk size with a sign", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n", `200 "" error: origin: malformed HTTP response: chunk`, false},
		{"a negative chunk size", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", `200 "" error: origin: malformed HTTP response: chunk`, false},
		{"0x in a chunk size", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", `200 "" error: origin: malformed HTTP response: chunk`, false},
		{"a space before a chunk size", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n", `200 "" error: origin: malformed HTTP response: chunk`, false},
		{"a chunk size that overflows", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n", `200 "" error: origin: malformed HTTP response: chunk`, false},
		{"a chunk size that ends in LF", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", `200 "" error: origin: malformed HTTP response: chunk`, false},
		{"white space before an extension", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n5 ;a\r\nhello\r\n0\r\n\r\n", `200 "" error: origin: malformed HTTP response: chunk`, false},
		{"a chunk longer than its size", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n", `200 "hell" error: origin: malformed HTTP response: chunk`, false},
		{"a chunk that ends in LF", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n", `200 "hello" error: origin: malformed HTTP response: chunk`, false},
		{"a control byte in an extension", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n5;\x01\r\nhello\r\n0\r\n\r\n", `200 "" error: origin: malformed HTTP response: chunk`, false},
		{"a long extension", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n5;" + strings.Repeat("x", 2000) + "\r\nhello\r\n0\r\n\r\n", `200 "" error: origin: malformed HTTP response: chunk`, false},
		{"more coding than data", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("x", 500)+"\r\na\r\n", 100), `error: origin: malformed HTTP response: chunk`, false},
		{"a bad trailer", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nX : y\r\n\r\n", `200 "" error: origin: malformed HTTP response: trailer`, false},
		{"trailers without end", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("X: 0123456789\r\n", 2000), `200 "" error: origin: malformed HTTP response: trailer`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cl := peer(t, func(n int, c net.Conn) {
				if n > 0 {
					return
				}
				buf := make([]byte, 4096)
				_, _ = c.Read(buf)
				_, _ = c.Write([]byte(tt.in))
				if tc, ok := c.(*net.TCPConn); ok && !tt.kept {
					_ = tc.CloseWrite()
				}
				_, _ = c.Read(buf) // until the other side ends
			})
			got := outcome(t.Context(), cl, request(tt.method))
			if !strings.Contains(got, tt.want) {
				t.Errorf("got  %.200s\nwant %s", got, tt.want)
			}
			if n := resting(cl); n != 0 != tt.kept {
				t.Errorf("%d connections rest", n)
			}
		})
	}
}

func TestRequestsThatCannotBeWritten(t *testing.T) {
	cl := &Client{}
	for _, tt := range []struct {
		name   string
		change func(rq *changed)
	}{
		{"method", func(rq *changed) { rq.Method = "GE T" }},
		{"no method", func(rq *changed) { rq.Method = "" }},
		{"space in the path", func(rq *changed) { rq.Path = "/a b" }},
		{"line end in the path", func(rq *changed) { rq.Path = "/a\r\nX: y" }},
		{"no path", func(rq *changed) { rq.Path = "" }},
		{"line end in the query", func(rq *changed) { rq.Query = "\n" }},
		{"line end in the host", func(rq *changed) { rq.Host = "a\r\nX: y" }},
		{"line end in a value", func(rq *changed) { rq.Header.Add("X", "a\r\nY: z") }},
		{"NUL in a value", func(rq *changed) { rq.Header.Add("X", "0123456789\x00") }},
		{"space in a name", func(rq *changed) { rq.Header.Add("X ", "y") }},
		{"no name", func(rq *changed) { rq.Header.Add("", "y") }},
		{"a length of its own", func(rq *changed) { rq.Header.Add("content-length", "5") }},
		{"a coding of its own", func(rq *changed) { rq.Header.Add("Transfer-Encoding", "chunked") }},
		{"a second host", func(rq *changed) { rq.Header.Add("host", "x") }},
	} {
		rq := request("GET")
		tt.change(rq)
		var f *Fault
		if err := cl.Do(t.Context(), rq, &answer{}, nil); !errors.As(err, &f) || f.Why != FaultRequest {
			t.Errorf("%s: error %v", tt.name, err)
		}
	}
}
