// SPDX-License-Identifier: Apache-2.0

package function

// State is whether a function can answer.
type State uint8

// The states.
const (
	StateReady    State = iota // it answers; a build of newer code may run
	StateBuilding              // its first build runs; invocations wait for it
	StateBroken                // it cannot be run: see Status.Trouble
)

// String is ready, building or broken.
func (s State) String() string {
	switch s {
	case StateReady:
		return "ready"
	case StateBuilding:
		return "building"
	case StateBroken:
		return "broken"
	}
	return "unknown"
}

// Status is how a function is doing.
type Status struct {
	Name, LogicalID, ARN string
	Runtime              string
	State                State
	// Trouble is why the function is broken, or, while the old code goes on,
	// why the newest code could not be built. Empty: none.
	Trouble string
	Note    string // what differs from AWS here; empty: nothing
	// Building says that code is being built right now.
	Building bool

	Processes   int
	Invocations int64
	Errors      int64 // invocations that failed, faults included
	Throttled   int64
	ColdStarts  int64 // processes started
}

// Status tells of every function, in the order given to Apply.
func (s *Service) Status() []Status {
	s.mu.RLock()
	all := s.all
	s.mu.RUnlock()
	out := make([]Status, 0, len(all))
	for _, f := range all {
		out = append(out, f.status())
	}
	return out
}

func (f *function) status() Status {
	def := f.def.Load()
	st := Status{
		Name: f.name, LogicalID: def.LogicalID, ARN: def.ARN, Runtime: def.Runtime, State: StateBuilding,
		Invocations: f.invocations.Load(), Errors: f.errs.Load(), Throttled: f.throttled.Load(), ColdStarts: f.cold.Load(),
	}
	f.mu.Lock()
	st.Trouble, st.Building = f.trouble, f.building
	f.mu.Unlock()
	switch r := f.cur.Load(); {
	case r == nil:
	case r.err != nil:
		st.State = StateBroken
	default:
		st.State, st.Note, st.Processes = StateReady, r.unit.Note, r.pool.size()
	}
	return st
}
