// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Errands: an edge that has no gateway of its own gives a request for an API or
// a function URL to a node that has one, and gets what the gateway answers.
//
// POST /errand has the length of the Errand in four bytes, the Errand in JSON,
// and then the body. 200 is sent when the Errand is taken, before anything is
// asked; then the head of the answer and its body, as those of a Question. 409
// refuses, for the node has another revision. The body of the request is held
// back until the Errand is taken: so one that is refused, or that a dead node
// never saw, goes to the next node whole.
//
// A node that took an Errand and broke off before the head of its answer, or a
// silent one, may have done it: then only a request that changes nothing goes to
// another node.

const errandPath = "/errand"

// Errand is a request for a plane of another node.
type Errand struct {
	Stack    string // name
	Revision string // of the stack, which both must have
	// Method to Length are the request's as the edge would ask an origin; path and
	// query as they are sent.
	Method, Scheme, Host, Path, Query string
	Header                            http.Header
	Length                            int64  // of the body; -1: not known; 0: none
	Signer                            string `json:",omitempty"` // who the edge signs for, such as cloudfront.amazonaws.com
	Private                           bool   `json:",omitempty"` // it comes by the interface endpoint that the host names
	Trace                             string `json:",omitempty"` // traceparent of the edge's span
}

// Reply is what came of an Errand.
type Reply struct {
	ReplyHead
	From string // the node's name
	Body io.ReadCloser
}

// ReplyHead is the head of a Reply.
type ReplyHead struct {
	Status int
	Length int64 // of the body; -1: not known
	Header http.Header
}

// Errors of Carry.
var (
	// ErrNobody is why an errand was not done: no node could be asked.
	ErrNobody = errors.New("peer: no node with the role gateway answers")
	// ErrUncertain: a node has taken it, or may have, and broke off.
	ErrUncertain = errors.New("peer: the node broke off")
)

// awaitRevision is how long nodes that have another revision are asked again: a
// deploy reaches them one after another.
const (
	awaitRevision = 3 * time.Second
	revisionPause = 20 * time.Millisecond
)

// Carry gives an errand to one of the nodes, those that work first, in turn. It
// is ErrRefused when all of them stay at another revision.
func (s *Set) Carry(ctx context.Context, e *Errand, body io.Reader) (*Reply, error) {
	end := time.Now().Add(awaitRevision)
	for {
		r, err := s.carryOnce(ctx, e, body)
		if !errors.Is(err, ErrRefused) || time.Now().After(end) {
			return r, err
		}
		again := time.NewTimer(revisionPause)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return nil, context.Cause(ctx)
		}
	}
}

// carryOnce asks each node once at most.
func (s *Set) carryOnce(ctx context.Context, e *Errand, body io.Reader) (*Reply, error) {
	nodes := s.o.Members.Nodes()
	first := int(s.turn.Add(1) % uint64(max(len(nodes), 1)))
	var out []Node // left out by their health: the last resort
	result := ErrNobody
	try := func(n Node) (r *Reply, done bool, err error) {
		r, err = s.carry(ctx, n.Name, e, body)
		switch {
		case err == nil:
			s.health.worked(n.Name)
			s.n.asked.Add(1)
			return r, true, nil
		case ctx.Err() != nil:
			return nil, true, context.Cause(ctx)
		case errors.Is(err, ErrRefused):
			s.health.worked(n.Name)
			s.n.refused.Add(1)
			result = ErrRefused
			return nil, false, nil
		}
		s.n.failed.Add(1)
		if !errors.Is(err, errBroke) {
			s.health.failed(n.Name, time.Now())
		}
		s.o.Log.Warn("a node with the role gateway did not answer", "node", n.Name, "error", err)
		if (errors.Is(err, errBroke) || errors.Is(err, errSilent)) && !e.harmless() {
			return nil, true, fmt.Errorf("%w: %s: %w", ErrUncertain, n.Name, err)
		}
		return nil, false, nil
	}
	for i := range nodes {
		n := nodes[(first+i)%len(nodes)]
		if s.health.out(n.Name, time.Now()) {
			out = append(out, n)
			continue
		}
		if r, done, err := try(n); done {
			return r, err
		}
	}
	if result != ErrNobody { //nolint:errorlint // it is one of two of ours
		return nil, result
	}
	for _, n := range out {
		if r, done, err := try(n); done {
			return r, err
		}
	}
	return nil, result
}

