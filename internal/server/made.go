// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"strings"

	"github.com/forelane/forelane/internal/edge"
	"github.com/forelane/forelane/internal/model"
)

// ways are transports with connections that rest.
type ways []resting

func (w *ways) close() {
	for _, t := range *w {
		t.CloseIdleConnections()
	}
}

// made is the way to an origin that a function made. It is found as that of a
// template's origin is. What was given to the origin that it was made of, an
// address or a key to sign with, is not for another name.
func (s *Server) made(snap *Snapshot, st *model.Stack, d *model.Distribution, o *model.Origin) (edge.Made, error) {
	var w ways
	key := o.Sign
	raw, moved := s.override(d, o)
	if o.Made.Foreign {
		raw, moved = s.o.Origins[strings.ToLower(o.DomainName)]
		key = nil
	}
	own := *o
	own.Sign = key
	rt, err := s.madeWay(snap, &w, st, d, &own, raw)
	if err != nil {
		return edge.Made{}, err
	}
	if key != nil && !moved {
		rt = attest(rt, key)
	}
	return edge.Made{RoundTripper: rt, Close: w.close}, nil
}

func (s *Server) madeWay(snap *Snapshot, w *ways, st *model.Stack, d *model.Distribution, o *model.Origin, raw string) (http.RoundTripper, error) {
	if raw != "" {
		return s.moved(w, o, raw)
	}
	sp, err := s.spread(snap, w, o)
	if err != nil {
		return nil, err
	}
	if sp != nil {
		return sp, nil
	}
	if rt, err := s.here(snap, d, o); rt != nil || err != nil {
		return rt, err
	}
	return s.network(w, o), nil
}
