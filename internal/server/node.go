// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"fmt"
	"strings"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/model"
)

// node is what the admin side sees of a Server.
type node struct{ s *Server }

// Status is the ready event of the current revision, with figures.
func (n node) Status() any { return n.s.Ready() }

// AppendMetrics appends the series of the node in Prometheus's text format.
func (n node) AppendMetrics(b []byte) []byte {
	n.s.figures.Store(n.s.look())
	return n.s.meter.AppendText(b)
}

// Invoke calls a function by name, ARN or logical id.
func (n node) Invoke(ctx context.Context, in *model.Invocation) (*model.InvocationResult, error) {
	return n.s.Invoke(ctx, in)
}

// Invoke calls a function by name, ARN or logical id.
func (s *Server) Invoke(ctx context.Context, in *model.Invocation) (*model.InvocationResult, error) {
	snap := s.pin()
	if snap == nil {
		return nil, &model.InvokeError{Fault: model.FaultNotFound, Msg: "nothing is running"}
	}
	defer snap.release()
	for _, st := range snap.stacks {
		if f, qualifier := st.Function(in.Function); f != nil {
			named := *in
			if named.Function = f.Name; qualifier != "" {
				named.Function += ":" + qualifier
			}
			return s.funcs.Invoke(ctx, &named)
		}
	}
	return s.funcs.Invoke(ctx, in)
}

// Invalidate drops cached objects of one distribution, or of all.
func (n node) Invalidate(distribution string, paths []string) (int, error) {
	snap := n.s.pin()
	if snap == nil {
		return 0, fmt.Errorf("nothing is running")
	}
	defer snap.release()
	var parsed []cache.Path
	for _, p := range paths {
		if i := strings.IndexByte(p, '*'); i >= 0 && i != len(p)-1 {
			return 0, fmt.Errorf("path %q: the star may only be the last character", p)
		}
		parsed = append(parsed, cache.ParsePath(p))
	}
	done := 0
	for _, st := range snap.stacks {
		for _, d := range st.Distributions {
			if distribution == "" || distribution == d.ID || distribution == d.LogicalID {
				n.s.cache.Invalidate(d.ID, parsed)
				done++
			}
		}
	}
	if done == 0 {
		return 0, fmt.Errorf("there is no distribution %q", distribution)
	}
	return done, nil
}

// FlushCache drops what the cache of a stage keeps.
func (n node) FlushCache(api, stage string) bool {
	snap := n.s.pin()
	if snap == nil {
		return false
	}
	defer snap.release()
	for _, u := range snap.units {
		if u.gateway.FlushCache(api, stage) {
			return true
		}
	}
	return false
}

// Logs gives the kept lines of a function and then, if follow, the new ones.
func (n node) Logs(ctx context.Context, name string, follow bool, emit func(any) error) error {
	if name != "" {
		snap := n.s.pin()
		if snap == nil {
			return fmt.Errorf("nothing is running")
		}
		known := false
		for _, st := range snap.stacks {
			if f, _ := st.Function(name); f != nil {
				name, known = f.Name, true
			}
		}
		snap.release()
		if !known {
			return fmt.Errorf("there is no function %q", name)
		}
	}
	return n.s.lines.read(ctx, name, follow, emit)
}
