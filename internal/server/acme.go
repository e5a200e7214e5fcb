// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"path/filepath"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/viewer/acme"
)

// ACMEOptions say by which authority names get certificates.
type ACMEOptions struct {
	// Email is for the authority to write to; giving it agrees to the
	// authority's terms. Empty: no certificates by ACME.
	Email string
	// Directory is the URL of the authority. Empty: Let's Encrypt.
	Directory string
	// Roots are trusted for Directory. Nil: the system's.
	Roots *x509.CertPool
}

// openACME begins to get certificates, once the ports are known. They are kept
// in Data/certificates.
func (s *Server) openACME() error {
	o := s.o.ACME
	s.showCertificates()
	if o.Email == "" {
		return nil
	}
	ports, host := map[string]int{}, ""
	for _, l := range s.listeners {
		if tcp, ok := l.addr.(*net.TCPAddr); ok && l.kind != "admin" {
			ports[l.kind], host = tcp.Port, tcp.IP.String()
		}
	}
	m, err := acme.Open(acme.Options{
		Directory: o.Directory, Email: o.Email, Dir: filepath.Join(s.o.Data, "certificates"), Roots: o.Roots,
		HTTPPort: ports["http"], TLSPort: ports["https"], Host: host, Log: s.log,
	})
	s.acme = m
	return err
}

// showCertificates counts what became of them.
func (s *Server) showCertificates() {
	of := func(result string, read func(acme.Stats) int64) {
		s.meter.CounterFunc("forelane_acme_certificates_total", "Certificates by what came of asking for them by ACME, renewals included.",
			func() float64 { return float64(read(s.acme.Stats())) }, label("result", result))
	}
	of("obtained", func(a acme.Stats) int64 { return a.Obtained })
	of("failed", func(a acme.Stats) int64 { return a.Failed })
}

// manageNames names the hosts that want a certificate by ACME: aliases of
// distributions and custom domains that the operator has none for.
func (s *Server) manageNames(stacks []*model.Stack) {
	if s.acme == nil {
		return
	}
	var names []string
	for _, st := range stacks {
		for _, d := range st.Distributions {
			if d.Enabled {
				names = append(names, d.Aliases...)
			}
		}
		for _, d := range st.Domains {
			names = append(names, d.Name)
		}
	}
	if err := s.acme.Manage(names); err != nil {
		s.log.Warn("no certificates by ACME", "error", err)
	}
}

// challenge answers TLS-ALPN-01; nil when no certificates are got.
func (s *Server) challenge() func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if s.o.ACME.Email == "" {
		return nil
	}
	return func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if c := s.acme.Choose(h); c != nil {
			return c, nil
		}
		return nil, errNoChallenge
	}
}

var errNoChallenge = errors.New("nobody is asking for a certificate of this name")
