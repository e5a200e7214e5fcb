// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/viewer/localca"
)

// authority is Pebble in this process: an ACME authority that looks at the node
// for any name, at the ports that it is told.
type authority struct {
	*httptest.Server
	roots *x509.CertPool
	mu    sync.Mutex
	log   bytes.Buffer
}

func (a *authority) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.log.Write(p)
}

func newAuthority(t *testing.T, httpPort, tlsPort int) *authority {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	a := &authority{}
	logger := log.New(a, "", 0)
	store := db.NewMemoryStore()
	signer := ca.New(logger, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "default"}})
	front := wfe.New(logger, store, va.New(logger, httpPort, tlsPort, false, resolver(t), store), signer, []string{"test"}, false, false, 1, 1)
	a.Server = httptest.NewTLSServer(front.Handler())
	t.Cleanup(a.Close)
	a.roots = x509.NewCertPool()
	a.roots.AddCert(a.Certificate())
	return a
}

// resolver says that every name is on loopback.
func resolver(t *testing.T) string {
	t.Helper()
	ln, port := listenOn(t)
	pc, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port)) // it asks by either
	if err != nil {
		t.Fatal(err)
	}
	answers := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		if len(q.Question) == 1 && q.Question[0].Qtype == dns.TypeA {
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1)}}
		}
		_ = w.WriteMsg(m)
	})
	for _, srv := range []*dns.Server{{PacketConn: pc, Handler: answers}, {Listener: ln, Handler: answers}} {
		go func() { _ = srv.ActivateAndServe() }()
		t.Cleanup(func() { _ = srv.Shutdown() })
	}
	return pc.LocalAddr().String()
}

// acmeNode is one that gets certificates, with its own log.
func acmeNode(t *testing.T, data string, http, https net.Listener, dir string, roots *x509.CertPool) (*Server, *lockedBuffer) {
	t.Helper()
	local, err := localca.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	told := &lockedBuffer{}
	o := Options{
		HTTPS: "127.0.0.1:0", Data: data, CA: local, Log: slog.New(slog.NewTextHandler(told, nil)),
		Listeners: map[string]net.Listener{"https": https}, ACME: ACMEOptions{Email: "me@example.com", Directory: dir, Roots: roots},
	}
	if http != nil {
		o.HTTP, o.Listeners["http"] = "127.0.0.1:0", http
	}
	srv, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Bind(t.Context()); err != nil {
		t.Fatal(err)
	}
	srv.Start()
	if err := srv.Apply(t.Context(), []*model.Stack{stack(t)}); err != nil {
		t.Fatal(err)
	}
	return srv, told
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func listenOn(t *testing.T) (net.Listener, int) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln, ln.Addr().(*net.TCPAddr).Port
}

// issuerOf is who signed what the node shows for a name.
func issuerOf(srv *Server, name string) string {
	c, err := tls.Dial("tcp", srv.Addr("https"), &tls.Config{ServerName: name, InsecureSkipVerify: true}) //nolint:gosec // who signed is what is asked
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].Issuer.CommonName
}

func TestACME(t *testing.T) {
	for name, tt := range map[string]struct{ http, alpn bool }{"by TLS-ALPN-01": {false, true}, "by HTTP-01": {true, false}} {
		t.Run(name, func(t *testing.T) {
			secure, tlsPort := listenOn(t)
			var plain net.Listener
			httpPort := 1 // nothing is there
			if tt.http {
				plain, httpPort = listenOn(t)
			}
			looksAt := tlsPort
			if !tt.alpn {
				looksAt = 1
			}
			a, data := newAuthority(t, httpPort, looksAt), t.TempDir()
			srv, told := acmeNode(t, data, plain, secure, a.URL+"/dir", a.roots)
			if got := issuerOf(srv, "www.example.com"); strings.HasPrefix(got, "Pebble") {
				t.Error("a certificate before it was asked for")
			}
			tick, end := time.NewTicker(50*time.Millisecond), time.After(60*time.Second)
			defer tick.Stop()
			for srv.acme.Stats().Obtained == 0 || !strings.HasPrefix(issuerOf(srv, "www.example.com"), "Pebble") {
				select {
				case <-tick.C:
				case <-end:
					t.Fatalf("no certificate: %s\n%s", told, a.log.String())
				}
			}
			if got := issuerOf(srv, "shop.localhost"); strings.HasPrefix(got, "Pebble") {
				t.Errorf("%s for a name of this machine", got)
			}
			if err := srv.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if files, _ := filepath.Glob(filepath.Join(data, "certificates", "certificates", "*", "www.example.com", "*.key")); len(files) != 1 {
				t.Errorf("kept: %v", files)
			} else if fi, err := os.Stat(files[0]); err != nil || fi.Mode().Perm()&0o077 != 0 {
				t.Errorf("the key can be read by others: %v %v", fi.Mode(), err)
			}
			a.Close() // the authority is gone: what is there serves on
			again, _ := listenOn(t)
			srv, _ = acmeNode(t, data, nil, again, a.URL+"/dir", a.roots)
			for !strings.HasPrefix(issuerOf(srv, "www.example.com"), "Pebble") {
				select {
				case <-tick.C:
				case <-end:
					t.Fatal("after a restart the certificate is not used")
				}
			}
			if err := srv.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestACMEFails: no certificate, and the node serves on with the local one.
func TestACMEFails(t *testing.T) {
	secure, _ := listenOn(t)
	a := newAuthority(t, 1, 1) // it looks where nothing is
	srv, told := acmeNode(t, t.TempDir(), nil, secure, a.URL+"/dir", a.roots)
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := srv.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	tick, end := time.NewTicker(50*time.Millisecond), time.After(60*time.Second)
	defer tick.Stop()
	for !strings.Contains(told.String(), "no certificate by ACME") {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("nothing is told: %s", told)
		}
	}
	if got := issuerOf(srv, "www.example.com"); !strings.Contains(got, "Forelane") {
		t.Errorf("signed by %q", got)
	}
}
