// SPDX-License-Identifier: Apache-2.0

package function

import (
	"context"
	"errors"
	"fmt"

	"github.com/forelane/forelane/internal/model"
)

// Try builds the code of functions and changes nothing: what is built is found
// again by the next Apply. The error names those that cannot be built. A
// function whose code is not there at all is no error, as for Apply: its calls
// answer one, and the fidelity report says so.
func (s *Service) Try(ctx context.Context, fns []*model.Function) error {
	var errs []error
	for _, fn := range fns {
		if fn.Image != "" || fn.Code.Missing != "" {
			continue
		}
		select {
		case s.builds <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		_, err := s.builder.Prepare(ctx, fn)
		<-s.builds
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: function %s: %w", fn.Pos, fn.LogicalID, err))
		}
	}
	return errors.Join(errs...)
}

// Settle waits until no build runs: what Apply was given last is then what
// answers, but for functions that cannot be built.
func (s *Service) Settle(ctx context.Context) error {
	s.mu.RLock()
	all := s.all
	s.mu.RUnlock()
	for _, f := range all {
		f.mu.Lock()
		settled := f.settled
		f.mu.Unlock()
		if settled == nil {
			continue
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
