// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/template"
	"github.com/forelane/forelane/internal/zone/latency"
)

// named runs a node with the template, whose %s is a port at which addr says
// who it is.
func named(t *testing.T, text string, o DNS) *Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	stacks, err := template.Load(t.Context(), file, template.Options{StackName: "s", Region: "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0", Data: t.TempDir(), DNS: o, Record: func(r *record.Record) {
		if m := r.Origin.Member; m != "one/127.0.0.1" && m != "two/127.0.0.2" {
			t.Errorf("the record names the member %q", m)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := s.Bind(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context(), []*model.Stack{stacks[0].Stack}); err != nil {
		t.Fatal(err)
	}
	s.Start()
	return s
}

func askDNS(t *testing.T, s *Server, name string) string {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name+".", dns.TypeA)
	c := dns.Client{Timeout: 5 * time.Second}
	r, _, err := c.ExchangeContext(t.Context(), m, s.Addr("dns"))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Answer) == 0 {
		return dns.RcodeToString[r.Rcode]
	}
	return strings.TrimPrefix(r.Answer[0].String(), r.Answer[0].Header().String())
}

func getText(t *testing.T, url, host string) string {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	rq.Host = host
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const namedTemplate = `Resources:
  Zone: {Type: AWS::Route53::HostedZone, Properties: {Name: example.test}}
  Check: {Type: AWS::Route53::HealthCheck, Properties: {HealthCheckConfig: {Type: HTTP, IPAddress: 127.0.0.1, Port: PORT, ResourcePath: /, FailureThreshold: 1, RequestInterval: 10}}}
  Records:
    Type: AWS::Route53::RecordSetGroup
    Properties:
      HostedZoneId: !Ref Zone
      RecordSets:
        - {Name: o.example.test, Type: A, TTL: "5", SetIdentifier: one, Region: eu-west-1, HealthCheckId: !Ref Check, ResourceRecords: [127.0.0.1]}
        - {Name: o.example.test, Type: A, TTL: "5", SetIdentifier: two, Region: us-east-1, ResourceRecords: [127.0.0.2]}
        - {Name: shop.example.test, Type: A, AliasTarget: {HostedZoneId: Z2FDTNDATAQYW2, DNSName: !GetAtt Shop.DomainName}}
  Shop:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Aliases: [shop.example.test]
        Origins: [{Id: o, DomainName: o.example.test, CustomOriginConfig: {OriginProtocolPolicy: http-only, HTTPPort: PORT}}]
        DefaultCacheBehavior: {TargetOriginId: o, ViewerProtocolPolicy: allow-all, CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad}
`

// TestR1OriginIsNamedInAZone: the origin's name leads to two places; the one
// whose health check fails is left, for the edge and in DNS.
func TestR1OriginIsNamedInAZone(t *testing.T) {
	says := func(who string) *httptest.Server {
		return httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s of %s", who, r.Host)
		}))
	}
	one, two := says("one"), says("two")
	one.Start()
	port := one.URL[strings.LastIndexByte(one.URL, ':')+1:]
	ln, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Fatal(err)
	}
	_ = two.Listener.Close()
	two.Listener = ln
	two.Start()
	defer two.Close()
	s := named(t, strings.ReplaceAll(namedTemplate, "PORT", port), DNS{
		Addr: "127.0.0.1:0", Rate: -1, HealthInterval: 50 * time.Millisecond, Latency: []latency.Row{{Prefix: netip.MustParsePrefix("127.0.0.0/8"), Region: "us-east-1", RTT: time.Hour}},
	})
	url := "http://" + s.Addr("http") + "/"
	seen := map[string]bool{}
	for range 30 {
		seen[getText(t, url, "shop.example.test")] = true
	}
	if !seen["one of o.example.test"] && !seen["two of o.example.test"] || len(seen) > 2 {
		t.Errorf("the edge got %v", seen)
	}
	if got := askDNS(t, s, "o.example.test"); got != "127.0.0.1" {
		t.Errorf("the nearest is %s", got)
	}
	if got := askDNS(t, s, "shop.example.test"); got != "127.0.0.1" {
		t.Errorf("the distribution is at %s", got)
	}
	if r := s.Ready(); r.DNS != s.Addr("dns") || len(r.Zones) != 1 || r.Zones[0] != "example.test" {
		t.Errorf("ready: %q %v", r.DNS, r.Zones)
	}
	admin := "http://" + s.Addr("admin")
	if got := getText(t, admin+"/v1/latency", s.Addr("admin")); !strings.HasPrefix(got, "127.0.0.0/24 eu-west-1 ") {
		t.Errorf("latencies: %q", got)
	}
	one.Close()
	deadline := time.Now().Add(20 * time.Second)
	for askDNS(t, s, "o.example.test") != "127.0.0.2" {
		if time.Now().After(deadline) {
			t.Fatal("the region that is down is still named")
		}
	}
	for range 10 {
		if got := getText(t, url, "shop.example.test"); got != "two of o.example.test" {
			t.Errorf("the edge got %q", got)
		}
	}
	if got := getText(t, admin+"/metrics", s.Addr("admin")); !strings.Contains(got, "forelane_unhealthy_checks 1") || !strings.Contains(got, "forelane_dns_answers_total") {
		t.Error("figures of DNS are missing")
	}
}

// TestPeersTell: a node takes over what another one has measured.
func TestPeersTell(t *testing.T) {
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "127.0.0.0/24 us-east-1 0.001\n")
	}))
	defer peer.Close()
	s := named(t, strings.ReplaceAll(namedTemplate, "PORT", "80"), DNS{Addr: "127.0.0.1:0", Peers: []string{peer.URL}, PeerInterval: 20 * time.Millisecond, HealthInterval: time.Hour})
	deadline := time.Now().Add(20 * time.Second)
	for askDNS(t, s, "o.example.test") != "127.0.0.2" {
		if time.Now().After(deadline) {
			t.Fatal("the peer's figures do not count")
		}
	}
}
