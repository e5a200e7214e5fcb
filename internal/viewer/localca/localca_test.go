// SPDX-License-Identifier: Apache-2.0

package localca

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// handshake connects to a server of a's and returns the client's error.
func handshake(t *testing.T, a *Authority, name string) error {
	t.Helper()
	c, s := net.Pipe()
	srv := tls.Server(s, &tls.Config{GetCertificate: a.Certificates(func(n string) bool { return n == "shop.localhost" })})
	go func() {
		_ = srv.Handshake()
		_ = srv.Close()
	}()
	cl := tls.Client(c, &tls.Config{ServerName: name, RootCAs: a.Pool()})
	defer c.Close()
	return cl.Handshake()
}

func TestSignsOnlyNamesThatAreServed(t *testing.T) {
	a, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := handshake(t, a, "shop.localhost"); err != nil {
		t.Errorf("a served name: %v", err)
	}
	if err := handshake(t, a, "127.0.0.1"); err != nil {
		t.Errorf("without SNI: %v", err)
	}
	if err := handshake(t, a, "bank.example"); err == nil {
		t.Error("a foreign name was signed for")
	}
}

func TestSecondOpenReadsTheSameAuthority(t *testing.T) {
	dir := t.TempDir()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !a.cert.Equal(b.cert) {
		t.Error("two authorities in one folder")
	}
	fi, err := os.Stat(filepath.Join(dir, keyFile))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v %v", fi.Mode(), err)
	}
}

func TestDamagedFilesAreNotOverwritten(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []string{certFile, keyFile} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir); err == nil {
		t.Fatal("no error")
	}
	if b, _ := os.ReadFile(filepath.Join(dir, keyFile)); string(b) != "x" {
		t.Error("the damaged key was overwritten")
	}
}
