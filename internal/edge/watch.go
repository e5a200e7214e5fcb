// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"

	"github.com/forelane/forelane/internal/edge/vigil"
)

// watch tells the lease or flight when the viewer leaves.
func (x *Exchange) watch() {
	s := &x.store
	switch {
	case x.role == forRefresh:
	case s.lease != nil:
		s.vigil = vigil.New(x.ctx, s.lease)
	case s.flight != nil:
		s.unwatch = context.AfterFunc(x.ctx, s.flight.Leave)
	}
}

// unwatchAll ends what watch began. complete: the viewer has its answer, and a
// fill that is still going on may go on alone.
func (s *stored) unwatchAll(complete bool) {
	if s.vigil != nil {
		s.vigil.End(complete)
		s.vigil = nil
	}
	if s.unwatch != nil && s.unwatch() && !complete {
		s.flight.Leave()
	}
	s.unwatch = nil
}
