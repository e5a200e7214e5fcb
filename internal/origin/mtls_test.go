// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
)

func clientCert(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func TestO9OriginAsksForACertificate(t *testing.T) {
	mine := clientCert(t, "edge")
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	pool := x509.NewCertPool()
	pool.AddCert(mine.Leaf)
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	srv.Config.ErrorLog = nil
	srv.StartTLS()
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	for _, tt := range []struct {
		name, arn string
		want      string // empty: the origin refuses
	}{
		{"the right one", "arn:mine", "edge"},
		{"another one", "arn:other", ""},
		{"one that was not given", "arn:none", ""},
		{"no OriginMtlsConfig", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := New(&model.Origin{DomainName: "example.com", Protocol: model.OriginHTTPSOnly, ClientCert: tt.arn, Attempts: 1}, Options{
				Roots: roots,
				ClientCert: func(arn string) (*tls.Certificate, error) {
					switch arn {
					case "arn:mine":
						return mine, nil
					case "arn:other":
						return clientCert(t, "other"), nil
					}
					return nil, nil
				},
				Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
					return (&net.Dialer{}).DialContext(ctx, network, srv.Listener.Addr().String())
				},
			})
			defer tr.CloseIdleConnections()
			rs, err := get(t, tr, "https://example.com/")
			if tt.want == "" {
				if err == nil {
					_ = rs.Body.Close()
					t.Errorf("status %d", rs.StatusCode)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(rs.Body)
			_ = rs.Body.Close()
			if string(body) != tt.want {
				t.Errorf("the origin saw %q", body)
			}
		})
	}
}
