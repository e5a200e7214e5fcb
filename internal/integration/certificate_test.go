// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// TestA22ClientCertInEvents: both formats, as AWS's own types read them.
func TestA22ClientCertInEvents(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(0xa1b2), Subject: pkix.Name{CommonName: "me"},
		NotBefore: time.Date(2019, 5, 8, 12, 30, 2, 0, time.UTC), NotAfter: time.Date(2031, 8, 5, 9, 36, 4, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	call := func(style Style, shown []byte) *Call {
		c := testCall(style)
		c.Caller.Certificate = shown
		return c
	}
	want := events.APIGatewayV2HTTPRequestContextAuthenticationClientCert{
		SubjectDN: "CN=me", IssuerDN: "CN=me", SerialNumber: "a1:b2",
		Validity: events.APIGatewayV2HTTPRequestContextAuthenticationClientCertValidity{NotBefore: "May  8 12:30:02 2019 GMT", NotAfter: "Aug  5 09:36:04 2031 GMT"},
	}
	check := func(name string, got events.APIGatewayV2HTTPRequestContextAuthenticationClientCert) {
		t.Helper()
		if !strings.HasPrefix(got.ClientCertPem, "-----BEGIN CERTIFICATE-----\n") {
			t.Errorf("%s: %q", name, got.ClientCertPem)
		}
		if got.ClientCertPem = ""; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	var two events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(append(call(HTTPAPI, der).appendRequest2([]byte{'{'}), '}'), &two); err != nil {
		t.Fatal(err)
	}
	check("2.0", two.RequestContext.Authentication.ClientCert)
	var one struct {
		RequestContext struct {
			Identity struct {
				ClientCert *events.APIGatewayV2HTTPRequestContextAuthenticationClientCert
			}
		}
	}
	for _, style := range []Style{RESTAPI, HTTPAPI} {
		if err := json.Unmarshal(append(call(style, der).appendRequest1([]byte{'{'}), '}'), &one); err != nil {
			t.Fatal(err)
		}
		check("1.0", *one.RequestContext.Identity.ClientCert)
	}
	if text := string(call(HTTPAPI, nil).appendRequest2([]byte{'{'})) + string(call(RESTAPI, nil).appendRequest1([]byte{'{'})); strings.Contains(text, "clientCert") || strings.Contains(text, "authentication\"") {
		t.Error(text)
	}
}
