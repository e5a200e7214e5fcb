// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/tunnel/carrier"
)

// session is one connection of an agent.
type session struct {
	agent   *Agent
	carrier carrier.Agent
	ctx     context.Context // ends with the connection
	cancel  context.CancelFunc
	served  chan struct{} // closed when all its streams have ended

	greeted atomic.Bool
	leaving atomic.Bool
	streams atomic.Int64 // connected with a target

	greets  chan struct{} // closed when the edge asks this agent: its first ping has come
	dismiss chan struct{} // closed when it asks for another connection
	over    chan struct{} // closed when the connection is lost
	once    [3]sync.Once

	mu  sync.Mutex
	ctl carrier.Stream // writes hold mu
	err error
}

func newSession(a *Agent, c carrier.Agent) *session {
	s := &session{agent: a, carrier: c, served: make(chan struct{}), greets: make(chan struct{}), dismiss: make(chan struct{}), over: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(s.served)
		s.lost(c.Serve(s.serve))
	}()
	return s
}

func (s *session) hello()     { s.once[0].Do(func() { close(s.greets) }) }
func (s *session) dismissed() { s.once[1].Do(func() { close(s.dismiss) }) }

// lost notes why the connection is of no use any more.
func (s *session) lost(err error) {
	s.once[2].Do(func() {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
		close(s.over)
	})
}

func (s *session) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		return errors.New("the edge closed the connection")
	}
	return s.err
}

// leave tells the edge that nothing new is taken.
func (s *session) leave() {
	s.leaving.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctl != nil {
		_ = writeMessage(s.ctl, message{kind: kindLeave}) // a lost connection takes nothing anyway
	}
}

// linger is how long a leaving agent refuses before it goes.
const linger = 100 * time.Millisecond

// dismissal is how long an edge that leaves may take to do so.
const dismissal = time.Minute

// finish lets streams end and closes the connection. An agent that leaves waits
// for them within Drain; the edge closes streams that rest. When it is the edge
// that leaves, it closes the connection itself.
func (s *session) finish(ctx context.Context) {
	defer s.cut()
	if !s.leaving.Load() {
		end := time.NewTimer(dismissal)
		defer end.Stop()
		select {
		case <-s.served:
			return
		case <-end.C:
			return
		case <-ctx.Done():
			s.leave()
		}
	}
	end := time.NewTimer(s.agent.o.Drain)
	defer end.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for s.streams.Load() > 0 {
		select {
		case <-s.served:
			return
		case <-end.C:
			return
		case <-tick.C:
		}
	}
	pause(s.ctx, linger) // what the edge has opened meanwhile is refused, and tried elsewhere
}

// cut ends the connection and waits for its goroutines.
func (s *session) cut() {
	s.cancel()
	_ = s.carrier.Close() // it may have ended by itself
	<-s.served
}
