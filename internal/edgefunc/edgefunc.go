// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dop251/goja"

	"github.com/forelane/forelane/internal/model"
)

// Options are those of Compile. The zero value is usable.
type Options struct {
	// Log takes the lines of console.log, up to 10 KB a run. It is called by
	// the goroutine of the request and must not wait. Nil: lines are lost.
	Log func(Line)
	// Budget is the time that counts as a compute utilization of 100; 0 is
	// 1 ms. Nothing happens when a run takes longer.
	Budget time.Duration
	// Timeout is when a run is stopped, by the clock on the wall; 0 is 200 ms.
	// Time in which the whole process stood still does not count.
	Timeout time.Duration
	// Machines bounds how many runs go on at the same time, for each of the
	// two runtimes; 0 is twice GOMAXPROCS. Others wait for one to end.
	Machines int
}

// Line is one line that a function logged.
type Line struct {
	Function  string // name
	RequestID string
	Text      string
}

// Event is what a run needs to know beside the message.
type Event struct {
	DistributionDomain string // d….cloudfront.net
	DistributionID     string
	RequestID          string
	// Of cf.edgeLocation; what is empty is not there.
	EdgeLocation string // name
	ServerIP     string
	Region       string
	// Log takes the lines of this run, in place of Options.Log. Nil: it does not.
	Log func(Line)
}

// Outcome is what a run says beside the changed message.
type Outcome struct {
	Elapsed     time.Duration
	Utilization int     // percent of Options.Budget, at most 100
	Changed     bool    // the message was changed
	Body        bool    // the body of the response was replaced
	Origin      *Origin // what the function asked of the origin; nil: nothing
	words       string  // statusDescription of the response, for tests
}

// Set is the functions of a stack, compiled.
type Set struct {
	byName map[string]*Function
	byARN  map[string]*Function
}

// Function is one compiled function.
type Function struct {
	name    string
	arn     string
	program *goja.Program // evaluates to a function that yields the handler
	kind    kind
	fresh   atomic.Bool // needs globals that it can change
	store   *store      // nil: none
	opts    *Options
	pool    *pool
}

// kind is a runtime version.
type kind uint8

const (
	js10 kind = iota
	js20
)

// Name is the function's name.
func (f *Function) Name() string { return f.name }

// Compile reads the functions of a stack and their stores. All errors are
// joined; each names the function and, for code, its line and column.
func Compile(fns []*model.EdgeFunction, stores []*model.KeyValueStore, o Options) (*Set, error) {
	if o.Budget <= 0 {
		o.Budget = time.Millisecond
	}
	if o.Timeout <= 0 {
		o.Timeout = 200 * time.Millisecond
	}
	if o.Machines <= 0 {
		o.Machines = 2 * runtime.GOMAXPROCS(0)
	}
	var errs []error
	byRef := map[string]*store{}
	for _, m := range stores {
		st, err := newStore(m)
		if err != nil {
			errs = append(errs, fmt.Errorf("key value store %s (%s): %w", m.Name, m.Pos, err))
			continue
		}
		byRef[m.ARN], byRef[m.ID], byRef[m.Name] = st, st, st
	}
	s := &Set{byName: map[string]*Function{}, byARN: map[string]*Function{}}
	text, err := compilePrograms()
	if err != nil {
		return nil, err
	}
	pools := [2]*pool{newPool(js10, text, &o), newPool(js20, text, &o)}
	for _, m := range fns {
		f, err := compile(m, byRef, &o)
		if err != nil {
			errs = append(errs, fmt.Errorf("function %s (%s): %w", m.Name, m.Pos, err))
			continue
		}
		f.pool = pools[f.kind]
		s.byName[f.name], s.byARN[f.arn] = f, f
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return s, nil
}

// Function returns the function with this name or ARN. A stage behind the
// ARN's name is ignored.
func (s *Set) Function(ref string) (*Function, bool) {
	if f, ok := s.byARN[ref]; ok {
		return f, true
	}
	if i := strings.LastIndexByte(ref, '/'); i >= 0 {
		ref = ref[i+1:]
	}
	f, ok := s.byName[ref]
	return f, ok
}

func compile(m *model.EdgeFunction, stores map[string]*store, o *Options) (*Function, error) {
	f := &Function{name: m.Name, arn: m.ARN, opts: o}
	switch m.Runtime {
	case "cloudfront-js-1.0", "":
		f.kind = js10
	case "cloudfront-js-2.0":
		f.kind = js20
	default:
		return nil, fmt.Errorf("runtime %q is unknown; CloudFront has cloudfront-js-1.0 and cloudfront-js-2.0", m.Runtime)
	}
	if len(m.Stores) > 1 {
		return nil, fmt.Errorf("%d key value stores are associated; CloudFront allows one", len(m.Stores))
	}
	if len(m.Stores) == 1 {
		if f.kind == js10 {
			return nil, errors.New("a key value store needs runtime cloudfront-js-2.0")
		}
		if f.store = stores[storeRef(m.Stores[0])]; f.store == nil {
			if f.store = stores[m.Stores[0]]; f.store == nil {
				return nil, fmt.Errorf("key value store %s is not in this stack", m.Stores[0])
			}
		}
	}
	var err error
	f.program, err = load(m.Name, m.Code, f.kind)
	f.fresh.Store(changesGlobals(m.Code))
	return f, err
}

// storeRef is the id at the end of a store's ARN.
func storeRef(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
