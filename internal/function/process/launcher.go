// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"maps"
	"runtime"
	"slices"
	"sync"
)

// ErrClosed is what Start returns after Close.
var ErrClosed = errors.New("process: the launcher is closed")

// Launcher starts processes on one OS thread. Make it with NewLauncher.
type Launcher struct {
	asks  chan ask
	stop  chan struct{}
	ended chan struct{}
	once  sync.Once

	mu   sync.Mutex
	live map[*Process]struct{}
}

type ask struct {
	spec  Spec
	reply chan answer
}

type answer struct {
	p   *Process
	err error
}

// NewLauncher starts the thread; Close ends it.
func NewLauncher() *Launcher {
	l := &Launcher{asks: make(chan ask), stop: make(chan struct{}), ended: make(chan struct{}), live: map[*Process]struct{}{}}
	go l.run()
	return l
}

// run never unlocks its thread, so nothing else can end it before its time.
func (l *Launcher) run() {
	runtime.LockOSThread()
	defer close(l.ended)
	for {
		select {
		case a := <-l.asks:
			p, err := l.start(a.spec)
			a.reply <- answer{p, err}
		case <-l.stop:
			return
		}
	}
}

// Start runs a program.
func (l *Launcher) Start(s Spec) (*Process, error) {
	a := ask{s, make(chan answer, 1)}
	select {
	case l.asks <- a:
		r := <-a.reply
		return r.p, r.err
	case <-l.stop:
		return nil, ErrClosed
	}
}

// start runs on the launcher's thread.
func (l *Launcher) start(s Spec) (*Process, error) {
	p, osp, err := start(s)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.live[p] = struct{}{}
	l.mu.Unlock()
	go func() {
		p.wait(osp)
		l.mu.Lock()
		delete(l.live, p)
		l.mu.Unlock()
		close(p.exited)
	}()
	return p, nil
}

// Close ends the thread, kills what still runs and waits for its end.
func (l *Launcher) Close() {
	l.once.Do(func() { close(l.stop) })
	<-l.ended
	l.mu.Lock()
	live := slices.Collect(maps.Keys(l.live))
	l.mu.Unlock()
	for _, p := range live {
		p.Kill()
		<-p.Exited()
	}
}
