// SPDX-License-Identifier: Apache-2.0

package function

import (
	"context"
	"errors"
	"reflect"

	"github.com/forelane/forelane/internal/model"
)

// Apply makes these the functions: unchanged ones keep their processes,
// changed ones are built anew in the background and go on with the old code
// until that is done, missing ones end when their invocations have. It does
// not wait for any of this.
func (s *Service) Apply(_ context.Context, fns []*model.Function) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errors.New("function: the service is closed")
	}
	old := s.byName
	s.byName = make(map[string]*function, 2*len(fns))
	gone := s.all
	s.all = make([]*function, 0, len(fns))
	var stale []*function
	kept := map[*function]bool{}
	for _, def := range fns {
		f := old[def.Name]
		if f == nil || f.name != def.Name || kept[f] {
			f = newFunction(s, def)
			stale = append(stale, f)
		} else if f.redefine(def) {
			stale = append(stale, f)
		}
		kept[f] = true
		s.byName[def.Name] = f
		s.all = append(s.all, f)
	}
	for _, f := range s.all {
		if id := f.def.Load().LogicalID; id != "" && s.byName[id] == nil {
			s.byName[id] = f
		}
	}
	s.mu.Unlock()
	for _, f := range stale {
		f.refresh()
	}
	for _, f := range gone {
		if !kept[f] {
			f.remove()
		}
	}
	return nil
}

// sameProcess says whether two definitions run as the same process: what a
// running one cannot notice is left out.
func sameProcess(a, b *model.Function) bool {
	strip := func(f model.Function) model.Function {
		f.LogicalID, f.Pos, f.Timeout, f.Reserved = "", "", 0, nil
		f.Versions, f.Aliases, f.URLs = nil, nil, nil
		return f
	}
	return reflect.DeepEqual(strip(*a), strip(*b))
}
