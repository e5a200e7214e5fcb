// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/forelane/forelane/internal/function"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/viewer/certificate"
	"github.com/forelane/forelane/internal/viewer/localca"
)

// secureStack is distributions that differ in what they want of a handshake:
// NAME.example.com for each name, and an API beside them.
func secureStack() *model.Stack {
	none := &model.CachePolicy{Name: "none"}
	get := []string{"GET", "HEAD"}
	st := &model.Stack{
		Name: "shop", Region: "us-east-1", AccountID: "123456789012", URLSuffix: "amazonaws.com",
		Buckets: []*model.Bucket{{LogicalID: "Site", Name: "shop-site", Region: "us-east-1"}},
	}
	for i, d := range []struct{ name, policy, version string }{
		{"plain", "", "http2"},
		{"old", "TLSv1", "http1.1"},
		{"new", "TLSv1.3_2025", "http2and3"},
		{"third", "", "http3"},
		{"marks", "", "http2and3"},
	} {
		b := &model.Behavior{PathPattern: "*", Target: "app", Allowed: get, Cached: get, Cache: none}
		b.OriginRequest = &model.OriginRequestPolicy{Headers: model.Selection{Mode: model.SelectList, Names: []string{"CloudFront-Viewer-TLS"}}}
		if d.name == "marks" {
			b.OriginRequest.Headers.Names = append(b.OriginRequest.Headers.Names, "CloudFront-Viewer-JA3-Fingerprint", "CloudFront-Viewer-JA4-Fingerprint")
		}
		st.Distributions = append(st.Distributions, &model.Distribution{
			LogicalID: "D" + d.name, ID: fmt.Sprint("E", i), DomainName: fmt.Sprintf("d%d.cloudfront.net", i), Enabled: true,
			Aliases: []string{d.name + ".example.com"}, HTTPVersion: d.version, MinimumProtocol: d.policy,
			Origins:   []*model.Origin{{ID: "app", DomainName: "app.example.com", Protocol: model.OriginHTTPOnly}},
			Behaviors: []*model.Behavior{b},
		})
	}
	return st
}

// secured is a node with secureStack, and how viewers reach it.
type secured struct {
	*Server
	ca *localca.Authority
}

func startSecure(t *testing.T, data string, ca *localca.Authority, more func(*Options)) secured {
	t.Helper()
	return startStacks(t, data, ca, more, secureStack())
}

func startStacks(t *testing.T, data string, ca *localca.Authority, more func(*Options), stacks ...*model.Stack) secured {
	t.Helper()
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/viewer" {
			_, _ = io.WriteString(w, r.Header.Get("X-Forwarded-For"))
			return
		}
		for _, name := range []string{"Present", "Serial-Number", "Issuer", "Subject", "Sha256", "Validity", "Pem"} {
			if v := r.Header.Get("CloudFront-Viewer-Cert-" + name); v != "" {
				w.Header().Set("Saw-"+name, v)
			}
		}
		w.Header().Set("Saw-Client-Cert", strings.Join(append(r.Header["Client-Cert"], r.Header["Client-Cert-Chain"]...), "|"))
		fmt.Fprintf(w, "%s|%s|%s", r.Header.Get("CloudFront-Viewer-TLS"), r.Header.Get("CloudFront-Viewer-JA3-Fingerprint"), r.Header.Get("CloudFront-Viewer-JA4-Fingerprint"))
	}))
	t.Cleanup(origin.Close)
	o := Options{
		HTTP: "127.0.0.1:0", HTTPS: "127.0.0.1:0", Data: data, CA: ca, HTTP3: true,
		Origins: map[string]string{"app": origin.URL}, Functions: function.Options{Environ: os.Environ()},
	}
	if more != nil {
		more(&o)
	}
	srv, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Bind(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := srv.Apply(t.Context(), stacks); err != nil {
		t.Fatal(err)
	}
	srv.Start()
	n := secured{srv, ca}
	t.Cleanup(func() { n.stop(t) })
	return n
}

func (n secured) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		t.Error(err)
	}
}

func newCA(t *testing.T) *localca.Authority {
	t.Helper()
	ca, err := localca.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// transport speaks one protocol (h1, h2, h3) to the node, its SNI being sni
// whatever the Host.
func (n secured) transport(t *testing.T, proto, sni string, c *tls.Config) http.RoundTripper {
	t.Helper()
	if c == nil {
		c = &tls.Config{}
	}
	c.RootCAs, c.ServerName = n.ca.Pool(), sni
	if proto == "h3" {
		tr := &http3.Transport{TLSClientConfig: c, Dial: func(ctx context.Context, _ string, c *tls.Config, q *quic.Config) (*quic.Conn, error) {
			c.ServerName = sni
			return quic.DialAddr(ctx, n.Addr("http3"), c, q)
		}}
		t.Cleanup(func() { _ = tr.Close() })
		return tr
	}
	tr := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: proto == "h2"}
	if proto == "h1" {
		tr.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	tr.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, n.Addr("https"))
	}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func ask(t *testing.T, tr http.RoundTripper, host string) (rs *http.Response, body string) {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	rs, err = tr.RoundTrip(rq)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	if err != nil {
		t.Fatal(err)
	}
	return rs, string(b)
}

