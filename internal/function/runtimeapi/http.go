// SPDX-License-Identifier: Apache-2.0

package runtimeapi

// The HTTP side: every process gets a listener of its own, because
// AWS_LAMBDA_RUNTIME_API is host:port and nothing else tells processes apart.
//
// The loop is not net/http's: a connection has one goroutine, which always
// reads. A GET …/next writes nothing but parks the connection at the desk; the
// caller that comes next writes the answer to it himself.

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

const (
	prefix = "/2018-06-01/runtime/"

	fieldErrorType = "Lambda-Runtime-Function-Error-Type"
	fieldErrorBody = "Lambda-Runtime-Function-Error-Body"
	fieldMode      = "Lambda-Runtime-Function-Response-Mode"

	maxRequestHead = 1<<20 + 64<<10 // the X-Ray cause may take a megabyte
)

// Server is the HTTP side of one process.
type Server struct {
	desk *Desk
	ln   net.Listener
	wg   sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil after Close
}

// Listen opens the Runtime API of a desk on a free port of the loopback.
func Listen(d *Desk) (*Server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("runtime API: %w", err)
	}
	s := &Server{desk: d, ln: ln, conns: map[net.Conn]struct{}{}}
	s.wg.Add(1)
	go s.accept()
	return s, nil
}

// Addr is the value of AWS_LAMBDA_RUNTIME_API.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Close closes the listener and its connections and waits for them.
func (s *Server) Close() {
	s.ln.Close()
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.conns = nil
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *Server) accept() {
	defer s.wg.Done()
	for {
		c, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.conns == nil {
			s.mu.Unlock()
			c.Close()
			return
		}
		s.conns[c] = struct{}{}
		s.wg.Add(1)
		s.mu.Unlock()
		go s.serve(c)
	}
}

func (s *Server) serve(nc net.Conn) {
	c := &conn{Conn: nc}
	defer func() {
		s.desk.unpark(c)
		nc.Close()
		s.mu.Lock()
		delete(s.conns, nc)
		s.mu.Unlock()
		s.wg.Done()
	}()
	limit := &io.LimitedReader{R: nc}
	br := bufio.NewReaderSize(limit, 4<<10)
	for {
		limit.N = maxRequestHead
		req, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		limit.N = 1 << 62
		if strings.EqualFold(req.Header.Get("Expect"), "100-continue") {
			if !c.write([]byte("HTTP/1.1 100 Continue\r\n\r\n")) {
				return
			}
		}
		s.route(c, req)
		// The rest of a body must go before the next request can be read. Who
		// asked for work and for the end of the connection in one gets the work
		// first: he ends it himself.
		if _, err := io.Copy(io.Discard, req.Body); err != nil || req.Close && req.Method != http.MethodGet {
			return
		}
	}
}

// conn is one connection of a process; deliver and the replies take turns.
type conn struct {
	net.Conn
	mu  sync.Mutex
	buf []byte
}

func (c *conn) write(b []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.Write(b)
	return err == nil
}

func (c *conn) deliver(call *Call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := append(c.buf[:0], "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"...)
	b = appendField(b, "Lambda-Runtime-Aws-Request-Id", call.ID)
	b = append(b, "Lambda-Runtime-Deadline-Ms: "...)
	b = strconv.AppendInt(b, call.Deadline.UnixMilli(), 10)
	b = append(b, "\r\n"...)
	b = appendField(b, "Lambda-Runtime-Invoked-Function-Arn", call.ARN)
	b = appendField(b, "Lambda-Runtime-Trace-Id", call.TraceID)
	b = appendField(b, "Lambda-Runtime-Client-Context", call.ClientContext)
	b = appendField(b, "Lambda-Runtime-Cognito-Identity", call.Identity)
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(len(call.Payload)), 10)
	b = append(b, "\r\n\r\n"...)
	b = append(b, call.Payload...)
	if cap(b) <= 1<<20 {
		c.buf = b
	}
	_, err := c.Write(b)
	return err
}

// appendField writes a field; an empty one is left out, and a value cannot
// break out of its line.
func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, name...)
	b = append(b, ": "...)
	for i := range len(value) {
		if ch := value[i]; ch != '\r' && ch != '\n' && ch != 0 {
			b = append(b, ch)
		}
	}
	return append(b, "\r\n"...)
}

func (c *conn) reply(status int, body string) {
	b := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), len(body), body)
	c.write(b)
}

const accepted = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n"

func (c *conn) refuse(no refusal) {
	if no == refuseID {
		c.reply(http.StatusBadRequest, `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`)
		return
	}
	c.reply(http.StatusForbidden, `{"errorMessage":"State transition is not allowed","errorType":"InvalidStateTransition"}`)
}

