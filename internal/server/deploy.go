// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// Try finds out whether stacks can be served: it compiles them and builds their
// functions, and changes nothing.
func (s *Server) Try(ctx context.Context, stacks []*model.Stack) error {
	if err := clashes(stacks); err != nil {
		return err
	}
	s.mu.Lock()
	snap, err := s.compile(stacks)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	defer snap.close()
	return s.funcs.Try(ctx, s.unknown(snap))
}

// Deploy is Apply for whoever must know when it is done: when it returns nil, no
// request that begins later sees anything of what was before, the code of
// functions included. On an error what ran before goes on.
func (s *Server) Deploy(ctx context.Context, stacks []*model.Stack) error {
	if err := clashes(stacks); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := s.compile(stacks)
	if err != nil {
		return err
	}
	if err := s.funcs.Try(ctx, s.unknown(next)); err != nil {
		next.close()
		return err
	}
	s.access.Prepare(stacks)
	if err := s.funcs.Apply(ctx, next.functions()); err != nil {
		next.close()
		return err
	}
	err = s.funcs.Settle(ctx)
	return errors.Join(err, s.enforce(next, stacks))
}

// unknown are the functions of a snapshot that the current one has not: the
// others answer already.
func (s *Server) unknown(next *Snapshot) []*model.Function {
	fns := next.functions()
	if now := s.pin(); now != nil {
		defer now.release()
		have := now.functions()
		fns = slices.DeleteFunc(fns, func(f *model.Function) bool { return slices.Contains(have, f) })
	}
	return fns
}

// clashes finds names that two stacks of a node claim: AWS lets an account have
// each once.
func clashes(stacks []*model.Stack) error {
	var errs []error
	owner := map[string]string{}
	claim := func(kind, name, stack, pos string) {
		key := kind + " " + strings.ToLower(name)
		if before, taken := owner[key]; taken && before != stack {
			errs = append(errs, fmt.Errorf("%s: stack %s has %s %s already (give stages different names, by a parameter)", pos, before, kind, name))
		}
		owner[key] = stack
	}
	for _, st := range stacks {
		for _, d := range st.Distributions {
			for _, a := range d.Aliases {
				claim("alias", a, st.Name, d.Pos)
			}
		}
		for _, f := range st.Functions {
			claim("function", f.Name, st.Name, f.Pos)
		}
		for _, b := range st.Buckets {
			claim("bucket", b.Name, st.Name, b.Pos)
		}
		for _, d := range st.Domains {
			if d.LogicalID != "" {
				claim("domain", d.Name, st.Name, d.Pos)
			}
		}
	}
	return errors.Join(errs...)
}
