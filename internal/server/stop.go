// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"time"
)

// The time that an idle HTTP/1 connection of a stopping node has for one more
// request: a successor makes it cheap to give it some.
const (
	idleGrace    = 100 * time.Millisecond
	retiredGrace = 3 * time.Second
)

func (s *Server) grace(ctx context.Context) time.Duration {
	d := idleGrace
	if s.succeeded.Load() {
		d = retiredGrace
	}
	if end, ok := ctx.Deadline(); ok {
		d = min(d, time.Until(end)/2)
	}
	return d
}

// Succeeded tells, before Close, that another process accepts on the listeners
// already.
func (s *Server) Succeeded() { s.succeeded.Store(true) }

// Close makes the node unready, waits for DrainDelay, stops accepting on all
// listeners, lets requests finish until ctx ends,
// and stops everything that New and Apply started.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := []error{s.closeListeners(ctx)}
	s.acme.Close()
	if s.hub != nil {
		errs = append(errs, s.hub.Close(ctx))
	}
	s.names.close()
	s.elders.close()
	if s.gateways != nil {
		s.gateways.Close()
	}
	if last := s.current.Swap(nil); last != nil {
		s.draining.Go(last.retire)
	}
	errs = append(errs, s.funcs.Close(ctx))
	s.toIssuers.CloseIdleConnections()
	s.toServices.CloseIdleConnections()
	done := make(chan struct{})
	go func() {
		s.draining.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		errs = append(errs, errors.New("server: requests were still under way"))
	}
	if s.book != nil {
		s.book.Close()
	}
	errs = append(errs, s.late.close(ctx, s.cache))
	errs = append(errs, s.access.Close(), s.logs.Close(ctx), s.closeTracer(ctx))
	if s.disk != nil {
		errs = append(errs, s.disk.Close())
	}
	s.kept.close()
	errs = append(errs, s.o.Geo.Close())
	return errors.Join(errs...)
}
