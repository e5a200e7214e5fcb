// SPDX-License-Identifier: Apache-2.0

package certificate

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ocsp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// authority signs for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: ecKey(t)}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(9000 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, a.key.Public(), a.key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// issue writes a certificate with its chain, and its key, and gives both files.
func (a *authority) issue(t *testing.T, dir string, serial int64, key crypto.Signer, life time.Duration, hosts ...string) Files {
	t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-1000 * time.Hour), NotAfter: time.Now().Add(life)}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	f := Files{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	chain := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})...)
	put(t, f.Cert, chain)
	put(t, f.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	return f
}

func put(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, log *slog.Logger, files ...Files) *Store {
	t.Helper()
	s, err := Open(files, log)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var errNone = errors.New("no certificate for the name")

// shake is what a viewer gets by a handshake over TCP.
func shake(s *Store, v *tls.Config) (tls.ConnectionState, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer ln.Close()
	var served sync.WaitGroup
	defer served.Wait()
	served.Go(func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_ = tls.Server(c, &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if c := s.Choose(h); c != nil {
				return c, nil
			}
			return nil, errNone
		}}).Handshake()
	})
	v.InsecureSkipVerify = true
	c, err := tls.Dial("tcp", ln.Addr().String(), v)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer c.Close()
	return c.ConnectionState(), nil
}

func TestC9Choose(t *testing.T) {
	a := newAuthority(t)
	const year = 9000 * time.Hour
	s := open(t, nil,
		a.issue(t, t.TempDir(), 1, rsaKey(t), year, "a.example", "*.example", "both.example"),
		a.issue(t, t.TempDir(), 2, ecKey(t), year, "*.example", "both.example"),
		a.issue(t, t.TempDir(), 3, ecKey(t), year, "A.B.Example", "127.0.0.1"),
	)
	rsaOnly := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	for _, tt := range []struct {
		name, sni string
		suites    []uint16
		want      int64 // serial number; 0: none
	}{
		{"exact", "a.b.example", nil, 3},
		{"exact in capitals", "A.B.EXAMPLE", nil, 3},
		{"exact beats wildcard", "a.example", nil, 1},
		{"wildcard", "c.example", nil, 2},
		{"wildcard is one label", "c.d.example", nil, 0},
		{"wildcard is not the name itself", "example", nil, 0},
		{"ECDSA before RSA", "both.example", nil, 2},
		{"RSA for who has no ECDSA", "both.example", rsaOnly, 1},
		{"wildcard for who has no ECDSA", "c.example", rsaOnly, 1},
		{"no SNI", "", nil, 3},
		{"nobody", "nobody.test", nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := &tls.Config{ServerName: tt.sni, CipherSuites: tt.suites}
			if tt.suites != nil {
				v.MaxVersion = tls.VersionTLS12
			}
			st, err := shake(s, v)
			if (err == nil) != (tt.want != 0) {
				t.Fatal(err)
			}
			if err == nil && st.PeerCertificates[0].SerialNumber.Int64() != tt.want {
				t.Errorf("got %v, want %d", st.PeerCertificates[0].SerialNumber, tt.want)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	a, key := newAuthority(t), ecKey(t)
	good := a.issue(t, t.TempDir(), 1, key, time.Hour, "a.example")
	other := a.issue(t, t.TempDir(), 2, ecKey(t), time.Hour, "b.example")
	garbage := filepath.Join(t.TempDir(), "cert.pem")
	put(t, garbage, []byte("no PEM"))
	for _, tt := range []struct {
		name  string
		files Files
		want  string
	}{
		{"no file", Files{Cert: "/nowhere/cert.pem"}, "no such file"},
		{"no PEM", Files{Cert: garbage}, "failed to find"},
		{"no key", Files{Cert: good.Cert}, "failed to find"},
		{"another's key", Files{good.Cert, other.Key}, "does not match"},
		{"no name", a.issue(t, t.TempDir(), 3, key, time.Hour), "names no host"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open([]Files{good, tt.files}, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.files.Cert) {
				t.Errorf("%v, want %s of %s", err, tt.want, tt.files.Cert)
			}
		})
	}
	both := filepath.Join(t.TempDir(), "both.pem")
	c, _ := os.ReadFile(good.Cert)
	k, _ := os.ReadFile(good.Key)
	put(t, both, append(c, k...))
	if _, err := shake(open(t, nil, Files{Cert: both}), &tls.Config{ServerName: "a.example"}); err != nil {
		t.Errorf("both in one file: %v", err)
	}
}

// staple writes an OCSP response beside f.
func (a *authority) staple(t *testing.T, f Files, serial int64, r ocsp.Response) {
	t.Helper()
	r.SerialNumber = big.NewInt(serial)
	der, err := ocsp.CreateResponse(a.cert, a.cert, r, a.key)
	if err != nil {
		t.Fatal(err)
	}
	put(t, f.Cert+ocspSuffix, der)
}

func TestOCSP(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	now := time.Now()
	good := ocsp.Response{Status: ocsp.Good, ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour)}
	with := func(f func(*ocsp.Response)) ocsp.Response { r := good; f(&r); return r }
	for _, tt := range []struct {
		name   string
		by     *authority
		serial int64
		r      ocsp.Response
		want   bool
	}{
		{"good", a, 7, good, true},
		{"of another certificate", a, 8, good, false},
		{"by another authority", other, 7, good, false},
		{"revoked", a, 7, with(func(r *ocsp.Response) { r.Status = ocsp.Revoked }), false},
		{"out of date", a, 7, with(func(r *ocsp.Response) { r.NextUpdate = now.Add(-time.Minute) }), false},
		{"without an end", a, 7, with(func(r *ocsp.Response) { r.NextUpdate = time.Time{} }), false},
		{"not yet", a, 7, with(func(r *ocsp.Response) { r.ThisUpdate = now.Add(time.Minute) }), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := a.issue(t, t.TempDir(), 7, ecKey(t), time.Hour, "a.example")
			tt.by.staple(t, f, tt.serial, tt.r)
			st, err := shake(open(t, nil, f), &tls.Config{ServerName: "a.example"})
			if err != nil || (len(st.OCSPResponse) > 0) != tt.want {
				t.Errorf("%v, %d bytes", err, len(st.OCSPResponse))
			}
		})
	}
}

