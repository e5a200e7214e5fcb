// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// TestE3MadeOriginsTLS: the name of the handshake and the names of which the
// certificate must have one are what a function said.
func TestE3MadeOriginsTLS(t *testing.T) {
	var asked atomic.Value
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked.Store(r.TLS.ServerName) }))
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate()) // of example.com and *.example.com
	_, text, _ := net.SplitHostPort(s.Listener.Addr().String())
	port, _ := strconv.Atoi(text)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
	}
	for _, tt := range []struct {
		name     string
		made     model.MadeOrigin
		sni, err string
	}{
		{"nothing", model.MadeOrigin{}, "", "x509"},
		{"sni of the certificate", model.MadeOrigin{ServerName: "example.com"}, "example.com", ""},
		{"Host of the certificate", model.MadeOrigin{ServerName: "elsewhere.test", HostHeader: "example.com"}, "elsewhere.test", ""},
		{"another sni", model.MadeOrigin{ServerName: "elsewhere.test"}, "", "not for elsewhere.test, other.test"},
		{"an allowed name", model.MadeOrigin{ServerName: "elsewhere.test", Certificates: []string{"no.test", "EXAMPLE.com"}}, "elsewhere.test", ""},
		{"an allowed wildcard", model.MadeOrigin{Certificates: []string{"*.com"}}, "other.test", ""},
		{"a wildcard of one label", model.MadeOrigin{Certificates: []string{"*.org", "*.example.net"}}, "", "not for *.org, *.example.net"},
	} {
		o := &model.Origin{ID: "o", DomainName: "other.test", Protocol: model.OriginHTTPSOnly, HTTPSPort: port, Attempts: 1, Made: &tt.made}
		tr := New(o, Options{Roots: roots, Dial: dial})
		var rs httpmsg.Response
		err := tr.Ask(t.Context(), &httpmsg.Request{Method: "GET", Host: "h", Path: "/"}, &rs, nil)
		if rs.Body != nil {
			_ = rs.Body.Close()
		}
		tr.CloseIdleConnections()
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err == nil && asked.Load() != tt.sni {
			t.Errorf("%s: the handshake named %q", tt.name, asked.Load())
		}
	}
}

// TestE3ForeignNamesStayAway: a name that a function gave does not lead to this
// machine.
func TestE3ForeignNamesStayAway(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	host, text, _ := net.SplitHostPort(s.Listener.Addr().String())
	port, _ := strconv.Atoi(text)
	for _, foreign := range []bool{false, true} {
		o := &model.Origin{ID: "o", DomainName: host, HTTPPort: port, Attempts: 1, Made: &model.MadeOrigin{Foreign: foreign}}
		tr := New(o, Options{})
		var rs httpmsg.Response
		err := tr.Ask(t.Context(), &httpmsg.Request{Method: "GET", Host: "h", Path: "/"}, &rs, nil)
		if rs.Body != nil {
			_ = rs.Body.Close()
		}
		tr.CloseIdleConnections()
		if foreign != (err != nil) || foreign && !strings.Contains(err.Error(), "--origin") {
			t.Errorf("foreign %v: %v", foreign, err)
		}
	}
	for addr, bad := range map[string]bool{
		"169.254.169.254:80": true, "[fe80::1%eth0]:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true, "0.0.0.0:80": true, "224.0.0.1:80": true,
		"10.0.0.1:80": false, "[2001:db8::1]:443": false,
	} {
		if err := notHere("tcp", addr, nil); bad != (err != nil) {
			t.Errorf("%s: %v", addr, err)
		}
	}
}
