// SPDX-License-Identifier: Apache-2.0

// Package certificate keeps the operator's certificates and chooses one for a
// handshake.
//
// The flow: (1) Open reads the files, each of which must be whole; (2) Choose
// finds the certificates of a name (exact before wildcard, by their subject
// alternative names) and takes the first that the viewer can use, ECDSA before
// RSA; (3) Watch reads files anew when their folders change: a file that is
// broken keeps what was there, and is told; (4) a certificate carries the OCSP
// response beside its file (CERT.pem.ocsp, DER) for as long as that is valid.
//
// What it does not do: it asks no authority and no OCSP responder.
//
// Concurrency: a Store may be used by many at once. Handshakes read a table
// that is replaced as a whole; Reload and Watch exclude each other.
package certificate

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Files are a certificate with its chain, and its key, in PEM.
type Files struct {
	Cert string
	Key  string // "": the key is in Cert
}

// Store are the certificates of a node. Make it with Open.
type Store struct {
	log   *slog.Logger
	table atomic.Pointer[table]

	mu  sync.Mutex // Reload
	all []*loaded
}

// table finds certificates by name; *.example.com stands under its own text.
type table map[string][]*entry

// entry is a certificate with and without its OCSP response.
type entry struct {
	bare, stapled *tls.Certificate
	from, until   time.Time // when stapled is good; zero: never
}

func (e *entry) now() *tls.Certificate {
	if !e.until.IsZero() {
		if now := time.Now(); now.Before(e.until) && !now.Before(e.from) {
			return e.stapled
		}
	}
	return e.bare
}

// Open reads all files. One that cannot be used is an error. Log takes what is
// to be said later, never a key; nil: dropped.
func Open(files []Files, log *slog.Logger) (*Store, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Store{log: log}
	var errs []error
	for _, f := range files {
		l := &loaded{files: f}
		if _, err := l.read(); err != nil {
			errs = append(errs, err)
			continue
		}
		s.all = append(s.all, l)
		s.warn(l)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s.fill()
	return s, nil
}

// Reload reads the files anew. What is broken keeps what was there.
func (s *Store) Reload() {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := false
	for _, l := range s.all {
		changed, err := l.read()
		if err != nil {
			s.log.Warn("a certificate was not taken over; the one of before stays", "err", err)
			continue
		}
		if changed {
			fresh = true
			s.log.Info("certificate taken over", "file", l.files.Cert, "names", names(l.entry), "until", l.entry.bare.Leaf.NotAfter)
			s.warn(l)
		}
	}
	if fresh {
		s.fill()
	}
}

// warn tells what is wrong with a certificate that is used all the same.
func (s *Store) warn(l *loaded) {
	if leaf := l.entry.bare.Leaf; time.Now().After(leaf.NotAfter) {
		s.log.Warn("a certificate has expired", "file", l.files.Cert, "until", leaf.NotAfter)
	}
	if l.ocsp != nil {
		s.log.Warn("an OCSP response is not stapled", "err", l.ocsp)
	}
}

// fill makes the table anew.
func (s *Store) fill() {
	t := table{}
	for _, l := range s.all {
		for _, n := range names(l.entry) {
			t[n] = append(t[n], l.entry)
		}
	}
	for _, of := range t {
		slices.SortStableFunc(of, func(a, b *entry) int { return cost(a) - cost(b) })
	}
	s.table.Store(&t)
}

// names are what a certificate is for: hosts in lower case, and addresses.
func names(e *entry) []string {
	var all []string
	for _, n := range e.bare.Leaf.DNSNames {
		all = append(all, strings.ToLower(n))
	}
	for _, ip := range e.bare.Leaf.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			all = append(all, a.Unmap().String())
		}
	}
	return all
}

// cost orders the certificates of a name by what a signature costs.
func cost(e *entry) int {
	switch e.bare.Leaf.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return 0
	case *rsa.PublicKey:
		return 2
	}
	return 1
}

// Choose is the certificate for a handshake, or nil when none is for the name.
// Without SNI it is the one of the address that the viewer connected to.
func (s *Store) Choose(h *tls.ClientHelloInfo) *tls.Certificate {
	t := *s.table.Load()
	name := strings.ToLower(strings.TrimSuffix(h.ServerName, "."))
	if name == "" && h.Conn != nil {
		name = host(h.Conn.LocalAddr())
	}
	exact := t[name]
	var wild []*entry
	if i := strings.IndexByte(name, '.'); i > 0 {
		wild = t["*"+name[i:]]
	}
	for _, of := range [][]*entry{exact, wild} {
		for _, e := range of {
			if h.SupportsCertificate(e.bare) == nil {
				return e.now()
			}
		}
	}
	for _, of := range [][]*entry{exact, wild} {
		if len(of) > 0 { // the handshake says what is wrong with it
			return of[0].now()
		}
	}
	return nil
}

func host(a net.Addr) string {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return ""
	}
	return at.Addr().Unmap().WithZone("").String()
}

// String is for the operator.
func (f Files) String() string {
	if f.Key == "" {
		return f.Cert
	}
	return fmt.Sprintf("%s, %s", f.Cert, f.Key)
}
