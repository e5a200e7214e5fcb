// SPDX-License-Identifier: Apache-2.0

package template

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
)

const zoneHead = `Resources:
  Zone: {Type: AWS::Route53::HostedZone, Properties: {Name: Example.com.}}
  Check: {Type: AWS::Route53::HealthCheck, Properties: {HealthCheckConfig: {Type: HTTPS_STR_MATCH, FullyQualifiedDomainName: a.example.com, SearchString: ok, RequestInterval: 10}}}
`

func TestR1ZoneIsRead(t *testing.T) {
	r := project(t, map[string]string{"template.yaml": zoneHead + `
  Set: {Type: AWS::Route53::RecordSet, Properties: {HostedZoneId: !Ref Zone, Name: A.Example.com., Type: A, TTL: "60", SetIdentifier: eu, Region: eu-west-1, HealthCheckId: !Ref Check, ResourceRecords: [192.0.2.1]}}
  Group:
    Type: AWS::Route53::RecordSetGroup
    Properties:
      HostedZoneName: example.com.
      RecordSets:
        - {Name: b.example.com, Type: A, SetIdentifier: p, Failover: PRIMARY, AliasTarget: {HostedZoneId: !Ref Zone, DNSName: a.example.com., EvaluateTargetHealth: true}}
        - {Name: b.example.com, Type: A, TTL: 60, SetIdentifier: s, Failover: SECONDARY, ResourceRecords: [192.0.2.2]}
  Made: {Type: AWS::Route53::RecordSet, Properties: {HostedZoneName: elsewhere.test., Name: a.elsewhere.test, Type: TXT, TTL: "1", ResourceRecords: ['"x"']}}
  Lost: {Type: AWS::Route53::RecordSet, Properties: {HostedZoneId: Z123, Name: a.lost.test, Type: CNAME, TTL: "1", ResourceRecords: [b.test]}}
`}, Options{})
	if len(r.Stack.Zones) != 3 || r.Stack.Zones[2].Name != "lost.test" || len(r.Stack.Zones[2].Records) != 1 || len(r.Stack.Zones[0].Records) != 3 || len(r.Stack.Zones[1].Records) != 1 {
		t.Fatalf("%+v", r.Stack.Zones)
	}
	z := r.Stack.Zones[0]
	a, p, s := z.Records[0], z.Records[1], z.Records[2]
	if z.Name != "example.com" || a.Name != "a.example.com" || a.TTL != 60 || a.Routing != model.LatencyRouting || a.Region != "eu-west-1" || a.HealthCheck == "" {
		t.Errorf("%+v %+v", z, a)
	}
	if p.Routing != model.FailoverRouting || p.Secondary || !s.Secondary || p.Alias == nil || p.Alias.Name != "a.example.com" || !p.Alias.Evaluate {
		t.Errorf("%+v %+v", p, s)
	}
	h := r.Stack.HealthChecks[0]
	if h.ID != a.HealthCheck || h.Kind != model.HealthHTTPS || h.Port != 443 || h.Search != "ok" || h.Interval != 10*time.Second || h.Threshold != 3 || !h.SNI {
		t.Errorf("%+v", h)
	}
	var text strings.Builder
	if err := r.Report.Text(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"the zone is in no template: it is answered here", "the zone is in no template: it is answered here as lost.test"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, text.String())
		}
	}
}

func TestR1RecordSetIsRefused(t *testing.T) {
	one := func(props string) string {
		return "  Set: {Type: AWS::Route53::RecordSet, Properties: {HostedZoneId: !Ref Zone, " + props + "}}"
	}
	for name, tt := range map[string]struct{ set, want string }{
		"of another zone":   {one(`Name: a.example.org, Type: A, TTL: "1", ResourceRecords: [192.0.2.1]`), "is not in the zone example.com"},
		"type":              {one(`Name: a.example.com, Type: AX, TTL: "1", ResourceRecords: [192.0.2.1]`), `"AX" is no type`},
		"address":           {one(`Name: a.example.com, Type: A, TTL: "1", ResourceRecords: [192.0.2.300]`), "template.yaml:4:"},
		"text":              {one(`Name: a.example.com, Type: TXT, TTL: "1", ResourceRecords: [plain]`), "quotation marks"},
		"no TTL":            {one(`Name: a.example.com, Type: A, ResourceRecords: [192.0.2.1]`), "has no TTL"},
		"no value":          {one(`Name: a.example.com, Type: A, TTL: "1"`), "has no value"},
		"alias of a zone":   {one(`Name: a.example.org, Type: A, AliasTarget: {HostedZoneId: Z, DNSName: x}`), "is not in the zone"},
		"CNAME of the zone": {one(`Name: example.com, Type: CNAME, TTL: "1", ResourceRecords: [b.example.com]`), "at the zone's own name"},
		"two policies":      {one(`Name: a.example.com, Type: A, TTL: "1", SetIdentifier: x, Weight: 1, Region: eu-west-1, ResourceRecords: [192.0.2.1]`), "one routing policy, not Weight and Region"},
		"no identifier":     {one(`Name: a.example.com, Type: A, TTL: "1", Weight: 1, ResourceRecords: [192.0.2.1]`), "has an identifier"},
		"weight":            {one(`Name: a.example.com, Type: A, TTL: "1", SetIdentifier: x, Weight: 256, ResourceRecords: [192.0.2.1]`), "weight of 256"},
		"health of a front": {one(`Name: a.example.com, Type: A, AliasTarget: {HostedZoneId: Z2FDTNDATAQYW2, DNSName: d.cloudfront.net, EvaluateTargetHealth: true}`), "cannot be evaluated"},
		"continent":         {one(`Name: a.example.com, Type: A, TTL: "1", SetIdentifier: x, GeoLocation: {ContinentCode: XX}, ResourceRecords: [192.0.2.1]`), "is no continent"},
		"beside a CNAME": {one(`Name: a.example.com, Type: CNAME, TTL: "1", ResourceRecords: [b.example.com]`) + "\n" +
			strings.Replace(one(`Name: a.example.com, Type: A, TTL: "1", ResourceRecords: [192.0.2.1]`), "Set:", "Two:", 1), "nothing stands beside a CNAME"},
		"twice": {one(`Name: a.example.com, Type: A, TTL: "1", SetIdentifier: x, Weight: 1, ResourceRecords: [192.0.2.1]`) + "\n" +
			strings.Replace(one(`Name: a.example.com, Type: A, TTL: "1", SetIdentifier: x, Weight: 1, ResourceRecords: [192.0.2.1]`), "Set:", "Two:", 1), "has an identifier \"x\" already"},
		"interval":  {"  C: {Type: AWS::Route53::HealthCheck, Properties: {HealthCheckConfig: {Type: HTTP, IPAddress: 192.0.2.1, RequestInterval: 20}}}", "interval of 20s"},
		"nobody":    {"  C: {Type: AWS::Route53::HealthCheck, Properties: {HealthCheckConfig: {Type: HTTP}}}", "nobody to ask"},
		"no port":   {"  C: {Type: AWS::Route53::HealthCheck, Properties: {HealthCheckConfig: {Type: TCP, IPAddress: 192.0.2.1}}}", "port 0"},
		"threshold": {"  C: {Type: AWS::Route53::HealthCheck, Properties: {HealthCheckConfig: {Type: HTTP, IPAddress: 192.0.2.1, FailureThreshold: 11}}}", "threshold of 11"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "template.yaml")
			if err := os.WriteFile(file, []byte(zoneHead+tt.set+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Load(t.Context(), file, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
