// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

const path = "/relay"

// Relay answers questions from the node's own cache and origins. An error that
// wraps ErrRefused comes before Writer.Head.
type Relay interface {
	Relay(ctx context.Context, q *Question, w *Writer) error
}

// Writer takes the answer to one question.
type Writer struct {
	rc   *http.ResponseController
	w    http.ResponseWriter
	sent bool
}

// Take says that the question is taken. It comes before anything that may wait.
func (w *Writer) Take() error {
	w.sent = true
	w.w.WriteHeader(http.StatusOK)
	return w.rc.Flush()
}

// Head sends the head.
func (w *Writer) Head(h *Head) error { return writeHead(w.w, h) }

// Write sends a piece of the body.
func (w *Writer) Write(p []byte) (int, error) { return w.w.Write(p) }

// Flush sends what is buffered.
func (w *Writer) Flush() error { return w.rc.Flush() }

// Abort breaks the answer off, so that the asking node notices.
func (w *Writer) Abort() { panic(http.ErrAbortHandler) }

// Server takes the questions of peers. Make it with Serve.
type Server struct {
	http http.Server
	ln   net.Listener
	done chan struct{}
}

// Serve begins to answer on ln, which it closes at the end. Only nodes with a
// certificate of id's authority are answered. Without a Relay no questions are
// taken, and without a Porter no errands.
func Serve(ln net.Listener, id Identity, r Relay, e Porter) *Server {
	p := new(http.Protocols)
	p.SetHTTP2(true)
	s := &Server{ln: ln, done: make(chan struct{})}
	s.http = http.Server{
		Protocols: p, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, rq *http.Request) { serve(r, e, w, rq) }),
		HTTP2:   &http.HTTP2Config{MaxConcurrentStreams: 1000},
		// Strangers that knock are not worth a line each.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(tls.NewListener(ln, id.server()))
	}()
	return s
}

// Addr is where it listens.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Close ends what is under way until ctx does.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	return err
}

func serve(r Relay, e Porter, w http.ResponseWriter, rq *http.Request) {
	switch {
	case rq.Method == http.MethodPost && rq.URL.Path == errandPath && e != nil:
		serveErrand(e, w, rq)
	case rq.Method == http.MethodPost && rq.URL.Path == path && r != nil:
		serveQuestion(r, w, rq)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func serveQuestion(r Relay, w http.ResponseWriter, rq *http.Request) {
	var q Question
	b, err := io.ReadAll(http.MaxBytesReader(w, rq.Body, mostHead))
	if err == nil {
		err = json.Unmarshal(b, &q)
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	to := &Writer{rc: http.NewResponseController(w), w: w}
	finish(to, w, r.Relay(rq.Context(), &q, to))
}

// finish says what became of a question or an errand.
func finish(to *Writer, w http.ResponseWriter, err error) {
	switch {
	case err == nil:
	case to.sent:
		to.Abort()
	case errors.Is(err, ErrRefused):
		w.WriteHeader(http.StatusConflict)
	default:
		w.WriteHeader(http.StatusInternalServerError)
	}
}
