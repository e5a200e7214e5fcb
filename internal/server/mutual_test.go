// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// issued is an authority of viewers, or a viewer that it has signed for.
type issued struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

func (by *issued) issue(t *testing.T, name pkix.Name, isCA bool) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes([]byte{0x4a, 0x3f, 0x0c}), Subject: name,
		NotBefore: time.Date(2023, 9, 21, 1, 50, 17, 0, time.UTC), NotAfter: time.Now().Add(time.Hour).Truncate(time.Second),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if isCA {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
	}
	if by == nil {
		by = &issued{c, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.Certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{made, key}
}

func (i *issued) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Raw})
}

// shows is the TLS configuration of a viewer with a certificate, or with none.
func (i *issued) shows(chain ...*issued) *tls.Config {
	if i == nil {
		return &tls.Config{}
	}
	c := tls.Certificate{Certificate: [][]byte{i.Raw}, PrivateKey: i.key}
	for _, more := range chain {
		c.Certificate = append(c.Certificate, more.Raw)
	}
	return &tls.Config{Certificates: []tls.Certificate{c}}
}

// mutualStack has a distribution NAME.example.com for each name.
func mutualStack(name string, asks map[string]*model.ViewerMTLS) *model.Stack {
	st := &model.Stack{Name: name, Region: "us-east-1", AccountID: "123456789012", URLSuffix: "amazonaws.com"}
	get := []string{"GET", "HEAD"}
	for host, m := range asks {
		b := &model.Behavior{
			PathPattern: "*", Target: "app", Viewer: model.RedirectToHTTPS, Allowed: get, Cached: get, Cache: &model.CachePolicy{Name: "none"},
			OriginRequest: &model.OriginRequestPolicy{Headers: model.Selection{Mode: model.SelectAllViewerAndCloudFront, Names: []string{
				"CloudFront-Viewer-Cert-Present", "CloudFront-Viewer-Cert-Serial-Number", "CloudFront-Viewer-Cert-Issuer", "CloudFront-Viewer-Cert-Subject",
				"CloudFront-Viewer-Cert-Sha256", "CloudFront-Viewer-Cert-Validity", "CloudFront-Viewer-Cert-Pem",
			}}},
		}
		st.Distributions = append(st.Distributions, &model.Distribution{
			LogicalID: "D" + host, ID: "E" + strings.ToUpper(host), DomainName: "d" + host + ".cloudfront.net", Enabled: true, MTLS: m,
			Aliases: []string{host + ".example.com"}, HTTPVersion: "http2and3",
			Origins:   []*model.Origin{{ID: "app", DomainName: "app.example.com", Protocol: model.OriginHTTPOnly}},
			Behaviors: []*model.Behavior{b},
		})
	}
	return st
}

// mutualNode is a node that asks, with an authority and a viewer it has signed for.
type mutualNode struct {
	secured
	root, good, bad *issued
	stacks          func() []*model.Stack
}

func startMutual(t *testing.T) mutualNode {
	t.Helper()
	var none *issued
	n := mutualNode{root: none.issue(t, pkix.Name{CommonName: "root"}, true)}
	n.good = n.root.issue(t, pkix.Name{CommonName: "viewer", OrganizationalUnit: []string{"unit"}, Organization: []string{"org"}, Country: []string{"US"}}, false)
	n.bad = none.issue(t, pkix.Name{CommonName: "root"}, true).issue(t, pkix.Name{CommonName: "viewer"}, false)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "cas.pem"), n.root.pem(), 0o600); err != nil {
		t.Fatal(err)
	}
	inBucket := model.TrustStore{ID: "ts_2", LogicalID: "Store", Bucket: "trust", Key: "cas.pem"}
	n.stacks = func() []*model.Stack {
		st := mutualStack("shop", map[string]*model.ViewerMTLS{
			"free": nil, "required": {Store: model.TrustStore{ID: "ts_1"}}, "same": {Store: model.TrustStore{ID: "ts_1"}}, "optional": {Mode: model.MTLSOptional, Store: inBucket},
			"pass": {Mode: model.MTLSPassthrough}, "lost": {Store: model.TrustStore{ID: "ts_3"}}, "function": {Mode: model.MTLSOptional, Store: inBucket, Function: true},
		})
		st.Buckets = []*model.Bucket{{LogicalID: "Trust", Name: "trust", Region: "us-east-1", Content: []model.Content{{Dir: folder}}}}
		certified(st)
		return []*model.Stack{st, mutualStack("far", map[string]*model.ViewerMTLS{"far": {Store: model.TrustStore{ID: "ts_1"}}})}
	}
	n.secured = startStacks(t, t.TempDir(), newCA(t), func(o *Options) {
		o.TrustStore = func(id string) ([]byte, error) {
			if id == "ts_1" {
				return n.root.pem(), nil
			}
			return nil, nil
		}
	}, n.stacks()...)
	return n
}

