// SPDX-License-Identifier: Apache-2.0

package server

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/sigv4"
	"github.com/forelane/forelane/internal/template"
)

// logTemplate asks for every log that a distribution can have.
const logTemplate = `
Resources:
  Logs: {Type: AWS::S3::Bucket, Properties: {BucketName: shop-logs}}
  Live:
    Type: AWS::CloudFront::RealtimeLogConfig
    Properties:
      Name: live
      SamplingRate: 100
      Fields: [sc-status, timestamp, cs-uri-stem]
      EndPoints:
        - StreamType: Kinesis
          KinesisStreamConfig: {RoleArn: arn:role, StreamArn: arn:aws:kinesis:eu-central-1:123456789012:stream/live}
  Site:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Logging: {Bucket: !GetAtt Logs.DomainName, Prefix: web/, IncludeCookies: true}
        Origins: [{Id: o, DomainName: o.example.com, CustomOriginConfig: {OriginProtocolPolicy: http-only}}]
        CacheBehaviors:
          - {PathPattern: /live/*, TargetOriginId: o, ViewerProtocolPolicy: allow-all, CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad, RealtimeLogConfigArn: !Ref Live}
        DefaultCacheBehavior: {TargetOriginId: o, ViewerProtocolPolicy: allow-all, CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad}
  Source: {Type: AWS::Logs::DeliverySource, Properties: {Name: site, LogType: ACCESS_LOGS, ResourceArn: !Sub "arn:aws:cloudfront::${AWS::AccountId}:distribution/${Site}"}}
  ToBucket: {Type: AWS::Logs::DeliveryDestination, Properties: {Name: bucket, OutputFormat: json, DestinationResourceArn: !Sub "${Logs.Arn}/v2"}}
  Group: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /edge/site}}
  ToGroup: {Type: AWS::Logs::DeliveryDestination, Properties: {Name: group, OutputFormat: plain, DestinationResourceArn: !GetAtt Group.Arn}}
  ToElsewhere: {Type: AWS::Logs::DeliveryDestination, Properties: {Name: elsewhere, OutputFormat: w3c, DestinationResourceArn: "arn:aws:s3:::central"}}
  InBucket: {Type: AWS::Logs::Delivery, Properties: {DeliverySourceName: !Ref Source, DeliveryDestinationArn: !GetAtt ToBucket.Arn, RecordFields: [sc-status, cs-uri-stem], S3SuffixPath: "{DistributionId}/{yyyy}/{MM}", S3EnableHiveCompatiblePath: true}}
  InGroup: {Type: AWS::Logs::Delivery, Properties: {DeliverySourceName: site, DeliveryDestinationArn: !GetAtt ToGroup.Arn, RecordFields: [sc-status, cs-uri-stem], FieldDelimiter: ","}}
  ToColumns: {Type: AWS::Logs::DeliveryDestination, Properties: {Name: columns, OutputFormat: parquet, DestinationResourceArn: !Sub "${Logs.Arn}/columns"}}
  ToLines: {Type: AWS::Logs::DeliveryDestination, Properties: {Name: lines, OutputFormat: json, DestinationResourceArn: !Sub "${Logs.Arn}/lines"}}
  ToColumnsElsewhere: {Type: AWS::Logs::DeliveryDestination, Properties: {Name: columns-elsewhere, OutputFormat: parquet, DestinationResourceArn: "arn:aws:s3:::central/columns"}}
  Columns: {Type: AWS::Logs::Delivery, Properties: {DeliverySourceName: site, DeliveryDestinationArn: !GetAtt ToColumns.Arn, RecordFields: FIELDS, S3SuffixPath: "{DistributionId}/{HH}", S3EnableHiveCompatiblePath: true}}
  Lines: {Type: AWS::Logs::Delivery, Properties: {DeliverySourceName: site, DeliveryDestinationArn: !GetAtt ToLines.Arn, RecordFields: FIELDS}}
  ColumnsElsewhere: {Type: AWS::Logs::Delivery, Properties: {DeliverySourceName: site, DeliveryDestinationArn: !GetAtt ToColumnsElsewhere.Arn}}
  Elsewhere: {Type: AWS::Logs::Delivery, Properties: {DeliverySourceName: site, DeliveryDestinationArn: !GetAtt ToElsewhere.Arn}}
`