// harmless tells whether it may be done twice.
func (e *Errand) harmless() bool {
	return e.Length == 0 && (e.Method == http.MethodGet || e.Method == http.MethodHead || e.Method == http.MethodOptions)
}

// carry gives an errand to one node.
func (s *Set) carry(ctx context.Context, to string, e *Errand, body io.Reader) (*Reply, error) {
	head, err := framed(e)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	taken := make(chan struct{})
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+to+":1"+errandPath, io.NopCloser(bytes.NewReader(head)))
	if err == nil && e.Length != 0 {
		rq.Body = io.NopCloser(io.MultiReader(bytes.NewReader(head), &held{from: body, taken: taken, ctx: ctx}))
	}
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("peer: %w", err)
	}
	late := time.AfterFunc(s.o.Patience, func() { cancel(errSilent) })
	rs, err := s.out.RoundTrip(rq)
	if !late.Stop() {
		if err == nil {
			rs.Body.Close()
		}
		return nil, errSilent
	}
	if err != nil {
		cancel(nil)
		return nil, err
	}
	if rs.StatusCode != http.StatusOK {
		cancel(nil)
		rs.Body.Close()
		if rs.StatusCode == http.StatusConflict {
			return nil, ErrRefused
		}
		return nil, fmt.Errorf("peer: status %d", rs.StatusCode)
	}
	close(taken)
	r := &Reply{From: to, Body: &answerBody{rs.Body, cancel}}
	if err := readFrame(rs.Body, &r.ReplyHead); err != nil {
		_ = r.Body.Close()
		return nil, fmt.Errorf("%w: %w", errBroke, err)
	}
	return r, nil
}

// held is a body that is not read before its errand is taken.
type held struct {
	from  io.Reader
	taken chan struct{}
	ctx   context.Context //nolint:containedctx // Read has none
}

// Read waits until the errand is taken.
func (h *held) Read(p []byte) (int, error) {
	select {
	case <-h.taken:
	case <-h.ctx.Done():
		return 0, context.Cause(h.ctx)
	}
	return h.from.Read(p)
}

// Porter does errands. An error that wraps ErrRefused comes before Writer.Take;
// body must not be read before that either.
type Porter interface {
	Errand(ctx context.Context, e *Errand, body io.ReadCloser, w *Writer) error
}

// ReplyHead sends the head of the answer to an errand.
func (w *Writer) ReplyHead(h *ReplyHead) error {
	b, err := framed(h)
	if err != nil {
		return err
	}
	if _, err = w.w.Write(b); err != nil {
		return err
	}
	return w.Flush()
}

// serveErrand is the other end of carry.
func serveErrand(p Porter, w http.ResponseWriter, rq *http.Request) {
	var e Errand
	if readFrame(rq.Body, &e) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	body := rq.Body
	if e.Length == 0 {
		body = http.NoBody
	}
	to := &Writer{rc: http.NewResponseController(w), w: w}
	finish(to, w, p.Errand(rq.Context(), &e, body, to))
}

// framed is v in JSON behind its length.
func framed(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	if len(b) > mostHead {
		return nil, fmt.Errorf("peer: a head of %d bytes", len(b))
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...), nil
}

// readFrame reads what framed made.
func readFrame(r io.Reader, v any) error {
	var n [4]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(n[:])
	if size > mostHead {
		return fmt.Errorf("peer: a head of %d bytes", size)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}
