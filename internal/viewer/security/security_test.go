// SPDX-License-Identifier: Apache-2.0

package security

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func selfSigned(t *testing.T, key crypto.Signer) *tls.Certificate {
	t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"*.example"}, NotAfter: time.Now().Add(1000 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func ecdsaCertificate(t *testing.T) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return selfSigned(t, key)
}

// always gives one certificate.
func always(c *tls.Certificate) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c, nil }
}

// shake is one handshake and, so that tickets of TLS 1.3 arrive, one byte.
func shake(t *testing.T, server, viewer *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0") // a pipe has no buffer: both sides write at the end of a handshake
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
	defer func() { <-served }()
	go func() {
		defer close(served)
		defer s.Close()
		if sc := tls.Server(s, server); sc.Handshake() == nil {
			_, _ = sc.Write([]byte{1})
		}
	}()
	viewer.InsecureSkipVerify = true
	cc := tls.Client(c, viewer)
	if err := cc.Handshake(); err != nil {
		_ = c.Close()
		return tls.ConnectionState{}, err
	}
	_, err = cc.Read(make([]byte, 1))
	return cc.ConnectionState(), err
}

func TestE8Policies(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	cert := selfSigned(t, key)
	type offer struct {
		name    string
		version uint16
		suite   uint16 // 0: any
	}
	offers := []offer{
		{"TLS 1.3", tls.VersionTLS13, 0},
		{"GCM", tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
		{"CHACHA20", tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256},
		{"CBC SHA256", tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256},
		{"RSA GCM", tls.VersionTLS12, tls.TLS_RSA_WITH_AES_256_GCM_SHA384},
		{"CBC SHA", tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA},
		{"TLS 1.1", tls.VersionTLS11, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA},
		{"TLS 1.0", tls.VersionTLS10, tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		{"3DES", tls.VersionTLS12, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA},
		{"RC4", tls.VersionTLS12, tls.TLS_RSA_WITH_RC4_128_SHA},
	}
	// One character an offer, in that order: y is taken, . is refused.
	for name, want := range map[string]string{
		"SSLv3": "yyyyyyyyy.", "TLSv1": "yyyyyyyyy.", "TLSv1_2016": "yyyyyyyy..", "TLSv1.1_2016": "yyyyyyy...",
		"TLSv1.2_2018": "yyyyy.....", "TLSv1.2_2019": "yyyy......", "TLSv1.2_2021": "yyy.......", "TLSv1.2_2025": "yy........",
		"TLSv1.3_2025": "y.........", "": "yyy.......", "TLSv9_2099": "yyy.......",
	} {
		t.Run(name, func(t *testing.T) {
			terms := New(Options{Site: func(string) Site { return Site{Policy: Named(name)} }, Certificate: always(cert)})
			for i, o := range offers {
				v := &tls.Config{MinVersion: o.version, MaxVersion: o.version, ServerName: "a.example"}
				if o.suite != 0 {
					v.CipherSuites = []uint16{o.suite}
				}
				st, err := shake(t, terms.TCP(), v)
				if (err == nil) != (want[i] == 'y') {
					t.Errorf("%s: %v", o.name, err)
				}
				if err == nil && (st.Version != o.version || o.suite != 0 && st.CipherSuite != o.suite) {
					t.Errorf("%s: got %s %s", o.name, tls.VersionName(st.Version), tls.CipherSuiteName(st.CipherSuite))
				}
			}
		})
	}
}

func TestC10Protocols(t *testing.T) {
	terms := New(Options{Certificate: always(ecdsaCertificate(t)), Site: func(name string) Site {
		return Site{Policy: TLSv1, HTTP2: name == "two.example", HTTP3: name == "three.example"}
	}})
	both := []string{"h2", "http/1.1"}
	for _, tt := range []struct {
		name, sni, want string
		newest          uint16
	}{
		{"http2", "TWO.example", "h2", 0},
		{"http1.1", "one.example", "http/1.1", 0},
		{"HTTP/2 needs TLS 1.2", "two.example", "http/1.1", tls.VersionTLS11},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st, err := shake(t, terms.TCP(), &tls.Config{ServerName: tt.sni, NextProtos: both, MinVersion: tls.VersionTLS10, MaxVersion: tt.newest})
			if err != nil || st.NegotiatedProtocol != tt.want {
				t.Errorf("%q %v, want %q", st.NegotiatedProtocol, err, tt.want)
			}
		})
	}
	for sni, ok := range map[string]bool{"three.example": true, "two.example": false} {
		// By a pipe: the choice is the same that QUIC makes.
		if _, err := shake(t, terms.QUIC(), &tls.Config{ServerName: sni, NextProtos: []string{"h3"}}); (err == nil) != ok {
			t.Errorf("h3 with %s: %v", sni, err)
		}
	}
}

