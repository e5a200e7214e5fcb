// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"testing"
	"time"
)

// selfSigned makes a certificate for names, and its key, as files.
func selfSigned(t *testing.T, names ...string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "shop"}, DNSNames: names, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := write(t, map[string]string{
		"cert.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"key.pem":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})),
	})
	return filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
}

// TestOwnCertificateAndBalancer: --tls-cert and --proxy-protocol, with curl.
func TestOwnCertificateAndBalancer(t *testing.T) {
	cert, key := selfSigned(t, "storefront.localhost")
	p := start(t, "up", "../../examples/storefront", "--data", t.TempDir(), "--proxy-protocol", "127.0.0.1,::1",
		"--tls-cert", cert+","+key)
	for _, tt := range []struct{ name, flags, want string }{
		{"announced", "--haproxy-protocol", "2 0 200"},
		{"not announced", "", "0 1 000"},
	} {
		out, err := p.shell("curl -s " + tt.flags + " --cacert " + cert + " -o /dev/null -w '%{http_version} %{ssl_verify_result} %{http_code}' https://storefront.localhost:" + portOf(p.ready.HTTPS) + "/about")
		if (err == nil) != (tt.want == "2 0 200") || err == nil && out != tt.want {
			t.Errorf("%s: %q %v", tt.name, out, err)
		}
	}
}
