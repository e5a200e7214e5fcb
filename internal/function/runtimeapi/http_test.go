// SPDX-License-Identifier: Apache-2.0

package runtimeapi

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is a runtime client that says exactly what a test writes.
type peer struct {
	t  *testing.T
	c  net.Conn
	br *bufio.Reader
}

func listen(t *testing.T) (*Desk, *Server, func() *peer) {
	d := NewDesk()
	s, err := Listen(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return d, s, func() *peer {
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return &peer{t, c, bufio.NewReader(c)}
	}
}

func (p *peer) send(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.c, format, args...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) reply(status int, body string) *http.Response {
	p.t.Helper()
	r, err := http.ReadResponse(p.br, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != status || !strings.Contains(string(b), body) {
		p.t.Fatalf("got %d %q, %v; want %d %q", r.StatusCode, b, err, status, body)
	}
	return r
}

const (
	nextLine = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"
	callPath = "POST /2018-06-01/runtime/invocation/"
)

func call(id, payload string) *Call {
	c := NewCall()
	c.ID, c.ARN, c.Payload, c.Deadline = id, "arn:f", []byte(payload), time.UnixMilli(1234567)
	return c
}

func TestL1Conversation(t *testing.T) {
	d, _, dial := listen(t)
	p := dial()
	p.send(nextLine)
	<-d.Ready()
	for i := range 3 {
		id := fmt.Sprint("id-", i)
		c := call(id, `{"n":1}`)
		c.TraceID, c.ClientContext, c.Identity = "Root=1\r\nEvil: yes", "{}", `{"a":1}`
		d.Send(c)
		r := p.reply(200, `{"n":1}`)
		for k, v := range map[string]string{ // L2
			"Lambda-Runtime-Aws-Request-Id": id, "Lambda-Runtime-Deadline-Ms": "1234567",
			"Lambda-Runtime-Invoked-Function-Arn": "arn:f", "Lambda-Runtime-Trace-Id": "Root=1Evil: yes",
			"Lambda-Runtime-Client-Context": "{}", "Lambda-Runtime-Cognito-Identity": `{"a":1}`,
			"Content-Type": "application/json", "Evil": "",
		} {
			if got := r.Header.Get(k); got != v {
				t.Errorf("%s: %q, want %q", k, got, v)
			}
		}
		p.send(callPath+"%s/response HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok", id)
		p.reply(202, `{"status":"OK"}`)
		if res := <-c.Done(); string(res.Payload) != "ok" || res.Failed {
			t.Errorf("result %+v", res)
		}
		p.send(nextLine)
	}
}

func TestL1Refusals(t *testing.T) {
	d, _, dial := listen(t)
	p := dial()
	p.send("POST /2018-06-01/runtime/invocation/none/response HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
	p.reply(400, "InvalidRequestID")
	p.send(nextLine)
	<-d.Ready()
	c := call("a", "1")
	d.Send(c)
	p.reply(200, "1")
	p.send(nextLine)
	p.reply(403, "InvalidStateTransition")
	p.send("POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
	p.reply(403, "InvalidStateTransition")
	p.send(callPath + "b/error HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
	p.reply(400, "InvalidRequestID")
	p.send("GET /2018-06-01/runtime/invocation/a/response HTTP/1.1\r\nHost: x\r\n\r\n")
	p.reply(405, "")
	p.send("GET /2020-01-01/extension/register HTTP/1.1\r\nHost: x\r\n\r\n")
	p.reply(404, "")
	p.send("GET /2018-06-01/nothing HTTP/1.1\r\nHost: x\r\n\r\n")
	p.reply(404, "")
	p.send(callPath + "a/error HTTP/1.1\r\nHost: x\r\nLambda-Runtime-Function-Error-Type: Own.Kind\r\nContent-Length: 2\r\n\r\n{}")
	p.reply(202, "")
	if res := <-c.Done(); !res.Failed || res.ErrorType != "Own.Kind" || string(res.Payload) != "{}" {
		t.Errorf("result %+v", res)
	}
	p.send(callPath + "a/response HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
	p.reply(400, "InvalidRequestID")
}

func TestL1InitError(t *testing.T) {
	d, _, dial := listen(t)
	p := dial()
	p.send("POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: x\r\nLambda-Runtime-Function-Error-Type: K\r\nContent-Length: 2\r\n\r\n{}")
	p.reply(202, "")
	if res := <-d.InitError(); res.ErrorType != "K" || string(res.Payload) != "{}" {
		t.Errorf("got %+v", res)
	}
}

func TestExpectContinue(t *testing.T) {
	d, _, dial := listen(t)
	p := dial()
	p.send(nextLine)
	<-d.Ready()
	c := call("a", "1")
	d.Send(c)
	p.reply(200, "1")
	p.send(callPath + "a/response HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	if line, err := p.br.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	if _, err := p.br.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	p.send("ok")
	p.reply(202, "")
	if res := <-c.Done(); string(res.Payload) != "ok" {
		t.Errorf("result %+v", res)
	}
}

func TestL4TooLarge(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		d, _, dial := listen(t)
		p := dial()
		p.send(nextLine)
		<-d.Ready()
		c := call("a", "1")
		d.Send(c)
		p.reply(200, "1")
		body := strings.Repeat("x", MaxPayload+1)
		if chunked {
			p.send(callPath+"a/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		} else {
			p.send(callPath+"a/response HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
		p.reply(413, "RequestEntityTooLarge")
		if res := <-c.Done(); !res.TooLarge || res.Size != MaxPayload+1 {
			t.Errorf("chunked %v: result TooLarge %v, size %d", chunked, res.TooLarge, res.Size)
		}
		p.send(nextLine) // the connection goes on
		next := call("b", "2")
		d.Send(next)
		p.reply(200, "2")
	}
}

// TestCallBeforeNext: a call that is sent early waits for the process.
func TestCallBeforeNext(t *testing.T) {
	d, _, dial := listen(t)
	p := dial()
	c := call("a", "1")
	d.Send(c)
	if d.Delivered(c) {
		t.Error("delivered to nobody")
	}
	p.send(nextLine)
	p.reply(200, "1")
	if !d.Delivered(c) {
		t.Error("not delivered")
	}
}

// TestCloseAfterNext: the clients of many languages ask for the end of the
// connection with every request.
func TestCloseAfterNext(t *testing.T) {
	d, _, dial := listen(t)
	p := dial()
	p.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	<-d.Ready()
	c := call("a", "1")
	d.Send(c)
	p.reply(200, "1")
	q := dial()
	q.send(callPath + "a/response HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
	q.reply(202, "OK")
	if res := <-c.Done(); string(res.Payload) != "ok" {
		t.Errorf("result %+v", res)
	}
}

// TestParkedConnectionCloses: the next one gets the call.
func TestParkedConnectionCloses(t *testing.T) {
	d, s, dial := listen(t)
	p := dial()
	p.send(nextLine)
	<-d.Ready()
	p.c.Close()
	for { // until the server has seen it
		s.mu.Lock()
		n := len(s.conns)
		s.mu.Unlock()
		if n == 0 {
			break
		}
		runtime.Gosched()
	}
	c := call("a", "1")
	d.Send(c)
	q := dial()
	q.send(nextLine)
	q.reply(200, "1")
}

func TestL10Stream(t *testing.T) {
	const head = callPath + "a/response HTTP/1.1\r\nHost: x\r\nLambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n"
	tests := []struct {
		name, request  string
		head, body     string
		failed, broken bool
	}{
		{
			"with a head", head + "Content-Type: " + streamType + "\r\n\r\n7\r\n{\"a\":1}\r\n3\r\n\x00\x00\x00\r\n9\r\n\x00\x00\x00\x00\x00body\r\n0\r\n\r\n",
			`{"a":1}`, "body", false, false,
		},
		{"raw", head + "\r\n4\r\nbody\r\n0\r\n\r\n", "", "body", false, false},
		{"a head without end", head + "Content-Type: " + streamType + "\r\n\r\n7\r\n{\"a\":1}\r\n0\r\n\r\n", "", `{"a":1}`, false, false},
		{
			"breaks", head + "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n4\r\nhalf\r\n0\r\n" +
				"Lambda-Runtime-Function-Error-Type: K\r\nLambda-Runtime-Function-Error-Body: e30=\r\n\r\n",
			"", "half", true, true,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, _, dial := listen(t)
			p := dial()
			p.send(nextLine)
			<-d.Ready()
			c := call("a", "1")
			c.Stream = true
			d.Send(c)
			p.reply(200, "1")
			p.send("%s", test.request)
			res := <-c.Done()
			if res.Stream == nil || string(res.Stream.Head) != test.head {
				t.Fatalf("result %+v", res)
			}
			body, err := io.ReadAll(res.Stream.Body)
			if string(body) != test.body || (err != nil) != test.broken {
				t.Errorf("body %q, %v", body, err)
			}
			if end := <-res.Stream.End; end.Failed != test.failed {
				t.Errorf("end %+v", end)
			}
			p.reply(202, "")
		})
	}
}

func TestStreamBreaksWithTheProcess(t *testing.T) {
	d, _, dial := listen(t)
	p := dial()
	p.send(nextLine)
	<-d.Ready()
	c := call("a", "1")
	c.Stream = true
	d.Send(c)
	p.reply(200, "1")
	p.send(callPath + "a/response HTTP/1.1\r\nHost: x\r\nLambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
	res := <-c.Done()
	b := make([]byte, 4)
	if _, err := io.ReadFull(res.Stream.Body, b); err != nil {
		t.Fatal(err)
	}
	d.Close(io.ErrUnexpectedEOF)
	if _, err := res.Stream.Body.Read(b); err == nil || err == io.EOF {
		t.Errorf("got %v", err)
	}
}
