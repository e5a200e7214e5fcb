// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/forelane/forelane/internal/bucket"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/origin"
)

// divert is the way to an origin that a function made of one of the template's
// (row E5). It is called while requests are served, so it changes nothing of
// the snapshot: connections that rest in such a way close themselves. Another
// address counts where it is given for the host, and not for the id of the
// origin that the function has left.
func (s *Server) divert(snap *Snapshot, d *model.Distribution, o *model.Origin) (http.RoundTripper, error) {
	rt, err := s.diverted(snap, d, o)
	if err != nil || o.Sign == nil {
		return rt, err
	}
	return attest(rt, o.Sign), nil
}

func (s *Server) diverted(snap *Snapshot, d *model.Distribution, o *model.Origin) (http.RoundTripper, error) {
	host := strings.ToLower(o.DomainName)
	if raw, ok := s.o.Origins[host]; ok {
		moved, err := overridden(o, raw)
		if err != nil {
			return nil, err
		}
		if s.o.OriginSigner == nil {
			moved.Access, moved.OAI = nil, ""
		}
		return rename(s.outside(moved), o, raw), nil
	}
	for _, st := range snap.stacks {
		for _, m := range st.Buckets {
			rest, _ := bucket.Hosts(m, st.URLSuffix)
			for _, h := range rest {
				if h == host {
					return signed{snap.direct[host], originCaller(st, d, o)}, nil
				}
			}
		}
	}
	if rt := snap.plane(host); rt != nil {
		if o.Access != nil && o.Access.Type == "lambda" && o.Access.Signing != "never" {
			return signing{rt}, nil
		}
		return rt, nil
	}
	if was := d.Origin(o.ID); was != nil && strings.EqualFold(was.DomainName, o.DomainName) {
		return s.outside(o), nil
	}
	foreign := net.Dialer{KeepAlive: 30 * time.Second, Control: notHere}
	return origin.New(o, origin.Options{Roots: s.o.Roots, Sign: s.o.OriginSigner, ClientCert: s.o.OriginCert, Dial: foreign.DialContext}), nil
}

// notHere refuses to connect to this machine and its link. A name that a
// function gave may be made of what a viewer sent, and what answers there, such
// as the admin side of a node or a cloud's metadata, is not for viewers.
func notHere(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if a := at.Addr().Unmap(); a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast() {
		return fmt.Errorf("a function gave a name that leads to %s: give that host's address with --origin", a)
	}
	return nil
}
