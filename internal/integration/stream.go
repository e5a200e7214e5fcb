// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"errors"
	"io"
	"sync"
	"time"
)

// Why a stream was ended (row A7; Developer Guide, "Stream the integration
// response for your proxy integrations").
var (
	errStreamLong = errors.New("the stream is longer than the integration's timeout")
	errStreamIdle = errors.New("the stream was silent for too long")
)

// A stream may be silent for so long.
const (
	idleRegional = 5 * time.Minute // and private
	idleEdge     = 30 * time.Second
)

// idle is how long a stream of the API may be silent.
func (a *API) idle() time.Duration {
	if a.EdgeOptimized {
		return idleEdge
	}
	return idleRegional
}

// stream is a body that takes no longer than its integration's timeout and is
// never silent for long. Whoever made it go on after its viewer's answer has
// begun does not see the integration's context any more, so it is closed here;
// the viewer is told by an answer that does not end as it should.
type stream struct {
	body  io.ReadCloser
	idle  time.Duration
	total *time.Timer
	quiet *time.Timer // runs while a Read waits

	mu  sync.Mutex
	err error // why it was ended
}

// newStream bounds a body that has begun at a time.
func newStream(body io.ReadCloser, begun time.Time, timeout, idle time.Duration) *stream {
	s := &stream{body: body, idle: idle}
	s.total = time.AfterFunc(max(0, timeout-time.Since(begun)), func() { s.end(errStreamLong) })
	s.quiet = time.AfterFunc(idle, func() { s.end(errStreamIdle) })
	s.quiet.Stop()
	return s
}

// end closes the body under the reader.
func (s *stream) end(why error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = why
	}
	s.mu.Unlock()
	_ = s.body.Close() // the reason is known
}

// Read reads on; a slow reader is not silence.
func (s *stream) Read(p []byte) (int, error) {
	s.quiet.Reset(s.idle)
	n, err := s.body.Read(p)
	s.quiet.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil && err != nil && !errors.Is(err, io.EOF) {
		err = s.err
	}
	return n, err
}

// Close ends the stream; what is left of it is nobody's.
func (s *stream) Close() error {
	s.total.Stop()
	s.quiet.Stop()
	return s.body.Close()
}
