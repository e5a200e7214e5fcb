// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// http3Template is a bucket behind two distributions, one with HTTP/3.
const http3Template = `
Resources:
  Site:
    Type: AWS::S3::Bucket
    Metadata: {Forelane: {Content: ./site}}
    Properties:
      PublicAccessBlockConfiguration: {BlockPublicAcls: false, BlockPublicPolicy: false, IgnorePublicAcls: false, RestrictPublicBuckets: false}
  Open:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Site
      PolicyDocument: {Statement: [{Effect: Allow, Principal: "*", Action: "s3:GetObject", Resource: !Sub "${Site.Arn}/*"}]}
  Fast:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        HttpVersion: http2and3
        Origins: [{Id: site, DomainName: !GetAtt Site.RegionalDomainName, S3OriginConfig: {OriginAccessIdentity: ""}}]
        DefaultCacheBehavior: {TargetOriginId: site, ViewerProtocolPolicy: allow-all, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6}
  Plain:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        HttpVersion: http2
        Origins: [{Id: site, DomainName: !GetAtt Site.RegionalDomainName, S3OriginConfig: {OriginAccessIdentity: ""}}]
        DefaultCacheBehavior: {TargetOriginId: site, ViewerProtocolPolicy: allow-all, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6}
`

// TestC10HTTP3 goes the way of a browser: HTTP/2 first, then what Alt-Svc says.
func TestC10HTTP3(t *testing.T) {
	dir := write(t, map[string]string{"template.yaml": http3Template, "site/a.txt": "hello"})
	p := start(t, "up", dir)
	out, err := p.shell("forelane trust --print")
	if err != nil {
		t.Fatal(err, out)
	}
	pem, err := os.ReadFile(strings.TrimSpace(out))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate of the authority")
	}
	secure := &tls.Config{RootCAs: roots}
	h2 := &http.Transport{
		TLSClientConfig: secure.Clone(), ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, p.ready.HTTPS)
		},
	}
	defer h2.CloseIdleConnections()
	h3 := &http3.Transport{
		TLSClientConfig: secure.Clone(),
		Dial: func(ctx context.Context, _ string, c *tls.Config, q *quic.Config) (*quic.Conn, error) {
			return quic.DialAddrEarly(ctx, p.ready.HTTP3, c, q)
		},
	}
	defer h3.Close()
	ask := func(tr http.RoundTripper, host string) (*http.Response, string) {
		t.Helper()
		rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+"/a.txt", nil)
		if err != nil {
			t.Fatal(err)
		}
		rs, err := tr.RoundTrip(rq)
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
	first, _ := ask(h2, "fast.stack.localhost")
	want := `h3=":` + portOf(p.ready.HTTP3) + `"; ma=86400`
	if first.Proto != "HTTP/2.0" || first.StatusCode != 200 || first.Header.Get("Alt-Svc") != want {
		t.Errorf("over HTTP/2: %s %d %v, want %s", first.Proto, first.StatusCode, first.Header, want)
	}
	if portOf(p.ready.HTTP3) != portOf(p.ready.HTTPS) {
		t.Errorf("HTTP/3 is on %s, HTTPS on %s", p.ready.HTTP3, p.ready.HTTPS)
	}
	second, body := ask(h3, "fast.stack.localhost")
	if second.Proto != "HTTP/3.0" || second.StatusCode != 200 || body != "hello" || second.Header.Get("X-Cache") != "Hit from cloudfront" {
		t.Errorf("over HTTP/3: %s %d %q %v", second.Proto, second.StatusCode, body, second.Header)
	}
	if rs, _ := ask(h2, "plain.stack.localhost"); rs.StatusCode != 200 || rs.Header.Get("Alt-Svc") != "" {
		t.Errorf("a distribution without HTTP/3 offers it: %d %v", rs.StatusCode, rs.Header)
	}
	c, err := quic.DialAddr(t.Context(), p.ready.HTTP3, &tls.Config{RootCAs: roots, ServerName: "plain.stack.localhost", NextProtos: []string{"h3"}}, nil)
	if err == nil {
		_ = c.CloseWithError(0, "")
		t.Error("a distribution without HTTP/3 shook hands over QUIC")
	}
}

func TestHTTP3CanBeOff(t *testing.T) {
	dir := write(t, map[string]string{"template.yaml": http3Template, "site/a.txt": "hello"})
	p := start(t, "up", dir, "--http3=false")
	if p.ready.HTTP3 != "" {
		t.Errorf("HTTP/3 is on %s", p.ready.HTTP3)
	}
	out, err := p.shell("curl -s --cacert $(forelane trust --print) -D - -o /dev/null https://fast.stack.localhost:" + portOf(p.ready.HTTPS) + "/a.txt")
	if err != nil || !strings.Contains(out, "200") || strings.Contains(strings.ToLower(out), "alt-svc") {
		t.Errorf("%v %s", err, out)
	}
}