// streamAPI is a Kinesis that takes every record.
type streamAPI struct {
	mu    sync.Mutex
	lines []string
	err   error
}

func (s *streamAPI) ServeHTTP(w http.ResponseWriter, rq *http.Request) {
	body, err := io.ReadAll(rq.Body)
	var in struct{ Records []struct{ Data string } }
	err = errors.Join(err, json.Unmarshal(body, &in), sigv4.Verify(rq, "secret", time.Now()))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range in.Records {
		line, bad := base64.StdEncoding.DecodeString(r.Data)
		s.lines, err = append(s.lines, string(line)), errors.Join(err, bad)
	}
	s.err = errors.Join(s.err, err)
	_, _ = io.WriteString(w, `{"FailedRecordCount":0}`)
}

// logged runs a node of the template, sends it requests and ends it.
func logged(t *testing.T, o Options, paths ...string) (data string, d *model.Distribution) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(logTemplate, "FIELDS", "["+strings.Join(record.FieldNames(), ", ")+"]")), 0o644); err != nil {
		t.Fatal(err)
	}
	loaded, err := template.Load(t.Context(), file, template.Options{StackName: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	st := loaded[0].Stack
	d = st.Distributions[0]
	o.HTTP, o.Data, o.Origins = "127.0.0.1:0", t.TempDir(), map[string]string{"o": echoOrigin(t)}
	srv, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(srv.Bind(t.Context()), srv.Apply(t.Context(), []*model.Stack{st})); err != nil {
		t.Fatal(err)
	}
	srv.Start()
	c, _ := client(t, srv, nil, "http")
	for i, path := range paths {
		if i == 1 { // another revision goes on with the same logs
			if err := srv.Apply(t.Context(), []*model.Stack{st}); err != nil {
				t.Fatal(err)
			}
		}
		get(t, c, "http://"+d.DomainName+path)
	}
	c.CloseIdleConnections()
	if err := srv.Close(t.Context()); err != nil {
		t.Error(err)
	}
	return o.Data, d
}

// objects are those of a bucket of a node that has ended, by key.
func objects(t *testing.T, data, bucket string) map[string]string {
	t.Helper()
	st := (&stores{}).of(&Server{o: Options{Data: data}}, bucket)
	out := map[string]string{}
	for min := ""; ; {
		o, ok, err := st.After(min)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return out
		}
		_, f, err := st.Get(o.Key)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(o.Key, ".parquet") {
			b, err := io.ReadAll(f)
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			out[o.Key] = string(b)
		} else {
			out[o.Key] = unzip(t, f)
		}
		min = o.Key + "\x00"
	}
}

