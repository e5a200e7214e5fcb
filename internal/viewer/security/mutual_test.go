// SPDX-License-Identifier: Apache-2.0

package security

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/hello"
)

// signer is an authority, or who it has signed for.
type signer struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// sign makes a certificate; nil: it signs itself.
func (s *signer) sign(t *testing.T, name string, change func(*x509.Certificate)) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	change(c)
	by := s
	if by == nil {
		by = &signer{c, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.Certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{made, key}
}

func authority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
}

func leaf(*x509.Certificate) {}

// shown is what a viewer sends.
func shown(chain ...*signer) []tls.Certificate {
	if len(chain) == 0 {
		return nil
	}
	c := tls.Certificate{PrivateKey: chain[0].key}
	for _, s := range chain {
		c.Certificate = append(c.Certificate, s.Raw)
	}
	return []tls.Certificate{c}
}

// meet is one handshake, of which the requests are told.
func meet(t *testing.T, server, viewer *tls.Config) (told httpmsg.TLS, st tls.ConnectionState, serverErr, viewerErr error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		defer s.Close()
		sc := tls.Server(s, server)
		if serverErr = sc.HandshakeContext(hello.With(t.Context(), &told)); serverErr == nil {
			_, _ = sc.Write([]byte{1})
		}
	}()
	viewer.InsecureSkipVerify = true
	cc := tls.Client(c, viewer)
	if viewerErr = cc.Handshake(); viewerErr == nil {
		_, viewerErr = cc.Read(make([]byte, 1))
	}
	st = cc.ConnectionState()
	_ = c.Close()
	<-served
	return told, st, serverErr, viewerErr
}

func TestC14Handshakes(t *testing.T) {
	var none *signer
	root := none.sign(t, "root", authority)
	middle := root.sign(t, "middle", authority)
	other := none.sign(t, "root", authority) // of the same name
	good, below := root.sign(t, "good", leaf), middle.sign(t, "below", leaf)
	expired := root.sign(t, "expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-24 * time.Hour) })
	early := root.sign(t, "early", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) })
	server := root.sign(t, "server", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	stranger, itself := other.sign(t, "stranger", leaf), none.sign(t, "itself", leaf)
	many := []*signer{good}
	for range mostCertificates {
		many = append(many, middle)
	}
	cas := []*x509.Certificate{root.Certificate}
	for _, tt := range []struct {
		name string
		m    Mutual
		show []*signer
		told int    // certificates that requests are told of; -1: refused
		why  string // it was refused
	}{
		{"required, none", Mutual{CAs: cas}, nil, -1, "certificate"},
		{"required, good", Mutual{CAs: cas}, []*signer{good}, 1, ""},
		{"required, by an intermediate that is shown", Mutual{CAs: cas}, []*signer{below, middle}, 2, ""},
		{"required, by an intermediate that is not shown", Mutual{CAs: cas}, []*signer{below}, -1, "unknown authority"},
		{"required, by an intermediate of the trust store", Mutual{CAs: []*x509.Certificate{middle.Certificate, root.Certificate}}, []*signer{below}, 1, ""},
		{"an intermediate is no root", Mutual{CAs: []*x509.Certificate{middle.Certificate}}, []*signer{below}, -1, "unknown authority"},
		{"required, of another authority of the name", Mutual{CAs: cas}, []*signer{stranger, other}, -1, "unknown authority"},
		{"required, signed by itself", Mutual{CAs: cas}, []*signer{itself}, -1, "unknown authority"},
		{"required, for servers", Mutual{CAs: cas}, []*signer{server}, -1, "usage"},
		{"required, expired", Mutual{CAs: cas}, []*signer{expired}, -1, "expired"},
		{"expired, and that is ignored", Mutual{CAs: cas, IgnoreExpiry: true}, []*signer{expired}, 1, ""},
		{"not valid yet", Mutual{CAs: cas, IgnoreExpiry: true}, []*signer{early}, -1, "not yet valid"},
		{"no authorities", Mutual{}, []*signer{good}, -1, "unknown authority"},
		{"no authorities, none shown", Mutual{Ask: Optional}, nil, 0, ""},
		{"optional, none", Mutual{Ask: Optional, CAs: cas}, nil, 0, ""},
		{"optional, good", Mutual{Ask: Optional, CAs: cas}, []*signer{good}, 1, ""},
		{"optional, of another authority", Mutual{Ask: Optional, CAs: cas}, []*signer{stranger}, -1, "unknown authority"},
		{"passthrough, none", Mutual{Ask: Passthrough}, nil, 0, ""},
		{"passthrough, any", Mutual{Ask: Passthrough}, []*signer{stranger, other}, 2, ""},
		{"passthrough, too many", Mutual{Ask: Passthrough}, many, -1, "too many"},
		{"closed", Mutual{Ask: Optional, CAs: cas, Closed: errors.New("not today")}, []*signer{good}, -1, "not today"},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(tt.name+" "+tls.VersionName(version), func(t *testing.T) {
				m := tt.m
				m.ID = "E1 terms"
				terms := New(Options{Site: func(string) Site { return Site{HTTP2: true, Mutual: &m} }, Certificate: always(ecdsaCertificate(t))})
				told, _, serverErr, viewerErr := meet(t, terms.TCP(), &tls.Config{MinVersion: version, MaxVersion: version, ServerName: "a.example", Certificates: shown(tt.show...)})
				if tt.told < 0 {
					if serverErr == nil || viewerErr == nil || !strings.Contains(serverErr.Error(), tt.why) || told.Mutual != "" || told.Certificates != nil {
						t.Errorf("%v, the viewer saw %v, told %+v", serverErr, viewerErr, told)
					}
					return
				}
				if serverErr != nil || viewerErr != nil || told.Mutual != "E1 terms" || len(told.Certificates) != tt.told || tt.told > 0 && string(told.Certificates[0]) != string(tt.show[0].Raw) {
					t.Errorf("%v %v, told %+v", serverErr, viewerErr, told)
				}
			})
		}
	}
}

