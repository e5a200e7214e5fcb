// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"context"
	_ "embed"
	"fmt"
	"runtime/metrics"
	"strings"
	"sync"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"

	"github.com/forelane/forelane/internal/httpmsg"
)

//go:embed js/guard.js
var guardText string

//go:embed js/lib.js
var libText string

// maxDepth bounds the depth of calls, maxGrowth by how much the heap of the
// process may grow while a run is watched, maxLog what a run may log.
const (
	maxDepth  = 800
	maxGrowth = 128 << 20
	maxLog    = 10 << 10
	watchStep = 2 * time.Millisecond
	// starved bounds a run on a machine so busy that the watch itself comes
	// late, in timeouts.
	starved = 10
)

// machine is a JavaScript runtime that is used by one run at a time.
type machine struct {
	vm     *goja.Runtime
	kind   kind
	outer  map[*Function]goja.Value
	make   factory
	shared *goja.Object // prototype of requests, runtime 2.0
	run                 // of the function that runs now

	mu      sync.Mutex // guards what follows, between the run and the watch
	timer   *time.Timer
	active  bool
	stopped bool
	began   time.Time
	seen    time.Time     // when the watch looked last
	spent   time.Duration // of limit
	limit   time.Duration
	heap    uint64
}

// run is what host functions need to know of the run that calls them.
type run struct {
	fn     *Function
	ev     *Event
	start  time.Time
	query  string
	header *httpmsg.Header // of the request as it came
	logged int
	viewer bool // at viewer-request
	origin *Origin
	words  string // statusDescription that the function gave
}

// factory makes the objects of an event (see guard.js).
type factory struct{ invoke, value, cookie, many, cookies goja.Callable }

// newMachine builds a runtime. With keep its globals can be changed, and it
// must not be used twice.
func newMachine(k kind, p programs, keep bool) (*machine, error) {
	m := &machine{vm: goja.New(), kind: k, outer: map[*Function]goja.Value{}}
	vm := m.vm
	vm.SetParserOptions(parser.WithDisableSourceMaps)
	vm.SetMaxCallStackSize(maxDepth)
	vm.SetTimeSource(func() time.Time { return m.start })
	setup, err := vm.RunProgram(p.guard)
	if err != nil {
		return nil, fmt.Errorf("machine: %w", err)
	}
	extend, err := vm.RunProgram(p.lib)
	if err != nil {
		return nil, fmt.Errorf("machine: %w", err)
	}
	call, _ := goja.AssertFunction(setup)
	made, err := call(goja.Undefined(), m.host(), vm.ToValue(k == js20), vm.ToValue(keep), extend)
	if err != nil {
		return nil, fmt.Errorf("machine: %w", err)
	}
	o := made.(*goja.Object)
	for name, to := range map[string]*goja.Callable{
		"invoke": &m.make.invoke, "value": &m.make.value, "cookie": &m.make.cookie, "many": &m.make.many, "cookies": &m.make.cookies,
	} {
		*to, _ = goja.AssertFunction(o.Get(name))
	}
	m.shared, _ = o.Get("shared").(*goja.Object)
	m.timer = time.AfterFunc(time.Hour, m.watch)
	m.timer.Stop()
	return m, nil
}

// programs are the compiled texts of this package.
type programs struct{ guard, lib *goja.Program }

func compilePrograms() (p programs, err error) {
	if p.guard, err = compileText("guard.js", guardText); err == nil {
		p.lib, err = compileText("lib.js", libText)
	}
	return p, err
}

// compileText compiles strict code without ever reading a source map, which
// the engine would take from a file that a comment names.
func compileText(name, text string) (*goja.Program, error) {
	tree, err := goja.Parse(name, text, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, err
	}
	return goja.CompileAST(tree, true)
}

// begin arms the watch for a run.
func (m *machine) begin(r run, timeout time.Duration) {
	m.run = r
	m.mu.Lock()
	m.active, m.began, m.seen, m.spent, m.limit, m.heap = true, r.start, r.start, 0, timeout, 0
	m.mu.Unlock()
	m.timer.Reset(min(watchStep, timeout))
}

// end disarms it and tells whether the machine can be used again.
func (m *machine) end() (reusable bool) {
	m.timer.Stop()
	m.mu.Lock()
	m.active = false
	reusable = !m.stopped
	m.mu.Unlock()
	m.run = run{}
	return reusable
}

// watch runs on the timer, every watchStep while a run lasts. A short run
// never meets it. Between two looks no more than twice watchStep counts: when
// the watch is late, the process had no processor, and neither had the run.
func (m *machine) watch() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.active || m.stopped {
		return
	}
	heap := heapBytes()
	if m.heap == 0 {
		m.heap = heap
	}
	now := time.Now()
	m.spent += min(now.Sub(m.seen), 2*watchStep)
	m.seen = now
	switch {
	case m.spent >= m.limit, now.Sub(m.began) >= starved*m.limit:
		m.stopped = true
		m.vm.Interrupt(&limit{fmt.Sprintf("the function ran longer than %v", m.limit)})
	case heap > m.heap+maxGrowth:
		m.stopped = true
		m.vm.Interrupt(&limit{"the function needs too much memory"})
	default:
		m.timer.Reset(max(time.Millisecond/10, min(watchStep, m.limit-m.spent)))
	}
}

func heapBytes() uint64 {
	s := [1]metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s[:])
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return s[0].Value.Uint64()
}

// pool hands out machines of one kind.
type pool struct {
	kind kind
	text programs
	sem  chan struct{}
	mu   sync.Mutex
	idle []*machine // guarded by mu
}

func newPool(k kind, p programs, o *Options) *pool {
	return &pool{kind: k, text: p, sem: make(chan struct{}, o.Machines)}
}

// get returns a machine, waiting while too many runs go on. fresh asks for one
// that nothing ran on and whose globals can be changed.
func (p *pool) get(ctx context.Context, fresh bool) (*machine, error) {
	select {
	case p.sem <- struct{}{}:
	default:
		select {
		case p.sem <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if !fresh {
		p.mu.Lock()
		if n := len(p.idle); n > 0 {
			m := p.idle[n-1]
			p.idle = p.idle[:n-1]
			p.mu.Unlock()
			return m, nil
		}
		p.mu.Unlock()
	}
	m, err := newMachine(p.kind, p.text, fresh)
	if err != nil {
		<-p.sem
	}
	return m, err
}

// put gives a machine back; one that is spent is left to the collector.
func (p *pool) put(m *machine, reusable bool) {
	if reusable {
		p.mu.Lock()
		p.idle = append(p.idle, m)
		p.mu.Unlock()
	}
	<-p.sem
}

// log takes a line of console.log.
func (m *machine) log(text string) {
	if m.fn == nil || m.logged >= maxLog {
		return
	}
	to := m.fn.opts.Log
	if m.ev.Log != nil {
		to = m.ev.Log
	}
	if to == nil {
		return
	}
	if m.logged += len(text); m.logged > maxLog {
		text = text[:max(0, len(text)-(m.logged-maxLog))] + " … (log limit of 10 KB reached)"
	}
	to(Line{Function: m.fn.name, RequestID: strings.Clone(m.ev.RequestID), Text: strings.Clone(text)})
}
