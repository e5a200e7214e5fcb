// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestO7OriginCredentials(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "credentials")
	write := func(text string, mod time.Time) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, mod, mod); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now().Add(-time.Hour)
	write("[default]\naws_access_key_id = D\naws_secret_access_key = d\n\n# a comment\n[edge]\naws_access_key_id=E\naws_secret_access_key = e=1\naws_session_token = t\n[sso]\nsso_session = x\n", begin)
	config := filepath.Join(dir, "config")
	if err := os.WriteFile(config, []byte("[profile edge]\nregion = eu-north-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"AWS_SHARED_CREDENTIALS_FILE": file, "AWS_CONFIG_FILE": config, "AWS_ACCESS_KEY_ID": "V", "AWS_SECRET_ACCESS_KEY": "v"}
	getenv := func(name string) string { return env[name] }

	for _, tt := range []struct{ name, key, secret, token, region, err string }{
		{name: ""},
		{name: "env", key: "V", secret: "v"},
		{name: "edge", key: "E", secret: "e=1", token: "t", region: "eu-north-1"},
		{name: "default", key: "D", secret: "d"},
		{name: "sso", err: "credential_process"},
		{name: "none", err: "no profile none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := originSigner(tt.name, getenv)
			switch {
			case tt.err != "":
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v", err)
				}
				return
			case err != nil:
				t.Fatal(err)
			case tt.name == "":
				if s != nil {
					t.Error("signs without being told")
				}
				return
			}
			c, err := s.Credentials()
			if err != nil || c.AccessKeyID != tt.key || c.SecretAccessKey != tt.secret || c.SessionToken != tt.token || s.Region != tt.region {
				t.Errorf("%v %q, %v", c, s.Region, err)
			}
		})
	}

	p := &profile{name: "edge", file: file}
	if _, err := p.credentials(); err != nil {
		t.Fatal(err)
	}
	write("[edge]\naws_access_key_id=E2\naws_secret_access_key=e2\n", begin.Add(time.Minute))
	if c, err := p.credentials(); err != nil || c.AccessKeyID != "E" {
		t.Errorf("looked again within a second: %v %v", c, err)
	}
	p.looked = time.Time{}
	if c, err := p.credentials(); err != nil || c.AccessKeyID != "E2" {
		t.Errorf("renewed credentials are not taken: %v %v", c, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	p.looked = time.Time{}
	if c, err := p.credentials(); err != nil || c.AccessKeyID != "E2" {
		t.Errorf("a missing file took the credentials away: %v %v", c, err)
	}
}

func TestO9OriginCertificates(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	if give, err := originCerts(nil); give != nil || err != nil {
		t.Errorf("%v", err)
	}
	if _, err := originCerts([]string{"arn:a=" + cert + "," + key}); err == nil {
		t.Error("files that are not there are taken")
	}
	first, firstKey := pemPair(t)
	second, secondKey := pemPair(t)
	write := func(name string, text []byte, mod time.Time) {
		t.Helper()
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, mod, mod); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now().Add(-time.Hour)
	write(cert, first, begin)
	write(key, firstKey, begin)
	if _, err := originCerts([]string{"arn:a=" + cert + "," + key}); err != nil {
		t.Fatal(err)
	}
	c := &clientCert{cert: cert, key: key}
	one, err := c.get()
	if err != nil {
		t.Fatal(err)
	}
	write(cert, second, begin.Add(time.Minute)) // its key is not there yet
	c.looked = time.Time{}
	if now, err := c.get(); err != nil || now != one {
		t.Errorf("half a renewal: %v", err)
	}
	write(key, secondKey, begin.Add(time.Minute))
	c.looked = time.Time{}
	if now, err := c.get(); err != nil || now == one {
		t.Errorf("a renewal is not taken: %v", err)
	}
}

// pemPair makes a certificate and its key.
func pemPair(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}
