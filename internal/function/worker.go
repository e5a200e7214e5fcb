// SPDX-License-Identifier: Apache-2.0

package function

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/function/process"
	"github.com/forelane/forelane/internal/function/runtimeapi"
)

// initLimit is how long a process may take until it asks for its first
// invocation (L6); the second try has the function's own time.
const initLimit = 10 * time.Second

// worker is one execution environment: a process and the conversation with it.
type worker struct {
	rev     *revision
	version string
	stream  string // name of the log stream
	tmp     string // TMPDIR
	proc    *process.Process
	desk    *runtimeapi.Desk
	api     *runtimeapi.Server
	gone    chan struct{} // closed when the process is dead and heard out

	counted  bool // the pool's, under its lock
	lastUsed atomic.Int64
	busy     atomic.Bool
	oom      atomic.Bool
	peak     atomic.Int64 // bytes, as last seen
	seen     time.Time    // when peak was read; belongs to who has the worker
	initTook time.Duration
	used     bool // it served an invocation

	mu      sync.Mutex
	request string // id that log lines get
	tail    *tail  // collects the lines of an invocation that asked for it
}

// startError is why a worker could not be started.
type startError struct {
	kind   string // errorType
	text   string // errorMessage, without the request id
	object []byte // what the process itself reported; nil: make it of kind and text
	took   time.Duration
	again  bool // a second try may help: it crashed or was too slow
}

// start brings a worker up. A first try that crashed or took too long is
// repeated, as Lambda does inside the invocation.
func (r *revision) start(version string) (*worker, *startError) {
	w, fail := r.try(version, initLimit)
	if fail == nil || !fail.again || r.fn.svc.ctx.Err() != nil {
		return w, fail
	}
	w, fail = r.try(version, r.timeout())
	return w, fail
}

// timeout is the time limit of an invocation, as last applied.
func (r *revision) timeout() time.Duration {
	if t := r.fn.def.Load().Timeout; t > 0 {
		return t
	}
	return 3 * time.Second
}

func (r *revision) try(version string, limit time.Duration) (*worker, *startError) {
	began := time.Now()
	w, err := r.spawn(version)
	if err != nil {
		return nil, &startError{kind: "Runtime.InvalidEntrypoint", text: "Error: " + err.Error(), took: time.Since(began)}
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	var fail *startError
	select {
	case <-w.desk.Ready():
		w.initTook = time.Since(began)
		w.look()
		r.fn.cold.Add(1)
		r.fn.meter.cold.Inc()
		r.fn.meter.init.Observe(w.initTook)
		return w, nil
	case e := <-w.desk.InitError():
		fail = &startError{kind: e.ErrorType, object: e.Payload}
	case <-w.gone:
		fail = &startError{kind: "Runtime.ExitError", text: w.exitText(), again: true}
		select { // it reported before it ended
		case e := <-w.desk.InitError():
			fail = &startError{kind: e.ErrorType, object: e.Payload}
		default:
		}
	case <-r.fn.svc.ctx.Done():
		fail = &startError{kind: "Runtime.ExitError", text: "Error: the function service is shutting down"}
	case <-timer.C:
		fail = &startError{kind: "Sandbox.Timedout", text: fmt.Sprintf("Error: Task timed out after %.2f seconds", limit.Seconds()), again: true}
	}
	fail.took = time.Since(began)
	w.proc.Drain()
	w.proc.Kill()
	<-w.gone
	w.initReport(fail)
	return nil, fail
}

// spawn starts the process and the goroutines around it.
func (r *revision) spawn(version string) (*worker, error) {
	s := r.fn.svc
	id := randomHex(16)
	w := &worker{
		rev: r, version: version, gone: make(chan struct{}), desk: runtimeapi.NewDesk(),
		stream: time.Now().UTC().Format("2006/01/02") + "/[" + version + "]" + id,
		tmp:    filepath.Join(s.tmpRoot(), id),
	}
	if err := os.MkdirAll(w.tmp, 0o700); err != nil {
		return nil, fmt.Errorf("temporary folder: %w", err)
	}
	var err error
	if w.api, err = runtimeapi.Listen(w.desk); err != nil {
		os.RemoveAll(w.tmp)
		return nil, err
	}
	argv := r.argv()
	w.proc, err = s.launcher.Start(process.Spec{
		Path: argv[0], Args: argv, Env: w.environ(), Dir: r.unit.Root,
		Channel: r.unit.Frames, Output: w.line,
	})
	if err != nil {
		w.api.Close()
		os.RemoveAll(w.tmp)
		return nil, err
	}
	s.mu.Lock()
	s.workers[w] = struct{}{}
	s.mu.Unlock()
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		if w.proc.Channel != nil {
			_ = runtimeapi.NewFrames(w.desk, w.proc.Channel).Serve()
		}
	}()
	s.wg.Go(func() { w.attend(heard) })
	return w, nil
}