// certified gives a stack an API behind api.example.com, which demands certificates,
// and open.example.com, which does not.
func certified(st *model.Stack) {
	told := model.IntegrationResponse{Status: "200", Templates: map[string]string{"application/json": "$context.identity.clientCert.subjectDN|$context.identity.clientCert.validity.notBefore"}}
	mock := &model.Integration{Kind: model.Mock, RequestTemplates: map[string]string{"application/json": `{"statusCode": 200}`}, Responses: []model.IntegrationResponse{told}}
	st.APIs = []*model.API{{
		LogicalID: "Api", ID: "restrestre", Kind: model.RESTAPI, Stages: []*model.Stage{{Name: "prod"}},
		Routes: []*model.Route{{Key: "GET /", Method: "GET", Path: "/", Integration: mock, Responses: []model.MethodResponse{{Status: "200"}}}},
	}}
	all := []model.DomainMapping{{APIID: "restrestre", Stage: "prod"}}
	st.Domains = []*model.Domain{
		{LogicalID: "Api", Name: "api.example.com", ClientCertificates: true, Trust: model.TrustStore{ID: "ts_1"}, Mappings: all},
		{LogicalID: "Lost", Name: "lostapi.example.com", ClientCertificates: true, Trust: model.TrustStore{ID: "s3://gone/cas.pem", Bucket: "gone", Key: "cas.pem"}, Mappings: all},
		{LogicalID: "Open", Name: "open.example.com", Mappings: all},
	}
	for _, to := range []string{"api", "open"} { // with distributions in front
		front := mutualStack("", map[string]*model.ViewerMTLS{"to" + to: nil}).Distributions[0]
		front.Origins[0] = &model.Origin{ID: to, DomainName: to + ".example.com", Protocol: model.OriginHTTPSOnly}
		front.Behaviors[0].Target, front.Behaviors[0].OriginRequest = to, nil
		st.Distributions = append(st.Distributions, front)
	}
}

// TestA22ClientCertificates: a custom domain demands them, and tells the API.
func TestA22ClientCertificates(t *testing.T) {
	n := startMutual(t)
	var none *issued
	for _, proto := range []string{"h1", "h2"} {
		for _, tt := range []struct {
			name, sni, host string
			viewer          *issued
			status          int
			body            string
		}{
			{"good", "api", "api", n.good, 200, "CN=viewer,OU=unit,O=org,C=US|Sep 21 01:50:17 2023 GMT"},
			{"none", "api", "api", none, 0, ""},
			{"of another authority", "api", "api", n.bad, 0, ""},
			{"no authorities", "lostapi", "lostapi", n.good, 0, ""},
			{"another domain's connection", "open", "api", n.good, 403, ""},
			{"a distribution's connection", "required", "api", n.good, 403, ""},
			{"a connection that takes any", "pass", "api", n.bad, 403, ""},
			{"a domain that asks nobody", "open", "open", n.good, 200, "|"},
			{"and is not told by a connection that takes any", "pass", "open", n.bad, 200, "|"},
			{"nor by another domain's", "api", "open", n.good, 200, "|"},
		} {
			t.Run(proto+" "+tt.name, func(t *testing.T) {
				rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+tt.host+".example.com/", nil)
				if err != nil {
					t.Fatal(err)
				}
				rs, err := n.transport(t, proto, tt.sni+".example.com", tt.viewer.shows()).RoundTrip(rq)
				if tt.status == 0 {
					if err == nil {
						_ = rs.Body.Close()
						t.Errorf("%d", rs.StatusCode)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				defer rs.Body.Close()
				if b, err := io.ReadAll(rs.Body); rs.StatusCode != tt.status || tt.status == 200 && string(b) != tt.body || err != nil {
					t.Errorf("%d %s %v", rs.StatusCode, b, err)
				}
			})
		}
	}
	// An edge has no certificate for the domain, whatever its viewer has shown.
	for host, want := range map[string]int{"toapi.example.com": 403, "toopen.example.com": 200} {
		if status, _ := n.try(t, n.transport(t, "h2", host, n.good.shows()), host); status != want {
			t.Errorf("%s: %d, want %d", host, status, want)
		}
	}
}

// try asks by a connection of its own; 0: there is none.
func (n mutualNode) try(t *testing.T, rt http.RoundTripper, host string, fields ...string) (int, http.Header) {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		rq.Header.Set(fields[i], fields[i+1])
	}
	rs, err := rt.RoundTrip(rq)
	if err != nil {
		return 0, nil
	}
	defer rs.Body.Close()
	_, _ = io.Copy(io.Discard, rs.Body)
	return rs.StatusCode, rs.Header
}

