// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"

	"github.com/forelane/forelane/internal/edge"
	"github.com/forelane/forelane/internal/viewer/security"
)

// ticketFile keeps the keys of session tickets below Options.Data: a viewer
// resumes with a node that was started anew, and with a successor.
const ticketFile = "ticket-keys"

// terms are the TLS side of the listeners: SNI names the distribution, whose
// policy and HTTP versions count.
func (s *Server) terms() *security.Terms {
	return security.New(security.Options{
		Site: func(name string) security.Site {
			if snap := s.current.Load(); snap != nil {
				return snap.site(name)
			}
			return security.Site{HTTP2: true}
		},
		Certificate: s.certificates(),
		Challenge:   s.challenge(),
		Tickets:     &security.Tickets{File: filepath.Join(s.o.Data, ticketFile), Log: s.log},
	})
}

// certificates chooses: the operator's for a name, else one by ACME, else the
// local authority's.
func (s *Server) certificates() func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	local := func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return nil, fmt.Errorf("there is no certificate for %q", h.ServerName)
	}
	if s.o.CA != nil {
		local = s.o.CA.Certificates(func(name string) bool {
			snap := s.current.Load()
			return snap != nil && snap.allows(name)
		})
	}
	own := s.o.Certificates
	return func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if own != nil {
			if c := own.Choose(h); c != nil {
				return c, nil
			}
		}
		if c := s.acme.Choose(h); c != nil {
			return c, nil
		}
		return local(h)
	}
}

// site is what a handshake must know of the name in SNI. APIs, function URLs
// and buckets speak HTTP/2 under the default policy. Names that are nobody's
// (localhost, an address, none) are the only distribution's; when there are
// several, the Host of a request decides what is refused (421).
func (snap *Snapshot) site(name string) security.Site {
	if net.ParseIP(name) != nil {
		name = ""
	}
	if name != "" {
		for _, u := range snap.units {
			if s, known := u.edge.Secure(name); known {
				return snap.siteOf(s)
			}
		}
		if snap.plane(name) != nil {
			return security.Site{HTTP2: true, Mutual: snap.domainTerms(name)}
		}
	}
	if len(snap.units) == 1 {
		if s, _ := snap.units[0].edge.Secure(name); s != nil {
			return snap.siteOf(s)
		}
	}
	return security.Site{HTTP2: true, HTTP3: true}
}

// domainTerms are those of a custom domain that asks for certificates, or nil.
func (snap *Snapshot) domainTerms(name string) *security.Mutual {
	for _, u := range snap.units {
		if u.gateway.Owns(name) {
			return snap.mutual[u.gateway.Mutual(name)]
		}
	}
	return nil
}

func (snap *Snapshot) siteOf(s *edge.Secure) security.Site {
	site := security.Site{Policy: security.Named(s.Policy), HTTP2: s.HTTP2, HTTP3: s.HTTP3, Fingerprint: s.Fingerprint}
	if s.Mutual != "" {
		site.Mutual = snap.mutual[s.Mutual]
	}
	return site
}
