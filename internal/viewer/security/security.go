// SPDX-License-Identifier: Apache-2.0

// Package security decides how a listener speaks TLS with each viewer.
//
// The flow, once a handshake: (1) SNI names the site; (2) its security policy
// and its HTTP versions choose one of the few configurations there are, made
// on first use and shared from then on; (3) the certificate comes from who
// made the Terms; (4) a session ticket carries policy and SNI, and resumes
// only where both are the same again; a site that asks its viewers for
// certificates has none (mutual.go).
//
// What it does not do: it reads no template and keeps no certificate.
//
// Concurrency: Terms and Tickets may be used by many at once.
package security

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/forelane/forelane/internal/viewer/hello"
)

// Site is what a handshake must know of the distribution that SNI names. The
// zero Site has the default policy and speaks HTTP/1.1.
type Site struct {
	Policy       Policy
	HTTP2, HTTP3 bool
	Fingerprint  bool    // JA3 and JA4 are wanted
	Mutual       *Mutual // how viewers are asked for certificates; nil: they are not
}

// Options of Terms.
type Options struct {
	// Site is called with the lower-case SNI, or "" when there is none. Nil:
	// every name speaks HTTP/2 under the default policy.
	Site func(name string) Site
	// Certificate chooses for one handshake. Required.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Challenge gives the certificate for a TLS-ALPN-01 handshake (RFC 8737),
	// which asks for acme-tls/1 and nothing else. Nil: such handshakes fail.
	Challenge func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Tickets are shared by all listeners of a node. Nil: tickets of these
	// Terms alone.
	Tickets *Tickets
}

// Terms are the TLS side of one or more listeners.
type Terms struct {
	o     Options
	mu    sync.RWMutex
	kinds map[kind]*tls.Config
}

// kind is what tells configurations apart.
type kind struct {
	policy   Policy
	h2, quic bool
}

// New makes Terms.
func New(o Options) *Terms {
	if o.Site == nil {
		o.Site = func(string) Site { return Site{HTTP2: true} }
	}
	if o.Tickets == nil {
		o.Tickets = new(Tickets)
	}
	return &Terms{o: o, kinds: make(map[kind]*tls.Config)}
}

// TCP is the configuration of a listener for HTTP/1.1 and HTTP/2.
func (t *Terms) TCP() *tls.Config {
	c := t.base(kind{policy: SSLv3, h2: true}) // the widest; what counts is chosen below
	c.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		if t.o.Challenge != nil && len(h.SupportedProtos) == 1 && h.SupportedProtos[0] == "acme-tls/1" {
			return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: h.SupportedProtos, GetCertificate: t.o.Challenge}, nil
		}
		site := t.o.Site(serverName(h.ServerName))
		if site.Fingerprint {
			hello.Mark(h, false)
		}
		// HTTP/2 needs TLS 1.2 (RFC 9113 9.2).
		modern := slices.ContainsFunc(h.SupportedVersions, func(v uint16) bool { return v == tls.VersionTLS12 || v == tls.VersionTLS13 })
		return t.configFor(h, &site, kind{policy: site.Policy, h2: site.HTTP2 && modern})
	}
	return c
}

// errNoHTTP3 ends a handshake by QUIC with a site that has not switched it on.
var errNoHTTP3 = errors.New("the site that SNI names does not speak HTTP/3")

// QUIC is the configuration of a listener for HTTP/3. Fingerprints go where
// the context of the connection says: see hello.With.
func (t *Terms) QUIC() *tls.Config {
	c := t.base(kind{policy: TLSv13_2025, quic: true})
	c.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		site := t.o.Site(serverName(h.ServerName))
		if !site.HTTP3 {
			return nil, errNoHTTP3
		}
		if site.Fingerprint {
			hello.Mark(h, true)
		}
		return t.configFor(h, &site, kind{policy: site.Policy, quic: true})
	}
	return c
}

// serverName is SNI in the form that tables of hosts have.
func serverName(sni string) string { return strings.ToLower(strings.TrimSuffix(sni, ".")) }

// configFor is the configuration for one handshake: the shared one of its kind,
// or one of its own where viewers are asked for certificates.
func (t *Terms) configFor(h *tls.ClientHelloInfo, site *Site, k kind) (*tls.Config, error) {
	m := site.Mutual
	switch {
	case m == nil:
		return t.config(k), nil
	case m.Closed != nil:
		return nil, m.Closed
	}
	c := t.base(k)
	m.demand(h.Context(), c)
	return c, nil
}

// config is the shared configuration of a kind, with keys of tickets that are
// not too old.
func (t *Terms) config(k kind) *tls.Config {
	t.o.Tickets.turn()
	t.mu.RLock()
	c := t.kinds[k]
	t.mu.RUnlock()
	if c != nil {
		return c
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if c = t.kinds[k]; c == nil {
		c = t.base(k)
		t.o.Tickets.bind(c, k.policy)
		t.kinds[k] = c
	}
	return c
}

// base is a configuration of a kind without tickets.
func (t *Terms) base(k kind) *tls.Config {
	c := &tls.Config{
		MinVersion:       k.policy.minVersion(),
		CipherSuites:     k.policy.suites(),
		CurvePreferences: curves(),
		GetCertificate:   t.o.Certificate,
		NextProtos:       []string{"http/1.1"},
		// An edge sends whole objects: small first records cost more than they save.
		DynamicRecordSizingDisabled: true,
	}
	switch {
	case k.quic:
		c.MinVersion, c.NextProtos = tls.VersionTLS13, []string{"h3"}
	case k.h2:
		c.NextProtos = []string{"h2", "http/1.1"}
	}
	return c
}