// TestOCSPEnds: a response that gets out of date is stapled no more.
func TestOCSPEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t)
		f := a.issue(t, t.TempDir(), 7, ecKey(t), 100*time.Hour, "a.example")
		a.staple(t, f, 7, ocsp.Response{Status: ocsp.Good, ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour)})
		h := &tls.ClientHelloInfo{ServerName: "a.example", SupportedVersions: []uint16{tls.VersionTLS13}, SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}}
		s := open(t, nil, f)
		if c := s.Choose(h); len(c.OCSPStaple) == 0 {
			t.Error("not stapled at first")
		}
		<-time.After(61 * time.Minute)
		if c := s.Choose(h); len(c.OCSPStaple) != 0 {
			t.Error("stapled after its end")
		}
	})
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) has(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), s)
}

// TestRenewalUnderConnections: every handshake succeeds while the certificate
// is renewed, broken and renewed again, by writing and by a link.
func TestRenewalUnderConnections(t *testing.T) {
	a, log := newAuthority(t), new(lockedBuffer)
	real := []string{t.TempDir(), t.TempDir()}
	a.issue(t, real[0], 1, ecKey(t), time.Hour, "a.example")
	// As secrets are mounted: cert.pem is a link to live/cert.pem, live a link.
	dir := t.TempDir()
	link := func(to string) {
		t.Helper()
		tmp := filepath.Join(dir, "live.new")
		if err := os.Symlink(to, tmp); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, filepath.Join(dir, "live")); err != nil {
			t.Fatal(err)
		}
	}
	link(real[0])
	f := Files{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	for _, n := range []string{"cert.pem", "key.pem"} {
		if err := os.Symlink(filepath.Join("live", n), filepath.Join(dir, n)); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, slog.New(slog.NewTextHandler(log, nil)), f)
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		if err := s.Watch(ctx); err != nil {
			t.Error(err)
		}
	})
	defer watching.Wait()
	defer cancel()
	deadline := time.Now().Add(20 * time.Second)
	until := func(what string, done func(serial int64) bool) {
		t.Helper()
		for {
			st, err := shake(s, &tls.Config{ServerName: "a.example"})
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if done(st.PeerCertificates[0].SerialNumber.Int64()) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: never", what)
			}
		}
	}
	is := func(want int64) func(int64) bool { return func(got int64) bool { return got == want } }
	until("at first", is(1))
	a.issue(t, real[1], 2, ecKey(t), time.Hour, "a.example")
	link(real[1])
	until("by a link", is(2))
	put(t, f.Cert, []byte("no PEM"))
	link(real[1])
	until("broken", func(got int64) bool {
		if got != 2 {
			t.Fatalf("broken: %d", got)
		}
		return log.has("was not taken over")
	})
	a.issue(t, real[1], 3, ecKey(t), -time.Minute, "a.example")
	link(real[1])
	until("expired", func(got int64) bool {
		if got != 2 {
			t.Fatalf("expired: %d", got)
		}
		return log.has("has expired")
	})
	a.issue(t, dir, 4, ecKey(t), time.Hour, "a.example") // through the links
	link(real[1])
	until("by writing", is(4))
	a.staple(t, f, 4, ocsp.Response{Status: ocsp.Good, ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)})
	for {
		st, err := shake(s, &tls.Config{ServerName: "a.example"})
		if err != nil {
			t.Fatal(err)
		}
		if len(st.OCSPResponse) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("stapled: never")
		}
	}
	if log.has("PRIVATE") {
		t.Error("a key is in the log")
	}
}
