// SPDX-License-Identifier: Apache-2.0

// Package acme gets certificates from an authority that speaks ACME (RFC 8555),
// such as Let's Encrypt, and renews them.
//
// The flow: (1) Manage names the hosts that need one; for those that have none
// in Options.Dir the authority is asked, in the background, again and again with
// growing pauses; (2) the authority looks at the node: over HTTP (HTTP-01) it
// gets what Answer says, in a TLS handshake for acme-tls/1 (TLS-ALPN-01, RFC
// 8737) what Choose gives; (3) Choose gives the certificate of a name that has
// one, renewed in time; of others nothing, and whoever asked takes another.
//
// What it does not do: no DNS-01, so no wildcard names; it listens on nothing.
//
// Concurrency: all methods may be called by many at once. certmagic, which does
// the work, appears in no signature.
package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// Protocol is what a TLS-ALPN-01 handshake asks for, and nothing else does.
const Protocol = "acme-tls/1"

// Prefix begins the paths of HTTP-01.
const Prefix = "/.well-known/acme-challenge/"

// Options of a Manager.
type Options struct {
	// Directory is the URL of the authority's directory. Empty: Let's Encrypt.
	Directory string
	// Email is for the authority to write to. Required: by giving it the
	// operator agrees to the authority's terms.
	Email string
	// Dir keeps account, keys and certificates. Required.
	Dir string
	// Roots are trusted for Directory. Nil: the system's.
	Roots *x509.CertPool
	// HTTPPort and TLSPort are where the node's listeners are bound; 0: there
	// is none, and its challenge is not offered.
	HTTPPort, TLSPort int
	// Host is the address that they are bound on; empty: all.
	Host string
	// Log takes what an operator should know. Nil: dropped.
	Log *slog.Logger
}

// Stats count certificates since the start.
type Stats struct{ Obtained, Failed int64 }

// Manager gets and keeps certificates. Make it with Open.
type Manager struct {
	log    *slog.Logger
	config *certmagic.Config
	issuer *certmagic.ACMEIssuer
	cache  *certmagic.Cache
	names  atomic.Pointer[map[string]bool]

	obtained, failed atomic.Int64

	mu   sync.Mutex // Manage and Close
	ctx  context.Context
	stop context.CancelFunc
}

// Open makes a Manager of no names.
func Open(o Options) (*Manager, error) {
	if o.Email == "" || o.Dir == "" {
		return nil, errors.New("acme: an address to write to and a folder are required")
	}
	if o.HTTPPort == 0 && o.TLSPort == 0 {
		return nil, errors.New("acme: without HTTP and HTTPS no authority can look at the node")
	}
	m := &Manager{log: o.Log}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	m.names.Store(&map[string]bool{})
	m.ctx, m.stop = context.WithCancel(context.Background())
	quiet := zap.NewNop() // what matters comes as an event
	m.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return m.config, nil },
		Logger:           quiet,
	})
	m.config = certmagic.New(m.cache, certmagic.Config{
		Storage: &certmagic.FileStorage{Path: o.Dir}, Logger: quiet, OnEvent: m.event,
		OCSP: certmagic.OCSPConfig{DisableStapling: true},
	})
	directory := o.Directory
	if directory == "" {
		directory = certmagic.LetsEncryptProductionCA
	}
	m.issuer = certmagic.NewACMEIssuer(m.config, certmagic.ACMEIssuer{
		CA: directory, TestCA: directory, Email: o.Email, Agreed: true, TrustedRoots: o.Roots, Logger: quiet,
		ListenHost: o.Host, AltHTTPPort: o.HTTPPort, AltTLSALPNPort: o.TLSPort,
		DisableHTTPChallenge: o.HTTPPort == 0, DisableTLSALPNChallenge: o.TLSPort == 0,
	})
	m.config.Issuers = []certmagic.Issuer{m.issuer}
	return m, nil
}

// Manage makes these the names that have certificates. What is no public name
// is left out. It does not wait.
func (m *Manager) Manage(names []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, now := *m.names.Load(), map[string]bool{}
	var added []string
	for _, n := range names {
		n = strings.ToLower(strings.TrimSuffix(n, "."))
		switch {
		case now[n] || n == "localhost" || strings.HasSuffix(n, ".localhost") || !certmagic.SubjectQualifiesForPublicCert(n):
			continue
		case strings.HasPrefix(n, "*"):
			if !old[n] {
				m.log.Warn("no certificate by ACME for a wildcard name: that takes DNS-01, which is not built", "name", n)
			}
		case !old[n]:
			added = append(added, n)
		}
		now[n] = true
	}
	m.names.Store(&now)
	if len(added) == 0 {
		return nil
	}
	return m.config.ManageAsync(m.ctx, added)
}

// event is told what happens to a name.
func (m *Manager) event(_ context.Context, event string, data map[string]any) error {
	switch event {
	case "cert_obtained":
		m.obtained.Add(1)
		m.log.Info("a certificate is obtained by ACME", "name", data["identifier"], "renewal", data["renewal"])
	case "cert_failed":
		m.failed.Add(1)
		m.log.Warn("no certificate by ACME: the last one, or another, serves on until it works", "name", data["identifier"], "error", fmt.Sprint(data["error"]))
	}
	return nil
}

// Choose gives the certificate for a handshake, or the one that answers a
// challenge. Nil: there is none.
func (m *Manager) Choose(h *tls.ClientHelloInfo) *tls.Certificate {
	if m == nil || !(*m.names.Load())[strings.ToLower(strings.TrimSuffix(h.ServerName, "."))] {
		return nil
	}
	c, err := m.config.GetCertificate(h)
	if err != nil || c == nil || len(c.Certificate) == 0 {
		return nil
	}
	return c
}

// Answer is the body for a request of the authority by HTTP-01, host being its
// Host in lower case without a port. ok is false for
// any other request.
func (m *Manager) Answer(host, path string) (body string, ok bool) {
	if m == nil || !strings.HasPrefix(path, Prefix) || !(*m.names.Load())[host] {
		return "", false
	}
	r := &http.Request{Method: http.MethodGet, Host: host, URL: &url.URL{Path: path}, Header: http.Header{}}
	var w answer
	if !m.issuer.HandleHTTPChallenge(&w, r) {
		return "", false
	}
	return string(w.body), true
}

// answer takes what certmagic says to a challenge.
type answer struct {
	header http.Header
	body   []byte
}

func (a *answer) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}

func (a *answer) WriteHeader(int) {}

func (a *answer) Write(p []byte) (int, error) {
	a.body = append(a.body, p...)
	return len(p), nil
}

// Stats tells how often it worked.
func (m *Manager) Stats() Stats {
	if m == nil {
		return Stats{}
	}
	return Stats{m.obtained.Load(), m.failed.Load()}
}

// Close ends what runs in the background. Certificates stay on disk.
func (m *Manager) Close() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stop()
	m.cache.Stop()
}
