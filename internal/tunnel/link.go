// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/tunnel/carrier"
)

// Pings that are not answered: after these many the agent is asked for nothing,
// or cut.
const (
	missesOut = 2
	missesEnd = 5
)

// Link is one connection of an agent, as the edge has it.
type Link struct {
	hub     *Hub
	edge    carrier.Edge
	id      string
	allowed []string
	names   []string // what it serves; set before the hub knows the link
	since   time.Time

	over context.Context // ends when no new stream may be opened
	end  context.CancelFunc

	mu      sync.Mutex
	control net.Conn // writes hold mu
	under   int      // requests
	idled   chan struct{}
	misses  int
	nonce   uint64
	pinged  time.Time
	rtt     time.Duration
	doubted bool // another connection of the agent was lost; a pong settles it
	total   int64
	failed  int64
}

func newLink(h *Hub, edge carrier.Edge, id string, allowed []string) *Link {
	l := &Link{hub: h, edge: edge, id: id, allowed: allowed, since: time.Now()}
	l.over, l.end = context.WithCancel(context.Background())
	return l
}

// close takes the link out of the hub and ends the connection.
func (l *Link) close() {
	l.end()
	l.hub.remove(l)
	_ = l.edge.Close()
}

// Over ends when the agent takes no new streams: it leaves, or is lost.
func (l *Link) Over() context.Context { return l.over }

// run greets the agent and watches over it until it is gone.
func (l *Link) run(ctx context.Context) error {
	if err := l.greet(ctx); err != nil {
		return err
	}
	l.hub.add(l)
	if err := l.ping(); err != nil { // the first one tells the agent that it serves
		return errors.Join(err, l.control.Close())
	}
	l.hub.log.Info("tunnel: an agent serves", "agent", l.id, "origins", l.names, "carrier", l.edge.Kind().String(), "from", l.edge.Remote().String())
	heard := make(chan error, 1)
	go func() { heard <- l.listen() }()
	defer func() { <-heard }()
	defer l.control.Close()
	tick := time.NewTicker(l.hub.o.Ping)
	defer tick.Stop()
	for {
		select {
		case err := <-heard:
			heard <- nil
			if l.over.Err() != nil {
				return nil // it said so
			}
			return err
		case <-l.edge.Done():
			if l.over.Err() != nil {
				return nil
			}
			return errors.New("the connection has ended")
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := l.ping(); err != nil {
				return err
			}
		}
	}
}

// greet opens the control stream and learns what the agent serves.
func (l *Link) greet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, shakeTime)
	defer cancel()
	c, err := l.edge.Open(ctx)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	if err := writeMessage(c, message{kind: kindControl}); err != nil {
		return err
	}
	m, err := readMessage(c)
	if err != nil {
		return err
	}
	names, err := m.hello()
	if err != nil {
		return err
	}
	for _, n := range names {
		if slices.Contains(l.allowed, n) {
			l.names = append(l.names, n)
		} else {
			l.hub.log.Warn("tunnel: an agent offers an origin that its token does not name", "agent", l.id, "origin", n)
		}
	}
	if len(l.names) == 0 {
		return fmt.Errorf("it serves none of the origins that its token names (%v)", l.allowed)
	}
	l.control = c
	return nil
}

// listen reads the control stream.
func (l *Link) listen() error {
	for {
		m, err := readMessage(l.control)
		if err != nil {
			return err
		}
		switch m.kind {
		case kindPong:
			l.pong(binary.BigEndian.Uint64(m.content))
		case kindLeave:
			l.hub.log.Info("tunnel: an agent leaves", "agent", l.id, "origins", l.names)
			l.leaves()
		default:
			return fmt.Errorf("%w: %s on the control stream", errMalformed, m.kind)
		}
	}
}

// leaves notes that the agent takes nothing new.
func (l *Link) leaves() {
	l.end()
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	now := time.Now()
	for _, n := range l.names {
		l.hub.lost[n] = now
	}
	l.hub.notify()
}

// ping sends one and counts those before it that were not answered.
func (l *Link) ping() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.doubted {
		return nil // it is being asked
	}
	if l.nonce > 0 && !l.pinged.IsZero() {
		l.misses++
		if l.misses == missesOut {
			l.hub.log.Warn("tunnel: an agent does not answer", "agent", l.id, "origins", l.names)
		}
		if l.misses >= missesEnd {
			return fmt.Errorf("%d pings without an answer", l.misses)
		}
	}
	l.nonce++
	l.pinged = time.Now()
	return l.say(message{kindPing, binary.BigEndian.AppendUint64(nil, l.nonce)})
}

// say writes to the control stream. l.mu is held.
func (l *Link) say(m message) error {
	_ = l.control.SetWriteDeadline(time.Now().Add(l.hub.o.Ping)) // the write fails where this does
	return writeMessage(l.control, m)
}

