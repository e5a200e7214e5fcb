// SPDX-License-Identifier: Apache-2.0

// Package runtimeapi is the conversation between Forelane and one process of
// a function: the Lambda Runtime API, version 2018-06-01, over HTTP, and the
// same conversation in frames over a socket for Forelane's own clients.
//
// The flow: (1) the process asks for work (GET …/invocation/next, or the
// ready frame) and is parked at the Desk; (2) Desk.Send hands it a Call, or
// keeps the Call until the process asks; (3) the process answers, fails or
// streams, and the Call's Result arrives on Call.Done; (4) the process asks
// again. A process that cannot start says so once (init/error), which arrives
// on Desk.InitError.
//
// The one who sends a Call writes it to the process's connection himself:
// no goroutine is woken on the way out, one on the way back.
//
// What it does not do: it starts no process, knows no time limit and keeps no
// log. The Extensions, Logs and Telemetry APIs are not there: they answer 404.
//
// Concurrency: a Desk may be used from any goroutine; it has one current Call.
package runtimeapi

import (
	"io"
	"sync"
	"time"
)

// MaxPayload is how large an answer may be when it is not streamed (L4).
const MaxPayload = 6<<20 + 100

// MaxStream is how large a streamed answer may be (L10).
const MaxStream = 200 << 20

// Call is one invocation as a process sees it.
type Call struct {
	ID            string
	ARN           string // as invoked, qualifier included
	TraceID       string
	ClientContext string
	Identity      string
	Deadline      time.Time
	Payload       []byte
	Stream        bool // the caller takes a streamed answer as it comes

	done chan Result
	// delivered and answering are the desk's, under its lock.
	delivered bool
	answering bool
}

// NewCall makes a Call ready to be sent.
func NewCall() *Call { return &Call{done: make(chan Result, 1)} }

// Done gets exactly one Result, unless the process dies first.
func (c *Call) Done() <-chan Result { return c.done }

// Result is how a process answered a Call.
type Result struct {
	// Failed: the function reported an error; Payload is the error object and
	// ErrorType its type.
	Failed    bool
	ErrorType string
	Payload   []byte
	// TooLarge: the answer was larger than MaxPayload and was dropped; Size
	// says how large it was, as far as it was read.
	TooLarge bool
	Size     int64
	// Stream is set when the answer is passed on while it comes.
	Stream *Stream
}

// Stream is an answer in pieces.
type Stream struct {
	Head []byte        // metadata JSON; nil when the function sent none
	Body io.ReadCloser // whoever gets the Stream closes it
	// End gets one Result when the process has said all: Failed when it gave
	// up in the middle. It gets none when the process dies.
	End <-chan Result
}

// port is a way to a process that waits for a Call.
type port interface{ deliver(*Call) error }

// Desk is where a process and its callers meet. Make it with NewDesk.
type Desk struct {
	ready   chan struct{}
	initErr chan Result

	mu      sync.Mutex
	isReady bool
	parked  []port // more than one only if the process asks twice
	pending *Call  // sent, and the process has not asked yet
	current *Call  // the process works on it
	closed  bool
	abort   func(error) // breaks the stream that is being passed on
}

// NewDesk makes the desk of one process.
func NewDesk() *Desk {
	return &Desk{ready: make(chan struct{}), initErr: make(chan Result, 1)}
}

// Ready is closed when the process asks for its first Call.
func (d *Desk) Ready() <-chan struct{} { return d.ready }

// InitError gets the error of a process that could not start.
func (d *Desk) InitError() <-chan Result { return d.initErr }

// Send gives the process a Call; the desk must have no other one.
func (d *Desk) Send(c *Call) {
	d.mu.Lock()
	if len(d.parked) == 0 {
		d.pending = c
		d.mu.Unlock()
		return
	}
	p := d.parked[len(d.parked)-1]
	d.parked = d.parked[:len(d.parked)-1]
	d.begin(c)
	d.mu.Unlock()
	d.hand(p, c)
}

// inlinePayload is what surely fits into an empty socket buffer.
const inlinePayload = 64 << 10

func (d *Desk) hand(p port, c *Call) {
	if len(c.Payload) > inlinePayload {
		go func() { _ = p.deliver(c) }()
		return
	}
	// A write that fails means a connection that broke: the process is dying,
	// or it will ask again, and the time limit ends this call.
	_ = p.deliver(c)
}

// begin is called with the lock held.
func (d *Desk) begin(c *Call) {
	c.delivered = true
	d.current = c
}

// Delivered says whether the process got the Call.
func (d *Desk) Delivered(c *Call) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return c.delivered
}

// Parked says whether the process waits for a Call.
func (d *Desk) Parked() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.parked) > 0
}

// Close ends the conversation: the process is gone. A stream that was being
// passed on breaks with err.
func (d *Desk) Close(err error) {
	d.mu.Lock()
	d.closed = true
	d.parked, d.pending, d.current = nil, nil, nil
	abort := d.abort
	d.abort = nil
	d.mu.Unlock()
	if abort != nil {
		abort(err)
	}
}

// park is the process asking for work. It reports false when it may not:
// it has not answered the Call that it has.
func (d *Desk) park(p port) bool {
	d.mu.Lock()
	if d.current != nil || d.closed {
		d.mu.Unlock()
		return false
	}
	d.markReady()
	if c := d.pending; c != nil {
		d.pending = nil
		d.begin(c)
		d.mu.Unlock()
		d.hand(p, c)
		return true
	}
	d.parked = append(d.parked, p)
	d.mu.Unlock()
	return true
}

func (d *Desk) markReady() {
	if !d.isReady {
		d.isReady = true
		close(d.ready)
	}
}

// unpark forgets a connection that closed.
func (d *Desk) unpark(p port) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, q := range d.parked {
		if q == p {
			d.parked = append(d.parked[:i], d.parked[i+1:]...)
			return
		}
	}
}

// claim takes the right to answer the Call with this id; an empty id means
// the current one.
func (d *Desk) claim(id string) (*Call, refusal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch c := d.current; {
	case c == nil || (id != "" && c.ID != id):
		return nil, refuseID
	case c.answering:
		return nil, refuseState
	default:
		c.answering = true
		return c, refuseNothing
	}
}

// settle ends the current Call. With again the process is parked in the same
// moment, as a client does that asks and answers in one frame.
func (d *Desk) settle(c *Call, again port) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current == c {
		d.current = nil
		d.abort = nil
	}
	if again != nil && !d.closed {
		if next := d.pending; next != nil {
			d.pending = nil
			d.begin(next)
			go d.hand(again, next)
			return
		}
		d.parked = append(d.parked, again)
	}
}

// finish settles the Call and gives its result.
func (d *Desk) finish(c *Call, r Result, again port) {
	d.settle(c, again)
	c.done <- r
}

// failInit is the process saying that it cannot start.
func (d *Desk) failInit(r Result) refusal {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.isReady {
		return refuseState
	}
	select {
	case d.initErr <- r:
		return refuseNothing
	default:
		return refuseState
	}
}

// refusal is why the process may not say what it says.
type refusal uint8

const (
	refuseNothing refusal = iota
	refuseID              // not the id of the current call
	refuseState           // not now
)