func TestC14Modes(t *testing.T) {
	n := startMutual(t)
	var none *issued
	for _, proto := range []string{"h1", "h2", "h3"} {
		for _, tt := range []struct {
			name, host string
			viewer     *issued
			status     int
			present    string
		}{
			{"required", "required", n.good, 200, "1"},
			{"required, none", "required", none, 0, ""},
			{"required, of another authority", "required", n.bad, 0, ""},
			{"optional", "optional", n.good, 200, "1"},
			{"optional, none", "optional", none, 200, "0"},
			{"optional, of another authority", "optional", n.bad, 0, ""},
			{"passthrough", "pass", n.bad, 200, "1"},
			{"passthrough, none", "pass", none, 200, "0"},
			{"a trust store that is not there", "lost", n.good, 0, ""},
			{"a connection function", "function", n.good, 0, ""},
			{"not asked", "free", n.good, 200, ""},
		} {
			t.Run(proto+" "+tt.name, func(t *testing.T) {
				host := tt.host + ".example.com"
				status, h := n.try(t, n.transport(t, proto, host, tt.viewer.shows(n.root)), host,
					"CloudFront-Viewer-Cert-Subject", "CN=forged", "Client-Cert", ":Zm9yZ2Vk:", "Client-Cert-Chain", ":Zm9yZ2Vk:")
				if status != tt.status || h.Get("Saw-Present") != tt.present || h.Get("Saw-Subject") == "CN=forged" || tt.host != "free" && strings.Contains(h.Get("Saw-Client-Cert"), "Zm9yZ2Vk") {
					t.Errorf("%d %v", status, h)
				}
			})
		}
	}
}

func TestC14Headers(t *testing.T) {
	n := startMutual(t)
	sum := sha256.Sum256(n.good.Raw)
	want := map[string]string{
		"Present": "1", "Serial-Number": "4a:3f:0c", "Issuer": "CN=root", "Subject": "CN=viewer,OU=unit,O=org,C=US", "Sha256": hex.EncodeToString(sum[:]),
		"Validity": "NotBefore=2023-09-21T01:50:17Z;NotAfter=" + n.good.NotAfter.UTC().Format(time.RFC3339),
		"Pem":      strings.ReplaceAll(url.QueryEscape(string(n.good.pem())), "+", "%20"), "Client-Cert": "",
	}
	for host, change := range map[string]map[string]string{
		"required": nil,
		"pass":     {"Pem": "", "Client-Cert": ":" + base64.StdEncoding.EncodeToString(n.good.Raw) + ":|:" + base64.StdEncoding.EncodeToString(n.root.Raw) + ":"},
	} {
		name := host + ".example.com"
		_, h := n.try(t, n.transport(t, "h2", name, n.good.shows(n.root)), name)
		for field, v := range want {
			if other, ok := change[field]; ok {
				v = other
			}
			if got := h.Get("Saw-" + field); got != v {
				t.Errorf("%s: %s is %q, want %q", host, field, got, v)
			}
		}
	}
}