func (l *Link) pong(nonce uint64) {
	l.mu.Lock()
	if nonce != l.nonce || l.pinged.IsZero() {
		l.mu.Unlock()
		return
	}
	back := l.doubted || l.misses >= missesOut
	took := time.Since(l.pinged)
	if l.rtt == 0 {
		l.rtt = took
	}
	l.rtt += (took - l.rtt) / 4
	l.misses, l.pinged, l.doubted = 0, time.Time{}, false
	l.mu.Unlock()
	if back {
		l.hub.mu.Lock()
		l.hub.notify()
		l.hub.mu.Unlock()
	}
}

// doubtTime is how long an agent that lost one connection has to answer on
// another one; more where it is far.
const doubtTime = time.Second

// doubt asks at once whether the agent is there: one that was killed cannot say
// so over QUIC, but its TCP connection ends.
func (l *Link) doubt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doubted, l.misses = true, 0
	l.nonce++
	l.pinged = time.Now()
	if l.say(message{kindPing, binary.BigEndian.AppendUint64(nil, l.nonce)}) != nil {
		_ = l.edge.Close() // what cannot be asked is lost
		return
	}
	asked := l.nonce
	time.AfterFunc(max(doubtTime, 4*l.rtt), func() {
		l.mu.Lock()
		gone := l.doubted && l.nonce == asked
		l.mu.Unlock()
		if gone {
			l.hub.log.Warn("tunnel: an agent is gone", "agent", l.id, "origins", l.names)
			_ = l.edge.Close()
		}
	})
}

// dismiss asks the agent to dial anew.
func (l *Link) dismiss() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.control != nil {
		_ = l.say(message{kind: kindLeave}) // it is about to end anyway
	}
}

// load is how many requests are under way; ok tells whether the agent may be
// asked.
func (l *Link) load() (under int, rtt time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.under, l.rtt, l.misses < missesOut && !l.doubted && l.over.Err() == nil
}

func (l *Link) begin() {
	l.mu.Lock()
	l.under++
	l.total++
	l.mu.Unlock()
}

func (l *Link) done() {
	l.mu.Lock()
	l.under--
	if l.under == 0 && l.idled != nil {
		close(l.idled)
		l.idled = nil
	}
	l.mu.Unlock()
}

// idle waits until no request is under way, or ctx ends.
func (l *Link) idle(ctx context.Context) {
	l.mu.Lock()
	if l.under == 0 {
		l.mu.Unlock()
		return
	}
	if l.idled == nil {
		l.idled = make(chan struct{})
	}
	wait := l.idled
	l.mu.Unlock()
	select {
	case <-wait:
	case <-l.edge.Done():
	case <-ctx.Done():
	}
}

// DialError is a stream to an origin that could not be had. Nothing of a request
// has been sent.
type DialError struct {
	Agent, Origin string
	Refusal       Refusal // 0: the agent did not get to say so
	Err           error
}

// Error tells which agent and why.
func (e *DialError) Error() string {
	s := "agent " + e.Agent + " for origin " + e.Origin
	if e.Refusal != 0 {
		s += ": " + e.Refusal.String()
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap is the cause.
func (e *DialError) Unwrap() error { return e.Err }

// Timeout tells that the agent's target did not answer.
func (e *DialError) Timeout() bool {
	return e.Refusal == RefusedTimeout || errors.Is(e.Err, context.DeadlineExceeded)
}

// Temporary is of net.Error.
func (e *DialError) Temporary() bool { return true }

// Dial opens a stream to the target of an origin, within ctx.
func (l *Link) Dial(ctx context.Context, origin string) (net.Conn, error) {
	c, err := l.dial(ctx, origin)
	if err != nil {
		var de *DialError
		if !errors.As(err, &de) {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			err = &DialError{Agent: l.id, Origin: origin, Err: err}
		}
		l.mu.Lock()
		l.failed++
		l.mu.Unlock()
		return nil, &net.OpError{Op: "dial", Net: "tunnel", Addr: l.edge.Remote(), Err: err}
	}
	return c, nil
}

func (l *Link) dial(ctx context.Context, origin string) (net.Conn, error) {
	if l.over.Err() != nil {
		return nil, &DialError{Agent: l.id, Origin: origin, Refusal: RefusedLeaving}
	}
	c, err := l.edge.Open(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	err = writeMessage(c, message{kindOpen, []byte(origin)})
	var m message
	if err == nil {
		m, err = readMessage(c)
	}
	switch {
	case !stop() && err == nil:
		err = ctx.Err()
	case err != nil:
	case m.kind == kindReady:
		return c, nil
	case m.kind == kindRefuse:
		if Refusal(m.content[0]) == RefusedLeaving {
			l.leaves()
		}
		err = &DialError{Agent: l.id, Origin: origin, Refusal: Refusal(m.content[0]), Err: said(m.content[1:])}
	default:
		err = fmt.Errorf("%w: %s in place of ready", errMalformed, m.kind)
	}
	_ = c.Close()
	return nil, err
}

// said is what an agent says of its target; nil for nothing.
func said(words []byte) error {
	if len(words) == 0 {
		return nil
	}
	return errors.New(harmless(string(words), maxWords))
}
