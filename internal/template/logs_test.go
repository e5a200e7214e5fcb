// SPDX-License-Identifier: Apache-2.0

package template

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/fidelity"
)

const logged = `
Resources:
  Live:
    Type: AWS::CloudFront::RealtimeLogConfig
    Properties:
      Name: live
      SamplingRate: RATE
      Fields: [sc-status, FIELD]
      EndPoints: [{StreamType: Kinesis, KinesisStreamConfig: {RoleArn: arn:r, StreamArn: arn:aws:kinesis:us-east-1:1:stream/s}}]
  Site:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Logging: {Bucket: central.s3.amazonaws.com}
        Origins: [{Id: o, DomainName: o.example.com, CustomOriginConfig: {OriginProtocolPolicy: http-only}}]
        DefaultCacheBehavior: {TargetOriginId: o, ViewerProtocolPolicy: allow-all, CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad, RealtimeLogConfigArn: CONFIG}
  Source: {Type: AWS::Logs::DeliverySource, Properties: {Name: site, LogType: ACCESS_LOGS, ResourceArn: !Sub "arn:aws:cloudfront::${AWS::AccountId}:distribution/${Site}"}}
  To: {Type: AWS::Logs::DeliveryDestination, Properties: {Name: to, OutputFormat: FORMAT, DestinationResourceArn: "arn:aws:s3:::central/edge/"}}
  Delivery: {Type: AWS::Logs::Delivery, Properties: {DeliverySourceName: SOURCE, DeliveryDestinationArn: !GetAtt To.Arn, RecordFields: [date, sc-status], FieldDelimiter: "MARK", S3SuffixPath: "{yyyy}"}}
`

// loadLogs fills the template's words in; what is not said is well.
func loadLogs(t *testing.T, words ...string) (*Result, error) {
	t.Helper()
	words = append(words, "RATE", "5", "FIELD", "c-ip", "CONFIG", "!GetAtt Live.Arn", "FORMAT", "json", "SOURCE", "!Ref Source", "MARK", ",")
	file := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(file, []byte(strings.NewReplacer(words...).Replace(logged)), 0o644); err != nil {
		t.Fatal(err)
	}
	all, err := Load(t.Context(), file, Options{StackName: "s"})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

func TestE12E13LogsOfATemplate(t *testing.T) {
	r, err := loadLogs(t)
	if err != nil {
		t.Fatal(err)
	}
	d := r.Stack.Distributions[0]
	if rt := d.Default().Realtime; rt == nil || rt.Name != "live" || rt.Sampling != 5 || strings.Join(rt.Fields, " ") != "sc-status c-ip" || rt.Streams[0] != "arn:aws:kinesis:us-east-1:1:stream/s" {
		t.Errorf("%+v", rt)
	}
	if len(r.Stack.LogDeliveries) != 1 {
		t.Fatalf("%d deliveries", len(r.Stack.LogDeliveries))
	}
	m := r.Stack.LogDeliveries[0]
	if m.Distribution != d.ARN || m.Destination != "arn:aws:s3:::central" || m.Prefix != "edge" || m.Format != "json" || m.Delimiter != "," ||
		m.Suffix != "{yyyy}" || strings.Join(m.Fields, " ") != "date sc-status" {
		t.Errorf("%+v", m)
	}
	if n := notes(r, fidelity.Unsupported); len(n) != 0 {
		t.Errorf("%q", n)
	}
}

// TestE12ParquetOfATemplate: the format reaches the model, and the report has
// nothing against it.
func TestE12ParquetOfATemplate(t *testing.T) {
	r, err := loadLogs(t, "FORMAT", "parquet")
	if err != nil {
		t.Fatal(err)
	}
	if m := r.Stack.LogDeliveries[0]; m.Format != "parquet" {
		t.Errorf("%+v", m)
	}
	if n := notes(r, fidelity.Unsupported); len(n) != 0 {
		t.Errorf("%q", n)
	}
}

// notes are the words of the report of one verdict.
func notes(r *Result, v fidelity.Verdict) (out []string) {
	for _, res := range r.Report.Resources {
		if res.Verdict == v && res.Words != "" {
			out = append(out, res.LogicalID+": "+res.Words)
		}
		for _, n := range res.Notes {
			if n.Verdict == v {
				out = append(out, res.LogicalID+"."+n.Path+": "+n.Words)
			}
		}
	}
	return out
}

// TestE12E13WhatIsNotDone is told, and what AWS refuses is refused.
func TestE12E13WhatIsNotDone(t *testing.T) {
	for name, tt := range map[string]struct {
		words []string
		told  string // unsupported
		err   string
	}{
		"Parquet as lines": {[]string{"FORMAT", "parquet", "arn:aws:s3:::central/edge/", "arn:aws:logs:us-east-1:1:log-group:edge"}, "Parquet is for buckets", ""},
		"unknown field":    {[]string{"FIELD", "c-planet"}, "not known here, and left out", ""},
		"a field twice":    {[]string{"FIELD", "sc-status"}, "", "comes twice"},
		"rate above 100":   {[]string{"RATE", "101"}, "", "101 percent"},
		"rate of 0":        {[]string{"RATE", "0"}, "", "0 percent"},
		"no such config":   {[]string{"CONFIG", "arn:aws:cloudfront::1:realtime-log-config/x"}, "no real-time log is written", ""},
		"no such source":   {[]string{"SOURCE", "nobody"}, "nothing is delivered", ""},
		"a long delimiter": {[]string{"MARK", "123456"}, "", "too long"},
		"no such format":   {[]string{"FORMAT", "xml"}, "", "xml"},
		"a field misspelt": {[]string{"FIELD", "cs-uri-stemm"}, "did you mean cs-uri-stem", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := loadLogs(t, tt.words...)
			switch {
			case tt.err != "":
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%v, want %q", err, tt.err)
				}
			case err != nil:
				t.Error(err)
			case !strings.Contains(strings.Join(notes(r, fidelity.Unsupported), "\n"), tt.told):
				t.Errorf("%q, want %q", notes(r, fidelity.Unsupported), tt.told)
			}
		})
	}
}
