// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/webacl/crs"
)

// A new revision of a template seldom changes its rules. So a Set takes over,
// from the one before it, what requests have taught: the engine of the managed
// groups with its memory, when the families of rules are the same, and the
// counts of each rate-based rule whose statement is the same and that stands in
// the same place. Requests of the old revision that are still under way count
// in the same windows.

// engine is a crs.Engine that several Sets use. The last one closes it.
type engine struct {
	*crs.Engine
	families []crs.Family
	forgets  bool
	uses     atomic.Int32
}

// engineOf gives the engine of some families, nil for none: that of the Set
// before, if it can.
func engineOf(families []crs.Family, o *Options) (*engine, error) {
	if families == nil {
		return nil, nil
	}
	if o.Before != nil {
		if e := o.Before.rules; e != nil && e.forgets == o.Forget && slices.Equal(e.families, families) {
			e.uses.Add(1)
			return e, nil
		}
	}
	made, err := crs.New(families, crs.Options{Forget: o.Forget})
	if err != nil {
		return nil, err
	}
	e := &engine{Engine: made, families: families, forgets: o.Forget}
	e.uses.Store(1)
	return e, nil
}

func (e *engine) release() error {
	if e.uses.Add(-1) > 0 {
		return nil
	}
	return e.Close()
}

// keptWindow is the counts of a rate-based rule and the statement they are of.
type keptWindow struct {
	of     *model.RateMatch
	counts *window
}

// window gives the counts of the rate-based rule that is compiled.
func (c *compiler) window(m *model.RateMatch) *window {
	w := newWindow(m.Limit, m.Window)
	if c.options.Before != nil {
		if old := c.options.Before.windows[c.place]; old != nil && reflect.DeepEqual(old.of, m) {
			w = old.counts
		}
	}
	c.set.windows[c.place] = &keptWindow{m, w}
	return w
}
