// SPDX-License-Identifier: Apache-2.0

// Package function runs Lambda functions as processes of this machine: no
// container, no virtual machine.
//
// The flow of an invocation: (1) Invoke finds the function and resolves the
// qualifier to a version (qualifier.go); (2) the function's current revision
// (definition and built code) gives an idle worker, starts one, or throttles
// (pool.go); (3) the worker's process gets the invocation through the Runtime
// API or its frames (room runtimeapi) and answers, fails, times out or dies
// (worker.go, outcome.go); (4) the log lines of the process are collected, and
// END and REPORT close the invocation (report.go).
//
// The flow of a change: Apply, or a file that changed, makes room build
// prepare the code in the background; the new revision replaces the old one,
// whose workers finish what they have and end (revision.go).
//
// What it does not do: it maps no HTTP (packages gateway and integration do)
// and checks no permission. A process is not isolated: it runs as the user who
// runs Forelane, sees the machine's files and network, /tmp included, and
// /opt is not the layers' folder (environ.go says what stands in for it).
// Memory is limited by looking at the process ten times a second.
//
// Concurrency: all methods of Service may be called from any goroutine.
// Lock order: Service.mu, function.mu, pool.mu, worker.mu; no lock is held
// while Options.Log runs, but the one that keeps a process's lines in order.
package function

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/function/build"
	"github.com/forelane/forelane/internal/function/client"
	"github.com/forelane/forelane/internal/function/process"
	"github.com/forelane/forelane/internal/function/watch"
	"github.com/forelane/forelane/internal/metrics"
)

// Options is what a Service needs. The zero value of a field means what its
// comment says.
type Options struct {
	// Dir is where built code, unpacked zips and temporary files go. It must
	// be set; what is built there is found again at the next start.
	Dir       string
	Region    string // us-east-1
	AccountID string // 123456789012
	// Environ is the caller's environment (os.Environ). Functions get PATH,
	// HOME and LANG of it and nothing else; the Go toolchain gets all of it.
	Environ []string
	// Env goes to every function: AWS_ENDPOINT_URL, credentials, and the like.
	// Its AWS_ names win over a function's own Environment, others do not.
	Env map[string]string
	// NodePath and PythonPath are searched for modules after the function's
	// own folder and its layers.
	NodePath, PythonPath []string
	// Concurrency is how many processes a function may have when it reserves
	// no concurrency; 10.
	Concurrency int
	// Queue is how many invocations of a function may wait for a process when
	// Concurrency is what is lacking. 0: none, the function is throttled at
	// once. Reserved concurrency always throttles at once, as on AWS.
	Queue int
	// IdleTimeout is how long an idle process lives; 5 minutes. Negative: for
	// ever.
	IdleTimeout time.Duration
	// NoWatch leaves changed files unseen until the next Apply.
	NoWatch bool
	// Metrics takes the series of the functions. nil: nothing is shown.
	Metrics *metrics.Registry
	// Log gets every log line, from many goroutines, and should not block for
	// long: the function waits. nil: there is no log.
	Log func(LogLine)
}

const (
	defaultConcurrency = 10
	defaultIdle        = 5 * time.Minute
	defaultPath        = "/usr/local/bin:/usr/bin:/bin"
)

// Service runs functions. Make it with New, end it with Close.
type Service struct {
	opt      Options
	builder  *build.Builder
	launcher *process.Launcher
	watcher  *watch.Watcher // nil when there is nothing to watch with
	async    *queue
	builds   chan struct{} // how many builds run at once

	ctx    context.Context // ends when Close gives up waiting
	cancel context.CancelFunc
	wg     sync.WaitGroup // everything that Close waits for

	mu      sync.RWMutex
	closed  bool
	byName  map[string]*function // by name and by logical id
	all     []*function          // in the order given
	workers map[*worker]struct{}
	flight  sync.WaitGroup // invocations
}

