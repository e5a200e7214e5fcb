// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/forelane/forelane/internal/edge"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/peer"
	"github.com/forelane/forelane/internal/viewer"
)

// Peers joins a node with the other edges of its region: misses ask the node
// that owns the key in place of the origin (package peer).
type Peers struct {
	// Self is this node's name among Members; its certificate is for it.
	Self string
	// Listen is the address for the other nodes; port 0 picks one. Empty: this
	// node is not asked.
	Listen string
	// Members are the edges of the region. Nil: misses ask the origin.
	Members peer.Members
	// Gateways are the nodes that answer for APIs and function URLs in place of
	// this one (Options.NoGateway). Nil: there are none.
	Gateways peer.Members
	Identity peer.Identity
	// Patience is how long an owner may take to say that it takes a question.
	// 0: peer.Options has the default.
	Patience time.Duration
	// Applied tells how much of the log of invalidations this node has applied.
	// It must be raised after Server.Drop has returned. Nil: there is no log, and
	// an invalidation must be done on all nodes before it counts as done.
	Applied func() uint64
	// Revision names what a stack is compiled of: nodes with different ones do
	// not answer each other. Nil: a digest of its distributions.
	Revision func(*model.Stack) string
}

func (s *Server) listenPeers(ctx context.Context) error {
	p := s.o.Peers
	if p == nil {
		return nil
	}
	if p.Gateways != nil {
		s.gateways = peer.New(peer.Options{Self: p.Self, Members: p.Gateways, Identity: p.Identity, Patience: p.Patience, Log: s.log})
	}
	if p.Listen == "" {
		return nil
	}
	ln, err := viewer.Bind(ctx, p.Listen, false)
	if err != nil {
		return fmt.Errorf("peers: %w", err)
	}
	if p.Members != nil {
		s.peers = peer.New(peer.Options{Self: p.Self, Members: p.Members, Identity: p.Identity, Patience: p.Patience, Log: s.log})
	}
	srv := peer.Serve(ln, p.Identity, relay{s}, porter{s})
	s.listeners = append(s.listeners, &listener{
		kind: "peers", addr: srv.Addr(), serve: func() error { return nil },
		close: func(ctx context.Context) error {
			if s.peers != nil {
				s.peers.Close()
			}
			return srv.Close(ctx)
		},
	})
	return nil
}

// relay answers questions of peers by the current snapshot.
type relay struct{ s *Server }

// Relay finds the edge that has the distribution.
func (r relay) Relay(ctx context.Context, q *peer.Question, w *peer.Writer) error {
	snap := r.s.pin()
	if snap == nil {
		return peer.ErrRefused
	}
	defer snap.release()
	for _, u := range snap.units {
		if err := u.edge.Relay(ctx, q, w); !errors.Is(err, peer.ErrRefused) {
			return err
		}
	}
	return peer.ErrRefused
}

// joinPeers gives the edge of a stack its peers.
func (s *Server) joinPeers(st *model.Stack, d *edge.Deps) error {
	if s.peers == nil {
		return nil
	}
	d.Peers, d.Applied = s.peers, s.o.Peers.Applied
	if f := s.o.Peers.Revision; f != nil {
		d.Revision = f(st)
		return nil
	}
	h := sha256.New()
	for _, m := range st.Distributions {
		c := *m
		c.Pos = "" // the folder is each node's own
		b, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("stack %s: %w", st.Name, err)
		}
		h.Write(b)
	}
	d.Revision = hex.EncodeToString(h.Sum(nil))
	return nil
}
