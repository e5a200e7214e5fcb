// SPDX-License-Identifier: Apache-2.0

package made

import (
	"net/http"
	"sync"
)

// most bounds the ways of a distribution.
const most = 256

// Way is the way to an origin that a function made. Close lets go of its
// connections that rest; nil: there is nothing to let go of.
type Way struct {
	RoundTripper http.RoundTripper
	Close        func()
}

// Ways are the ways to made origins. The zero value is empty.
type Ways struct {
	mu    sync.Mutex
	all   map[Key]*used
	clock uint64
}

type used struct {
	Way
	at uint64
}

// Get is the way by its digest, made when it is not there. The one that was
// not used for longest goes when there are too many: requests under way keep it.
func (s *Ways) Get(key Key, build func() (Way, error)) (Way, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	if w := s.all[key]; w != nil {
		w.at = s.clock
		return w.Way, nil
	}
	to, err := build()
	if err != nil {
		return Way{}, err
	}
	if s.all == nil {
		s.all = map[Key]*used{}
	}
	if len(s.all) >= most {
		s.drop()
	}
	s.all[key] = &used{to, s.clock}
	return to, nil
}

func (s *Ways) drop() {
	var oldest Key
	at := ^uint64(0)
	for k, w := range s.all {
		if w.at < at {
			oldest, at = k, w.at
		}
	}
	s.all[oldest].close()
	delete(s.all, oldest)
}

func (w *used) close() {
	if w.Close != nil {
		w.Close()
	}
}

// Close lets go of all ways. No request may be under way.
func (s *Ways) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.all {
		w.close()
	}
	s.all = nil
}
