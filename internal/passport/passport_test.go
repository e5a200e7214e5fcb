// SPDX-License-Identifier: Apache-2.0

package passport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"
)

func certificate(t *testing.T, serial int64, subject pkix.Name) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: subject, NotBefore: time.Date(2023, 9, 21, 1, 50, 17, 0, time.UTC), NotAfter: time.Date(2033, 9, 21, 1, 50, 17, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestC14Passport(t *testing.T) {
	for _, tt := range []struct {
		name    string
		serial  int64
		subject pkix.Name
		want    Passport
	}{
		{"in the certificate's order", 0x4a3f0c, pkix.Name{Country: []string{"US"}, Organization: []string{"mTLS"}, CommonName: "rootca"}, Passport{Serial: "4a:3f:0c", Subject: "CN=rootca,O=mTLS,C=US"}},
		{"a comma", 1, pkix.Name{CommonName: "a, b"}, Passport{Serial: "01", Subject: `CN=a\, b`}},
		{"line ends", 1, pkix.Name{CommonName: "x\r\nInjected: 1"}, Passport{Serial: "01", Subject: `CN=x\0D\0AInjected: 1`}},
		{"no ASCII", 1, pkix.Name{CommonName: "ü"}, Passport{Serial: "01", Subject: "CN=ü"}},
		{"nothing", 1, pkix.Name{}, Passport{Serial: "01"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			der := certificate(t, tt.serial, tt.subject)
			got, err := Read(der)
			if err != nil || got.Serial != tt.want.Serial || got.Subject != tt.want.Subject || got.Issuer != tt.want.Subject || got.NotBefore.Year() != 2023 || got.NotAfter.Year() != 2033 {
				t.Errorf("%+v %v, want %+v", got, err, tt.want)
			}
			if text := PEM(der); !strings.HasPrefix(text, "-----BEGIN CERTIFICATE-----\n") {
				t.Error(text)
			}
		})
	}
	if _, err := Read([]byte{1}); err == nil {
		t.Error("a byte is a certificate")
	}
}
