// SPDX-License-Identifier: Apache-2.0

package server

import (
	"github.com/forelane/forelane/internal/edge"
	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/webacl"
)

// compileShields makes the web ACLs of all stacks: a distribution may name one
// of another stack. What the requests of the current snapshot taught them goes
// on; it is not closed meanwhile, for only Apply retires it.
func (s *Server) compileShields(snap *Snapshot) error {
	var all []*model.WebACL
	for _, st := range snap.stacks {
		all = append(all, st.WebACLs...)
	}
	o := webacl.Options{Log: s.access.OfACL, Place: s.o.Geo.Find}
	if old := s.current.Load(); old != nil {
		o.Before = old.shields
	}
	set, err := webacl.Compile(all, o)
	if err != nil {
		return err
	}
	snap.shields = set
	return nil
}

// edgeShields gives distributions their web ACLs. A nil *webacl.ACL must not
// become an interface that is not nil.
func edgeShields(set *webacl.Set, m *aclMeters) func(string) edge.Shield {
	return func(arn string) edge.Shield {
		if a := set.ACL(arn); a != nil {
			return counted{a, m}
		}
		return nil
	}
}

// stageShields gives stages of REST APIs theirs.
func stageShields(set *webacl.Set, m *aclMeters) func(string) gateway.Shield {
	return func(arn string) gateway.Shield {
		if a := set.ACL(arn); a != nil {
			return counted{a, m}
		}
		return nil
	}
}