// hearLimit is how long a dead process's last frames are waited for.
const hearLimit = time.Second

// attend cleans up when the process ends.
func (w *worker) attend(heard <-chan struct{}) {
	s := w.rev.fn.svc
	<-w.proc.Exited()
	if w.proc.Channel != nil {
		select {
		case <-heard:
		case <-time.After(hearLimit): // a slow viewer, or something that left the group holds the socket
		}
		w.desk.Close(errDied)
		w.proc.Channel.Close()
		<-heard
	}
	w.desk.Close(errDied)
	w.api.Close()
	s.mu.Lock()
	delete(s.workers, w)
	s.mu.Unlock()
	os.RemoveAll(w.tmp)
	close(w.gone)
	w.rev.pool.gone(w)
}

var errDied = fmt.Errorf("the function's process ended in the middle of its answer: %w", io.ErrUnexpectedEOF)

func (w *worker) alive() bool {
	select {
	case <-w.gone:
		return false
	default:
		return true
	}
}

// exitText says how the process ended, in Lambda's words.
func (w *worker) exitText() string {
	if why := w.proc.Reason(); why != "" {
		return "Error: Runtime exited with error: " + why
	}
	return "Error: Runtime exited without providing a reason"
}

// look reads the memory that the process uses, twice a second at most.
func (w *worker) look() {
	now := time.Now()
	if now.Sub(w.seen) < 500*time.Millisecond {
		return
	}
	w.seen = now
	w.notePeak(w.proc.Memory().Peak)
}

func (w *worker) notePeak(n int64) {
	for {
		old := w.peak.Load()
		if n <= old || w.peak.CompareAndSwap(old, n) {
			return
		}
	}
}

// asStartError is acquire's error as a *startError, or nil.
func asStartError(err error) *startError {
	var fail *startError
	if errors.As(err, &fail) {
		return fail
	}
	return nil
}

// Error makes a startError an error inside the package. What the process said
// itself is in its object.
func (e *startError) Error() string {
	text := e.text
	var said struct {
		Message string `json:"errorMessage"`
	}
	if text == "" && json.Unmarshal(e.object, &said) == nil {
		text = said.Message
	}
	return e.kind + ": " + text
}

// tend looks after the workers: memory ten times a second, age once.
func (s *Service) tend() {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		s.limitMemory()
		if n%10 == 0 && s.opt.IdleTimeout > 0 {
			s.reap(time.Now().Add(-s.opt.IdleTimeout))
		}
	}
}

func (s *Service) limitMemory() {
	s.mu.RLock()
	var busy []*worker
	for w := range s.workers {
		if w.busy.Load() {
			busy = append(busy, w)
		}
	}
	s.mu.RUnlock()
	for _, w := range busy {
		m := w.proc.Memory()
		w.notePeak(m.Peak)
		if m.Held > int64(w.rev.memory())<<20 {
			w.oom.Store(true)
			w.proc.Kill()
		}
	}
}

func (s *Service) reap(before time.Time) {
	s.mu.RLock()
	all := s.all
	s.mu.RUnlock()
	for _, f := range all {
		if r := f.cur.Load(); r != nil && r.pool != nil {
			r.pool.reap(before)
		}
	}
}

// memory is the limit in MB.
func (r *revision) memory() int {
	if r.def.Memory > 0 {
		return r.def.Memory
	}
	return 128
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// requestID makes a version 4 UUID.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:36], b[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}