func TestE8PolicyAndVersionsBySNI(t *testing.T) {
	n := startSecure(t, t.TempDir(), newCA(t), nil)
	for _, tt := range []struct {
		sni    string
		newest uint16 // the viewer's; 0: 1.3
		alpn   string // what comes of h2 and http/1.1; "" when the handshake fails
		h3     bool
	}{
		{"plain.example.com", 0, "h2", false},
		{"plain.example.com", tls.VersionTLS12, "h2", false},
		{"plain.example.com", tls.VersionTLS11, "", false},
		{"old.example.com", 0, "http/1.1", false},
		{"old.example.com", tls.VersionTLS10, "http/1.1", false},
		{"new.example.com", 0, "h2", true},
		{"new.example.com", tls.VersionTLS12, "", true},
		{"third.example.com", 0, "http/1.1", true},
		{"shop-site.s3.us-east-1.amazonaws.com", 0, "h2", false},
		{"shop-site.s3.us-east-1.amazonaws.com", tls.VersionTLS11, "", false},
		{"localhost", 0, "h2", true},
		{"nobody.example.com", 0, "", false},
	} {
		t.Run(tt.sni+" "+tls.VersionName(tt.newest), func(t *testing.T) {
			c, err := tls.Dial("tcp", n.Addr("https"), &tls.Config{
				RootCAs: n.ca.Pool(), ServerName: tt.sni, MinVersion: tls.VersionTLS10, MaxVersion: tt.newest, NextProtos: []string{"h2", "http/1.1"},
			})
			if (err == nil) != (tt.alpn != "") {
				t.Fatal(err)
			}
			if err == nil {
				if got := c.ConnectionState().NegotiatedProtocol; got != tt.alpn {
					t.Errorf("%s, want %s", got, tt.alpn)
				}
				_ = c.Close()
			}
			q, err := quic.DialAddr(t.Context(), n.Addr("http3"), &tls.Config{RootCAs: n.ca.Pool(), ServerName: tt.sni, NextProtos: []string{"h3"}}, nil)
			if (err == nil) != tt.h3 {
				t.Errorf("HTTP/3: %v", err)
			}
			if err == nil {
				_ = q.CloseWithError(0, "")
			}
		})
	}
}

// TestC9Misdirected: a connection is for the distribution that SNI named.
func TestC9Misdirected(t *testing.T) {
	n := startSecure(t, t.TempDir(), newCA(t), nil)
	for _, proto := range []string{"h1", "h2", "h3"} {
		for _, tt := range []struct {
			name, sni, host string
			want            int
		}{
			{"the same name", "marks.example.com", "marks.example.com", 200},
			{"another name of it", "marks.example.com", "d4.cloudfront.net", 200},
			{"another distribution", "marks.example.com", "new.example.com", 421},
			{"a name that is nobody's", "localhost", "new.example.com", 200},
		} {
			t.Run(proto+" "+tt.name, func(t *testing.T) {
				if rs, _ := ask(t, n.transport(t, proto, tt.sni, nil), tt.host); rs.StatusCode != tt.want {
					t.Errorf("%s %d, want %d", rs.Proto, rs.StatusCode, tt.want)
				}
			})
		}
	}
	t.Run("h3 without HTTP/3 by a name that is nobody's", func(t *testing.T) {
		if rs, _ := ask(t, n.transport(t, "h3", "localhost", nil), "plain.example.com"); rs.StatusCode != 421 {
			t.Errorf("%d", rs.StatusCode)
		}
	})
}

// TestE6FingerprintsReachTheOrigin where a behavior forwards them, and nowhere else.
func TestE6FingerprintsReachTheOrigin(t *testing.T) {
	n := startSecure(t, t.TempDir(), newCA(t), nil)
	for proto, mark := range map[string]string{"h1": "t13d", "h2": "t13d", "h3": "q13d"} {
		_, body := ask(t, n.transport(t, proto, "marks.example.com", nil), "marks.example.com")
		f := strings.Split(body, "|")
		if !strings.HasPrefix(f[0], "TLSv1.3:TLS_AES_") || !strings.HasSuffix(f[0], ":fullHandshake") || len(f[1]) != 32 || !strings.HasPrefix(f[2], mark) {
			t.Errorf("%s: %q", proto, body)
		}
		_, body = ask(t, n.transport(t, proto, "new.example.com", nil), "new.example.com")
		if f := strings.Split(body, "|"); f[1] != "" || f[2] != "" {
			t.Errorf("%s: %q, but nobody has asked", proto, body)
		}
	}
}