// TestC14Misdirected: a certificate is for the distribution that it was shown to.
func TestC14Misdirected(t *testing.T) {
	n := startMutual(t)
	var none *issued
	for _, proto := range []string{"h1", "h2", "h3"} {
		for _, tt := range []struct {
			name, sni, host string
			viewer          *issued
			want            int
		}{
			{"another that asks the same", "required", "same", n.good, 421},
			{"another that asks the same, of another stack", "required", "far", n.good, 421},
			{"the other way round", "far", "required", n.good, 421},
			{"opened where nobody asks", "free", "required", n.good, 421},
			{"opened where nobody asks, of another stack", "free", "far", n.good, 421},
			{"opened where none is needed", "optional", "required", none, 421},
			{"opened where any is taken", "pass", "required", n.bad, 421},
			{"a name that is nobody's", "localhost", "required", n.good, 421},
			{"a name that is nobody's, where any is taken", "localhost", "pass", n.good, 421},
			{"to one that does not ask", "required", "free", n.good, 421},
		} {
			t.Run(proto+" "+tt.name, func(t *testing.T) {
				sni := tt.sni
				if sni != "localhost" {
					sni += ".example.com"
				}
				if status, h := n.try(t, n.transport(t, proto, sni, tt.viewer.shows()), tt.host+".example.com"); status != tt.want {
					t.Errorf("%d %v, want %d", status, h, tt.want)
				}
			})
		}
	}
}

// TestC14TermsChange: a connection is good as long as the terms are the same.
func TestC14TermsChange(t *testing.T) {
	n := startMutual(t)
	for _, proto := range []string{"h1", "h2", "h3"} {
		t.Run(proto, func(t *testing.T) {
			if err := n.Apply(t.Context(), n.stacks()); err != nil {
				t.Fatal(err)
			}
			var none *issued
			const host = "optional.example.com"
			kept := n.transport(t, proto, host, none.shows())
			for i, want := range []int{200, 200, 421} {
				stacks := n.stacks()
				if i == 2 {
					for _, d := range stacks[0].Distributions {
						if d.LogicalID == "Doptional" {
							d.MTLS.Mode = model.MTLSRequired
						}
					}
				}
				if err := n.Apply(t.Context(), stacks); err != nil {
					t.Fatal(err)
				}
				if status, h := n.try(t, kept, host); status != want {
					t.Errorf("revision %d: %d %v, want %d", i, status, h, want)
				}
			}
			if status, _ := n.try(t, n.transport(t, proto, host, none.shows()), host); status != 0 {
				t.Errorf("a new connection: %d", status)
			}
		})
	}
}

// TestC14Cleartext leads to HTTPS and nowhere else.
func TestC14Cleartext(t *testing.T) {
	n := startMutual(t)
	for _, policy := range []model.ViewerProtocol{model.RedirectToHTTPS, model.HTTPSOnly, model.AllowAll} {
		stacks := n.stacks()
		for _, d := range stacks[0].Distributions {
			d.Behaviors[0].Viewer = policy // no template gets as far as allow-all
		}
		if err := n.Apply(t.Context(), stacks); err != nil {
			t.Fatal(err)
		}
		want := map[model.ViewerProtocol]int{model.RedirectToHTTPS: 301, model.HTTPSOnly: 403, model.AllowAll: 403}[policy]
		for _, host := range []string{"required", "pass"} {
			rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+n.Addr("http")+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			rq.Host = host + ".example.com"
			rs, err := http.DefaultTransport.RoundTrip(rq)
			if err != nil {
				t.Fatal(err)
			}
			_ = rs.Body.Close()
			if rs.StatusCode != want {
				t.Errorf("%v %s: %d, want %d", policy, host, rs.StatusCode, want)
			}
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func TestC14Authorities(t *testing.T) {
	var none *issued
	root := none.issue(t, pkix.Name{CommonName: "root"}, true)
	middle, viewer := root.issue(t, pkix.Name{CommonName: "middle"}, true), root.issue(t, pkix.Name{CommonName: "viewer"}, false)
	key := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: []byte{1}})
	for _, tt := range []struct {
		name, text string
		want       int
		why        string
	}{
		{"a root", string(root.pem()), 1, ""},
		{"two, with words between", "# ours\n" + string(root.pem()) + "middle\n" + string(middle.pem()), 2, ""},
		{"nothing", "", 0, "no certificate"},
		{"no root", string(middle.pem()), 0, "no root"},
		{"a key", string(root.pem()) + string(key), 0, "EC PRIVATE KEY"},
		{"no authority", string(root.pem()) + string(viewer.pem()), 0, "no authority"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cas, err := parseAuthorities([]byte(tt.text), nil)
			if len(cas) != tt.want || (err == nil) != (tt.why == "") || err != nil && !strings.Contains(fmt.Sprint(err), tt.why) {
				t.Errorf("%d %v", len(cas), err)
			}
		})
	}
}
