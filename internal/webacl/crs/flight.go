// SPDX-License-Identifier: Apache-2.0

package crs

import "sync"

// Flights are the texts that are being examined for the first time, so that a
// burst of requests with the same new text has it examined once. Who finds a
// text here waits until it is gone and looks into the memory again; where it is
// not there even then (the examination failed, or its verdict was driven out),
// it examines the text itself. So a flight carries no verdict, and a wait costs
// no more than the examination would have.
//
// Nobody waits in a circle: a request waits for elements of others only when
// the flights of its own elements have ended, and for a head before it begins
// any.
type flights struct {
	mu sync.Mutex
	of map[string]*flight
}

type flight struct {
	key  string
	over chan struct{}
}

// begin gives the flight of a text. When it is the caller's own, who has to end
// it on every path.
func (f *flights) begin(key []byte) (fl *flight, own bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl = f.of[string(key)]; fl != nil {
		return fl, false
	}
	if f.of == nil {
		f.of = map[string]*flight{}
	}
	fl = &flight{string(key), make(chan struct{})}
	f.of[fl.key] = fl
	return fl, true
}

func (f *flights) end(fl *flight) {
	f.mu.Lock()
	delete(f.of, fl.key)
	f.mu.Unlock()
	close(fl.over)
}
