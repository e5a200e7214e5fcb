// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// node is what the admin side sees of a Server.
type node struct{ s *Server }

// Status is the ready event of the current revision, with figures.
func (n node) Status() any { return n.s.Ready() }

// AppendMetrics appends the series of the node in Prometheus's text format.
func (n node) AppendMetrics(b []byte) []byte {
	return n.s.AppendMetrics(b)
}

// Health tells whether the node should get requests.
func (n node) Health() (ready bool, report any) {
	h := n.s.Health()
	return h.Ready, h
}

// Build tells what the binary was made of.
func (n node) Build() any { return n.s.build() }

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

// errNoTunnel is a node that agents cannot dial.
var errNoTunnel = errors.New("this node has no --tunnel: no agent can dial it")

// Token issues a token for agents.
func (n node) Token(origins []string, life time.Duration, reusable bool) (id, token string, err error) {
	if n.s.hub == nil {
		return "", "", errNoTunnel
	}
	return n.s.hub.Issue(origins, life, reusable)
}

// Revoke takes an agent or a token back.
func (n node) Revoke(id string) error {
	if n.s.hub == nil {
		return errNoTunnel
	}
	return n.s.hub.Revoke(id)
}

// Agents are those that have joined.
func (n node) Agents() (any, error) {
	if n.s.hub == nil {
		return nil, errNoTunnel
	}
	return n.s.hub.Agents(), nil
}