func TestC14AdvertisedAuthorities(t *testing.T) {
	var none *signer
	root := none.sign(t, "root", authority)
	for _, advertise := range []bool{false, true} {
		m := &Mutual{ID: "E1", CAs: []*x509.Certificate{root.Certificate}, Advertise: advertise}
		terms := New(Options{Site: func(string) Site { return Site{Mutual: m} }, Certificate: always(ecdsaCertificate(t))})
		names := -1
		_, _, _, _ = meet(t, terms.TCP(), &tls.Config{ServerName: "a.example", GetClientCertificate: func(q *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			names = len(q.AcceptableCAs)
			return new(tls.Certificate), nil
		}})
		if want := map[bool]int{false: 0, true: 1}[advertise]; names != want {
			t.Errorf("advertise %v: %d names", advertise, names)
		}
	}
}

// TestC14NothingIsResumed: neither a session from before the site asked, nor one
// with a good certificate.
func TestC14NothingIsResumed(t *testing.T) {
	var none *signer
	root := none.sign(t, "root", authority)
	good := root.sign(t, "good", leaf)
	m := &Mutual{ID: "E1", CAs: []*x509.Certificate{root.Certificate}}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			var asks *Mutual
			terms := New(Options{Site: func(string) Site { return Site{Mutual: asks} }, Certificate: always(ecdsaCertificate(t))})
			config := terms.TCP()
			store := tls.NewLRUClientSessionCache(1)
			viewer := func(c []tls.Certificate) *tls.Config {
				return &tls.Config{MinVersion: version, MaxVersion: version, ServerName: "a.example", ClientSessionCache: store, Certificates: c}
			}
			if _, st, serverErr, _ := meet(t, config, viewer(nil)); serverErr != nil || st.DidResume {
				t.Fatalf("the first: %v", serverErr)
			}
			if _, st, _, _ := meet(t, config, viewer(nil)); !st.DidResume {
				t.Fatal("the second is not resumed: the test shows nothing")
			}
			asks = m
			if told, _, serverErr, viewerErr := meet(t, config, viewer(nil)); serverErr == nil || viewerErr == nil {
				t.Errorf("a session of before is a way in: %+v", told)
			}
			for range 2 {
				told, st, serverErr, viewerErr := meet(t, config, viewer(shown(good)))
				if serverErr != nil || viewerErr != nil || st.DidResume || len(told.Certificates) != 1 {
					t.Errorf("%v %v resumed %v told %+v", serverErr, viewerErr, st.DidResume, told)
				}
			}
			if _, _, serverErr, _ := meet(t, config, viewer(nil)); serverErr == nil {
				t.Error("the session of a good certificate is a way in without one")
			}
		})
	}
}

// TestC14NobodyIsTold: without a place to tell the certificate it is not asked
// for in vain.
func TestC14NobodyIsTold(t *testing.T) {
	m := &Mutual{ID: "E1", Ask: Optional}
	terms := New(Options{Site: func(string) Site { return Site{Mutual: m} }, Certificate: always(ecdsaCertificate(t))})
	if _, err := shake(t, terms.TCP(), &tls.Config{ServerName: "a.example"}); err == nil {
		t.Error("the handshake succeeds")
	}
}
