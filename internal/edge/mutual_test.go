// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// certificate is one of a viewer, in DER.
func certificate(t *testing.T, name string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(0x1234), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// mutual makes the world's distribution ask, and gives requests of a viewer.
func mutual(w *world, mode model.MTLSMode) (ask func(target string, shown ...[]byte) *viewer) {
	w.dist.MTLS = &model.ViewerMTLS{Mode: mode}
	w.compile()
	return func(target string, shown ...[]byte) *viewer {
		v := &viewer{}
		rq := request(target, "CloudFront-Viewer-Cert-Subject", "CN=forged")
		rq.Scheme = "https"
		rq.Viewer.TLS = &httpmsg.TLS{Mutual: w.edge.dists[0].mutual, Certificates: shown}
		w.edge.Serve(w.t.Context(), rq, v)
		return v
	}
}

// nowhere is the way to origins that nobody asks.
func nowhere(*model.Distribution, *model.Origin) (http.RoundTripper, error) {
	return roundTrip(nil), nil
}

// TestC14FunctionsSeeTheCertificate, and nobody sees what a viewer says of one.
func TestC14FunctionsSeeTheCertificate(t *testing.T) {
	w := newWorld(t)
	var saw string
	w.associate(&fakeFunction{request: func(rq *httpmsg.Request) (*httpmsg.Response, edgefunc.Outcome, error) {
		var b strings.Builder
		for _, f := range rq.Header.Fields() {
			if strings.HasPrefix(f.Name, "CloudFront-Viewer-Cert-") {
				b.WriteString(f.Name[len("CloudFront-Viewer-Cert-"):] + "=" + f.Value + " ")
			}
		}
		saw = b.String()
		return nil, edgefunc.Outcome{}, nil
	}})
	ask := mutual(w, model.MTLSOptional)
	w.expect(ask("/a", certificate(t, "me")), 200, "Miss", "hello")
	if !strings.HasPrefix(saw, "Present=1 Serial-Number=12:34 Issuer=CN=me Subject=CN=me Sha256=") || strings.Contains(saw, "forged") || strings.Contains(saw, "BEGIN") {
		t.Errorf("the function saw %q", saw)
	}
	w.expect(ask("/a"), 200, "Hit", "hello")
	if saw != "Present=0 " {
		t.Errorf("the function saw %q", saw)
	}
	if h := w.lastCall().Header.Get("CloudFront-Viewer-Cert-Subject"); h != "" {
		t.Errorf("the origin got %q unasked", h)
	}
}

// TestC14KeyedByCertificate: viewers that a policy tells apart share nothing.
func TestC14KeyedByCertificate(t *testing.T) {
	w := newWorld(t)
	w.behavior().Cache.Headers = model.Selection{Mode: model.SelectList, Names: []string{"CloudFront-Viewer-Cert-Sha256"}}
	ask := mutual(w, model.MTLSRequired)
	one, two := certificate(t, "one"), certificate(t, "two")
	w.expect(ask("/a", one), 200, "Miss", "hello")
	w.expect(ask("/a", two), 200, "Miss", "hello")
	w.expect(ask("/a", one), 200, "Hit", "hello")
}

// TestC14PassthroughAsksTheOrigin for each request: it decides who may come.
func TestC14PassthroughAsksTheOrigin(t *testing.T) {
	w := newWorld(t)
	ask := mutual(w, model.MTLSPassthrough)
	for n := range 3 {
		w.expect(ask("/a", certificate(t, "any")), 200, "Miss", "hello")
		if w.originCalls() != n+1 || !strings.HasPrefix(w.lastCall().Header.Get("Client-Cert"), ":MI") {
			t.Errorf("%d calls, %v", w.originCalls(), w.lastCall().Header)
		}
	}
}

// TestC14StagingAsksTheSame: neither side is a way around the other's terms.
func TestC14StagingAsksTheSame(t *testing.T) {
	for _, tt := range []struct {
		name            string
		primary, staged *model.ViewerMTLS
		ok              bool
	}{
		{"the same", &model.ViewerMTLS{}, &model.ViewerMTLS{}, true},
		{"neither", nil, nil, true},
		{"the primary alone", &model.ViewerMTLS{}, nil, false},
		{"staging alone", nil, &model.ViewerMTLS{}, false},
		{"another mode", &model.ViewerMTLS{}, &model.ViewerMTLS{Mode: model.MTLSOptional}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			s := *w.dist
			s.LogicalID, s.ID, s.DomainName, s.Staging = "Next", "E2", "d2.cloudfront.net", true
			w.dist.Deployment = &model.ContinuousDeployment{Enabled: true, Staging: "E2", Weight: 1}
			w.dist.MTLS, s.MTLS = tt.primary, tt.staged
			w.stack.Distributions = append(w.stack.Distributions, &s)
			_, err := Compile(w.stack, Deps{Transport: nowhere, Mutual: func(d *model.Distribution) string { return d.MTLS.Mode.String() }})
			if (err == nil) != tt.ok || err != nil && !strings.Contains(err.Error(), "ViewerMtlsConfig") {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestC14NobodyAsks: a distribution that asks is not served where nobody can.
func TestC14NobodyAsks(t *testing.T) {
	w := newWorld(t)
	w.dist.MTLS = &model.ViewerMTLS{}
	if _, err := Compile(w.stack, Deps{Transport: nowhere}); err == nil {
		t.Error("it is served")
	}
}