func (s *Server) route(c *conn, req *http.Request) {
	path, ok := strings.CutPrefix(req.URL.Path, prefix)
	id, verb, isCall := strings.Cut(strings.TrimPrefix(path, "invocation/"), "/")
	switch {
	case !ok:
		c.reply(http.StatusNotFound, `{"errorMessage":"this is the Runtime API 2018-06-01 and nothing else","errorType":"NotFound"}`)
	case path == "invocation/next" || path == "restore/next":
		s.next(c, req, path == "restore/next")
	case path == "init/error" || path == "restore/error":
		s.initError(c, req)
	case !isCall || !strings.HasPrefix(path, "invocation/"):
		c.reply(http.StatusNotFound, `{"errorMessage":"no such path","errorType":"NotFound"}`)
	case req.Method != http.MethodPost:
		c.reply(http.StatusMethodNotAllowed, `{"errorMessage":"POST is expected","errorType":"MethodNotAllowed"}`)
	case verb == "response":
		s.response(c, req, id)
	case verb == "error":
		s.failed(c, req, id)
	default:
		c.reply(http.StatusNotFound, `{"errorMessage":"no such path","errorType":"NotFound"}`)
	}
}

func (s *Server) next(c *conn, req *http.Request, restore bool) {
	switch {
	case req.Method != http.MethodGet:
		c.reply(http.StatusMethodNotAllowed, `{"errorMessage":"GET is expected","errorType":"MethodNotAllowed"}`)
	case restore: // there is no snapshot: it is as if it were restored at once
		c.reply(http.StatusOK, "")
	case !s.desk.park(c):
		c.refuse(refuseState)
	}
}

func (s *Server) initError(c *conn, req *http.Request) {
	body, _, err := readBody(req)
	if err != nil {
		return
	}
	if no := s.desk.failInit(Result{Failed: true, ErrorType: req.Header.Get(fieldErrorType), Payload: body}); no != refuseNothing {
		c.refuse(no)
		return
	}
	c.write([]byte(accepted))
}

func (s *Server) failed(c *conn, req *http.Request, id string) {
	call, no := s.desk.claim(id)
	if no != refuseNothing {
		c.refuse(no)
		return
	}
	body, _, err := readBody(req)
	if err != nil {
		return
	}
	s.desk.finish(call, Result{Failed: true, ErrorType: req.Header.Get(fieldErrorType), Payload: body}, nil)
	c.write([]byte(accepted))
}

func (s *Server) response(c *conn, req *http.Request, id string) {
	call, no := s.desk.claim(id)
	if no != refuseNothing {
		c.refuse(no)
		return
	}
	if strings.EqualFold(req.Header.Get(fieldMode), "streaming") || (call.Stream && req.Header.Get("Content-Type") == streamType) {
		s.streamed(c, req, call)
		return
	}
	body, size, err := readBody(req)
	switch failed := trailerError(req); {
	case err != nil:
		return // the connection broke: the process is dying, or times out
	case failed != nil:
		s.desk.finish(call, *failed, nil)
	case size > MaxPayload:
		s.desk.finish(call, Result{TooLarge: true, Size: size}, nil)
		c.reply(http.StatusRequestEntityTooLarge, `{"errorMessage":"Exceeded maximum allowed payload size (`+strconv.Itoa(MaxPayload)+` bytes).","errorType":"RequestEntityTooLarge"}`)
		return
	default:
		s.desk.finish(call, Result{Payload: body, Size: size}, nil)
	}
	c.write([]byte(accepted))
}

func (s *Server) streamed(c *conn, req *http.Request, call *Call) {
	r := newRelay(s.desk, call, req.Header.Get("Content-Type"))
	_, err := io.Copy(r, req.Body)
	failed := trailerError(req)
	if err != nil && failed == nil {
		failed = &Result{
			Failed: true, ErrorType: "Runtime.TruncatedResponse",
			Payload: []byte(`{"errorMessage":"the connection broke before the answer was whole","errorType":"Runtime.TruncatedResponse"}`),
		}
	}
	r.close(failed, nil)
	c.write([]byte(accepted))
}

// readBody reads at most MaxPayload; of a larger body only the size is kept.
func readBody(req *http.Request) (body []byte, size int64, err error) {
	if n := req.ContentLength; n >= 0 && n <= MaxPayload {
		body = make([]byte, n)
		_, err = io.ReadFull(req.Body, body)
		return body, n, err
	}
	var b bytes.Buffer
	n, err := io.CopyN(&b, req.Body, MaxPayload+1)
	if err == nil {
		rest, err := io.Copy(io.Discard, req.Body)
		return nil, n + rest, err
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b.Bytes(), n, err
}

// trailerError is the error that a runtime reports behind a body.
func trailerError(req *http.Request) *Result {
	typ := req.Trailer.Get(fieldErrorType)
	if typ == "" {
		return nil
	}
	body, err := base64.StdEncoding.DecodeString(req.Trailer.Get(fieldErrorBody))
	if err != nil {
		body = []byte(`{"errorMessage":"the error could not be read","errorType":"Runtime.StreamError"}`)
	}
	return &Result{Failed: true, ErrorType: typ, Payload: body}
}