// New makes a service without functions.
func New(opt Options) (*Service, error) {
	if opt.Dir == "" {
		return nil, errors.New("function: Options.Dir is not set")
	}
	dir, err := filepath.Abs(opt.Dir)
	if err != nil {
		return nil, fmt.Errorf("function: %w", err)
	}
	opt.Dir = dir
	setDefaults(&opt)
	clients, err := client.Install(dir)
	if err != nil {
		return nil, fmt.Errorf("function: %w", err)
	}
	s := &Service{
		opt:      opt,
		launcher: process.NewLauncher(),
		builds:   make(chan struct{}, max(1, runtime.NumCPU()/2)),
		byName:   map[string]*function{},
		workers:  map[*worker]struct{}{},
	}
	s.builder = &build.Builder{Dir: dir, Path: s.path(), Environ: opt.Environ, Clients: clients}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.async = newQueue(s.ctx, s.retryInvoke)
	s.async.drop = s.dropped
	if !opt.NoWatch {
		if s.watcher, err = watch.New(build.Skip, s.changed); err != nil {
			s.say("", fmt.Sprintf("files are not watched (%v): changed code is seen at the next start", err))
			s.watcher = nil
		}
	}
	s.wg.Go(s.tend)
	return s, nil
}

func setDefaults(opt *Options) {
	if opt.Region == "" {
		opt.Region = "us-east-1"
	}
	if opt.AccountID == "" {
		opt.AccountID = "123456789012"
	}
	if opt.Concurrency <= 0 {
		opt.Concurrency = defaultConcurrency
	}
	if opt.IdleTimeout == 0 {
		opt.IdleTimeout = defaultIdle
	}
}

// host is a variable of the caller's environment.
func (s *Service) host(name string) string {
	for _, kv := range slices.Backward(s.opt.Environ) { // the last one holds
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

func (s *Service) path() string {
	if p := s.host("PATH"); p != "" {
		return p
	}
	return defaultPath
}

// Close takes no more invocations, waits for those that run until ctx ends,
// then kills every process and waits until all is gone.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.async.close()
	idle := make(chan struct{})
	go func() { s.flight.Wait(); close(idle) }()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.cancel()
	if s.watcher != nil {
		s.watcher.Close()
	}
	s.mu.Lock()
	all := s.all
	s.all, s.byName = nil, map[string]*function{}
	s.mu.Unlock()
	for _, f := range all {
		f.remove()
	}
	s.killAll()
	<-idle
	s.async.wait()
	s.wg.Wait()
	s.launcher.Close()
	return errors.Join(err, os.RemoveAll(s.tmpRoot()))
}

func (s *Service) tmpRoot() string { return filepath.Join(s.opt.Dir, "tmp", fmt.Sprint(os.Getpid())) }

func (s *Service) killAll() {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for w := range s.workers {
		w.proc.Kill()
	}
}

// enter counts an invocation that Close must wait for.
func (s *Service) enter() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return false
	}
	s.flight.Add(1)
	return true
}

func (s *Service) lookup(name string) *function {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byName[name]
}

// Prepare waits until the named functions (all when none is named) are built
// and have one process each.
func (s *Service) Prepare(ctx context.Context, names ...string) error {
	s.mu.RLock()
	all := s.all
	if len(names) > 0 {
		all = nil
		for _, n := range names {
			f := s.byName[n]
			if f == nil {
				s.mu.RUnlock()
				return fmt.Errorf("function: there is no function %s", n)
			}
			all = append(all, f)
		}
	}
	s.mu.RUnlock()
	var errs []error
	for _, f := range all {
		rev, err := f.revision(ctx)
		if err == nil && rev.err == nil {
			err = rev.pool.warm(ctx)
		} else if err == nil {
			err = rev.err
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("function %s: %w", f.name, err))
		}
	}
	return errors.Join(errs...)
}

// changed is the watcher saying that files of a function changed.
func (s *Service) changed(name string) {
	if f := s.lookup(name); f != nil {
		f.refresh()
	}
}