// oneName keeps tickets whatever the name, as a hostile viewer would.
type oneName struct{ tls.ClientSessionCache }

func (o oneName) Get(string) (*tls.ClientSessionState, bool) { return o.ClientSessionCache.Get("") }
func (o oneName) Put(_ string, s *tls.ClientSessionState)    { o.ClientSessionCache.Put("", s) }

func TestE8ResumptionStaysInPolicyAndName(t *testing.T) {
	cert := ecdsaCertificate(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, tt := range []struct {
			name   string
			policy Policy // of the second handshake; the first is under TLSv1
			sni    string
			want   bool
		}{
			{"same", TLSv1, "a.example", true},
			{"same in capitals", TLSv1, "A.example", true},
			{"stricter policy", TLSv12_2021, "a.example", false},
			{"another name", TLSv1, "b.example", false},
			{"no name", TLSv1, "", false},
		} {
			t.Run(tls.VersionName(version)+" "+tt.name, func(t *testing.T) {
				tickets, policy := new(Tickets), TLSv1
				site := func(string) Site { return Site{Policy: policy} }
				first := New(Options{Site: site, Certificate: always(cert), Tickets: tickets})
				second := New(Options{Site: site, Certificate: always(cert), Tickets: tickets}) // another listener
				store := oneName{tls.NewLRUClientSessionCache(1)}
				v := func(sni string) *tls.Config {
					return &tls.Config{MinVersion: version, MaxVersion: version, ServerName: sni, ClientSessionCache: store}
				}
				if st, err := shake(t, first.TCP(), v("a.example")); err != nil || st.DidResume {
					t.Fatalf("first: %v resumed %v", err, st.DidResume)
				}
				policy = tt.policy
				for n := range 2 { // twice: what a resumed session is given resumes again
					st, err := shake(t, second.TCP(), v(tt.sni))
					if err != nil || n == 0 && st.DidResume != tt.want || n == 1 && !st.DidResume {
						t.Errorf("handshake %d: %v, resumed %v", n+2, err, st.DidResume)
					}
				}
			})
		}
	}
}

func TestTicketKeysTurn(t *testing.T) {
	cert := ecdsaCertificate(t)
	for _, tt := range []struct {
		name string
		wait time.Duration
		busy bool // a handshake every hour meanwhile
		want bool
	}{
		{"at once", 0, false, true},
		{"under the next key", 90 * time.Minute, true, true},
		{"nearly a day", 22 * time.Hour, true, true},
		{"more than a day", 25 * time.Hour, true, false},
		{"more than a day of silence", 25 * time.Hour, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cert := *cert
				tickets := new(Tickets)
				terms := New(Options{Certificate: always(&cert), Tickets: tickets})
				v := &tls.Config{ServerName: "a.example", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
				if _, err := shake(t, terms.TCP(), v); err != nil {
					t.Fatal(err)
				}
				for left := tt.wait; left > 0; left -= time.Hour {
					<-time.After(min(left, time.Hour))
					if tt.busy {
						if _, err := shake(t, terms.TCP(), &tls.Config{ServerName: "other.example"}); err != nil {
							t.Fatal(err)
						}
					}
				}
				st, err := shake(t, terms.TCP(), v)
				if err != nil || st.DidResume != tt.want {
					t.Errorf("%v, resumed %v", err, st.DidResume)
				}
				if n := len(tickets.keys); n > 24 {
					t.Errorf("%d keys", n)
				}
			})
		})
	}
}

func TestTicketKeysOverARestart(t *testing.T) {
	file, cert := filepath.Join(t.TempDir(), "keys"), ecdsaCertificate(t)
	v := &tls.Config{ServerName: "a.example", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	run := func() bool {
		st, err := shake(t, New(Options{Certificate: always(cert), Tickets: &Tickets{File: file}}).TCP(), v)
		if err != nil {
			t.Fatal(err)
		}
		return st.DidResume
	}
	if run() {
		t.Error("resumed before there was a session")
	}
	fi, err := os.Stat(file)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", fi, err)
	}
	if !run() {
		t.Error("not resumed after the restart")
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if run() {
		t.Error("keys that others may read were used")
	}
	if err := os.WriteFile(file, []byte("1 abcdef0123"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readKeys(file, time.Now()); err == nil || strings.Contains(err.Error(), "abcdef") {
		t.Errorf("damaged file: %v", err)
	}
	if run() {
		t.Error("resumed with keys that are gone")
	}
}
