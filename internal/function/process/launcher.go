// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"runtime"
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
	l := &Launcher{asks: make(chan ask), stop: make(chan struct{}), ended: make(chan struct{})}
	go l.run()
	return l
}

// run never unlocks its thread: the thread ends with the goroutine, and the
// kernel then kills what it started and nobody killed before.
func (l *Launcher) run() {
	runtime.LockOSThread()
	defer close(l.ended)
	for {
		select {
		case a := <-l.asks:
			p, err := start(a.spec)
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

// Close ends the thread; processes that still run are killed by the kernel.
func (l *Launcher) Close() {
	l.once.Do(func() { close(l.stop) })
	<-l.ended
}