// TestE8ResumptionSurvivesARestart: a node that is started anew with the same
// folder knows the sessions of before, and so does one beside it.
func TestE8ResumptionSurvivesARestart(t *testing.T) {
	data, ca := t.TempDir(), newCA(t)
	caches := map[string]*tls.Config{}
	how := func(n secured, proto string) string {
		if caches[proto] == nil {
			caches[proto] = &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(4)}
		}
		_, body := ask(t, n.transport(t, proto, "marks.example.com", caches[proto].Clone()), "marks.example.com")
		_, after, _ := strings.Cut(strings.Split(body, "|")[0], "SHA256:")
		return after
	}
	protos := []string{"h1", "h2", "h3"}
	first := startSecure(t, data, ca, nil)
	for _, p := range protos {
		if got := how(first, p); got != "fullHandshake" {
			t.Errorf("%s: first: %s", p, got)
		}
	}
	fi, err := os.Stat(filepath.Join(data, ticketFile))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", fi, err)
	}
	beside := startSecure(t, data, ca, nil)
	for _, p := range protos {
		if got := how(beside, p); got != "sessionResumed" {
			t.Errorf("%s: with a successor: %s", p, got)
		}
	}
	first.stop(t)
	beside.stop(t)
	again := startSecure(t, data, ca, nil)
	for _, p := range protos {
		if got := how(again, p); got != "sessionResumed" {
			t.Errorf("%s: after a restart: %s", p, got)
		}
	}
	other := startSecure(t, t.TempDir(), ca, nil)
	for _, p := range protos {
		if got := how(other, p); got != "fullHandshake" {
			t.Errorf("%s: with another folder: %s", p, got)
		}
	}
}

// TestBalancersTellTheViewer to origins, in cleartext and before TLS.
func TestBalancersTellTheViewer(t *testing.T) {
	n := startSecure(t, t.TempDir(), newCA(t), func(o *Options) { o.Balancers = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	for _, scheme := range []string{"http", "https"} {
		tr := n.transport(t, "h1", "plain.example.com", nil).(*http.Transport)
		tr.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, n.Addr(scheme))
			if err == nil {
				_, err = io.WriteString(c, "PROXY TCP4 192.0.2.7 198.51.100.1 5000 443\r\n")
			}
			return c, err
		}
		rs, err := (&http.Client{Transport: tr}).Get(scheme + "://plain.example.com/viewer")
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(rs.Body)
		if err != nil || string(b) != "192.0.2.7" {
			t.Errorf("%s: %q %v", scheme, b, err)
		}
		_ = rs.Body.Close()
	}
}

// writeCertificate writes a certificate of its own authority and its key.
func writeCertificate(t *testing.T, dir string, serial int64, names ...string) certificate.Files {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: names, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	f := certificate.Files{Cert: filepath.Join(dir, "both.pem")}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...)
	if err := os.WriteFile(f.Cert+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.Cert+".new", f.Cert); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestC9OwnCertificates come before the local authority's, over TCP and QUIC,
// and are renewed while viewers come.
func TestC9OwnCertificates(t *testing.T) {
	dir := t.TempDir()
	own, err := certificate.Open([]certificate.Files{writeCertificate(t, dir, 1, "marks.example.com"), writeCertificate(t, t.TempDir(), 9, "*.example.com")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() { watched <- own.Watch(ctx) }()
	n := startSecure(t, t.TempDir(), newCA(t), func(o *Options) { o.Certificates = own })
	serial := func(sni string, byQUIC bool) int64 {
		t.Helper()
		c := &tls.Config{InsecureSkipVerify: true, ServerName: sni, NextProtos: []string{"h3"}}
		if byQUIC {
			q, err := quic.DialAddr(t.Context(), n.Addr("http3"), c, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = q.CloseWithError(0, "") }()
			return q.ConnectionState().TLS.PeerCertificates[0].SerialNumber.Int64()
		}
		c.NextProtos = nil
		v, err := tls.Dial("tcp", n.Addr("https"), c)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		return v.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	for _, quick := range []bool{false, true} {
		for sni, want := range map[string]int64{"marks.example.com": 1, "new.example.com": 9} {
			if got := serial(sni, quick); got != want {
				t.Errorf("%s: certificate %d, want %d", sni, got, want)
			}
		}
		if got := serial("localhost", quick); got == 1 || got == 9 {
			t.Errorf("localhost: certificate %d", got)
		}
	}
	writeCertificate(t, dir, 2, "marks.example.com")
	deadline := time.Now().Add(20 * time.Second)
	for serial("marks.example.com", false) != 2 {
		if time.Now().After(deadline) {
			t.Fatal("the renewed certificate was not taken over")
		}
	}
	if got := serial("marks.example.com", true); got != 2 {
		t.Errorf("over QUIC: %d", got)
	}
	cancel()
	if err := <-watched; err != nil {
		t.Error(err)
	}
}