func unzip(t *testing.T, f *os.File) string {
	t.Helper()
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// one finds the object whose key has the form, {ID} standing for the
// distribution's.
func one(t *testing.T, all map[string]string, id, form string) string {
	t.Helper()
	re := regexp.MustCompile("^" + strings.ReplaceAll(form, "{ID}", id) + "$")
	for key, text := range all {
		if re.MatchString(key) {
			return text
		}
	}
	var keys []string
	for key := range all {
		keys = append(keys, key)
	}
	t.Fatalf("no %s among %q", form, keys)
	return ""
}

// TestE10E12LogsLandInTheBucketOfTheTemplate: the standard log, version 1, and a
// delivery of version 2, named as CloudFront names them; what goes to a bucket
// that is nobody's is below Data.
func TestE10E12LogsLandInTheBucketOfTheTemplate(t *testing.T) {
	data, d := logged(t, Options{}, "/a", "/live/b")
	all := objects(t, data, "shop-logs")
	if len(all) != 4 {
		t.Errorf("%d objects: %v", len(all), all)
	}
	v1 := one(t, all, d.ID, `web/{ID}\.\d{4}-\d\d-\d\d-\d\d\.[0-9a-f]{8}\.gz`)
	if !strings.HasPrefix(v1, record.StandardHeader) || strings.Count(v1, "\n") != 4 || !strings.Contains(v1, "\t/live/b\t200\t") {
		t.Errorf("%q", v1)
	}
	v2 := one(t, all, d.ID, `v2/DistributionId={ID}/year=\d{4}/month=\d\d/{ID}\.\d{4}-\d\d-\d\d-\d\d\.[0-9a-f]{8}\.gz`)
	if v2 != `{"sc-status":"200","cs-uri-stem":"/a"}`+"\n"+`{"sc-status":"200","cs-uri-stem":"/live/b"}`+"\n" {
		t.Errorf("%q", v2)
	}
	b, err := os.ReadFile(filepath.Join(data, "access", "edge-site.log"))
	if err != nil || string(b) != "200,/a\n200,/live/b\n" {
		t.Errorf("%q %v", b, err)
	}
	left, err := filepath.Glob(filepath.Join(data, "logs", "central", "AWSLogs", "123456789012", "CloudFront", d.ID+".*.gz"))
	if err != nil || len(left) != 1 {
		t.Fatalf("%v %v", left, err)
	}
	f, err := os.Open(left[0])
	if err != nil {
		t.Fatal(err)
	}
	if text := unzip(t, f); !strings.HasPrefix(text, "#Version: 1.0\n#Fields: date time ") || strings.Count(text, "\n") != 4 {
		t.Errorf("%q", text)
	}
	if parts, _ := filepath.Glob(filepath.Join(data, "logs", "*", "*", "*.partial")); len(parts) > 0 {
		t.Errorf("left over: %v", parts)
	}
}

// TestE13RealtimeLogs: a file, and the stream of the configuration, have the
// requests of the behavior alone.
func TestE13RealtimeLogs(t *testing.T) {
	var to streamAPI
	kinesis := httptest.NewServer(&to)
	defer kinesis.Close()
	data, _ := logged(t, Options{Kinesis: Kinesis{Endpoint: kinesis.URL, Credentials: func() (sigv4.Credentials, error) {
		return sigv4.Credentials{AccessKeyID: "AK", SecretAccessKey: "secret"}, nil
	}}}, "/a", "/live/b", "/live/c")
	b, err := os.ReadFile(filepath.Join(data, "realtime", "live.log"))
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`^\d{10}\.\d{3}\t200\t/live/b\n\d{10}\.\d{3}\t200\t/live/c\n$`)
	if !form.Match(b) {
		t.Errorf("%q", b)
	}
	if to.err != nil || !form.MatchString(strings.Join(to.lines, "")) {
		t.Errorf("%v %q", to.err, to.lines)
	}
}

// TestE13ADeadStreamCostsRecordsOnly: requests pass, the file is whole, and the
// metric counts.
func TestE13ADeadStreamCostsRecordsOnly(t *testing.T) {
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	st := stack(t)
	st.Distributions[0].Behaviors[1].Realtime = &model.RealtimeLog{
		Name: "live", Sampling: 100, Fields: []string{"cs-uri-stem"}, Streams: []string{"arn:aws:kinesis:x:1:stream/live"},
	}
	srv, err := New(Options{HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0", Data: t.TempDir(), Kinesis: Kinesis{
		Endpoint: dead.URL, Credentials: func() (sigv4.Credentials, error) { return sigv4.Credentials{}, nil },
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(srv.Bind(t.Context()), srv.Apply(t.Context(), []*model.Stack{st})); err != nil {
		t.Fatal(err)
	}
	srv.Start()
	c, _ := client(t, srv, nil, "http")
	for range 3 {
		get(t, c, "http://www.example.com/page.html")
	}
	c.CloseIdleConnections()
	for value(scrape(t, srv), "forelane_edge_realtime_log_dropped_records_total") != 3 {
		if t.Context().Err() != nil {
			t.Fatal("the loss is not counted")
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if err := srv.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(filepath.Join(srv.o.Data, "realtime", "live.log")); err != nil || string(b) != strings.Repeat("/page.html\n", 3) {
		t.Errorf("%q %v", b, err)
	}
}
