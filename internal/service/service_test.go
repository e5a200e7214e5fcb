// SPDX-License-Identifier: Apache-2.0

package service

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/sigv4"
)

// sent is what an endpoint got.
type sent struct {
	rq   *http.Request
	body string
}

func (s *sent) RoundTrip(rq *http.Request) (*http.Response, error) {
	s.rq, s.body = rq, ""
	if rq.Body != nil {
		b, err := io.ReadAll(rq.Body)
		if err != nil {
			return nil, err
		}
		s.body = string(b)
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: rq}, nil
}

func example() (sigv4.Credentials, error) {
	return sigv4.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", SessionToken: "TOKEN"}, nil
}

func at() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// TestA6SignedAsBotocore: signatures are those of AWS's own client library for
// the same requests, credentials and time.
func TestA6SignedAsBotocore(t *testing.T) {
	for _, tt := range []struct {
		name, service, endpoint, method, url, body string
		header                                     map[string]string
		wantURL, wantScope, signature              string
	}{
		{
			"JSON", "dynamodb", "http://db.example:4567", "POST", "https://dynamodb.eu-west-1.amazonaws.com/", `{"TableName":"t"}`,
			map[string]string{"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.GetItem", "X-Amzn-Trace-Id": "not signed"},
			"http://db.example:4567/", "dynamodb", "62a7f3911c4359abb4e04934f67bf1f7dcb1b4c55c3b27afb2a6957f83a851f0",
		},
		{
			"a form, an endpoint with a path", "sqs", "http://q.example/base/", "POST", "https://sqs.eu-west-1.amazonaws.com/123456789012/a%20b?x=1&a=b%20c",
			"Action=SendMessage&MessageBody=a",
			map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Authorization": "forged", "X-Amz-Date": "forged"},
			"http://q.example/base/123456789012/a%20b?x=1&a=b%20c", "sqs", "7ba500b2d997344b68025e889feff96df0fd12c72419bdbd24707463a06897b5",
		},
		{
			"S3, a bucket that the URI has as subdomain", "bucket.s3", "http://s3.example", "GET",
			"https://bucket.s3.eu-west-1.amazonaws.com/a%20b/%C3%A9~(x).txt?list-type=2&prefix=a%2Fb", "", nil,
			"http://s3.example/bucket/a%20b/%C3%A9~(x).txt?list-type=2&prefix=a%2Fb", "s3", "c0c0bbd46fb0bacdbf6dd35d58f1dc64447e94700452474dda71da63c270583e",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got sent
			short := tt.service[strings.LastIndexByte(tt.service, '.')+1:]
			s, err := New(Options{Endpoints: map[string]string{short: tt.endpoint}, Credentials: example, Client: &got, Now: at})
			if err != nil {
				t.Fatal(err)
			}
			rq, err := http.NewRequest(tt.method, tt.url, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			for name, v := range tt.header {
				rq.Header.Set(name, v)
			}
			rs, err := s.To(&model.ServiceURI{Region: "eu-west-1", Service: tt.service}, "us-east-1").RoundTrip(rq)
			if err != nil {
				t.Fatal(err)
			}
			_ = rs.Body.Close()
			auth := got.rq.Header.Get("Authorization")
			if got.rq.URL.String() != tt.wantURL || got.body != tt.body || got.rq.Header.Get("X-Amz-Security-Token") != "TOKEN" {
				t.Errorf("%s %q %v", got.rq.URL, got.body, got.rq.Header)
			}
			if !strings.Contains(auth, "/20260102/eu-west-1/"+tt.wantScope+"/aws4_request") || !strings.HasSuffix(auth, "Signature="+tt.signature) {
				t.Errorf("%s\nwant the signature %s", auth, tt.signature)
			}
			if rq.Header.Get("X-Amz-Content-Sha256") != "" {
				t.Error("the caller's request was changed")
			}
		})
	}
}

func TestA6Endpoints(t *testing.T) {
	s, err := New(Options{Endpoints: map[string]string{"dynamodb": "http://a", "streams.dynamodb": "http://b", "IOT": "http://c", "states": "http://d"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ service, host, scope string }{
		{"dynamodb", "a", "dynamodb"},
		{"streams.dynamodb", "b", "dynamodb"},
		{"data.iot", "c", "iotdata"},
		{"sync-states", "d", "states"},
		{"sqs", "", ""},
		{"b.s3", "", ""},
	} {
		rt := s.To(&model.ServiceURI{Service: tt.service}, "eu-north-1")
		if tt.host == "" {
			if rt != nil {
				t.Errorf("%s: there is an endpoint", tt.service)
			}
			continue
		}
		w, ok := rt.(*way)
		if !ok || w.endpoint.Host != tt.host || w.scope != (sigv4.Scope{Region: "eu-north-1", Service: tt.scope}) {
			t.Errorf("%s: %+v", tt.service, rt)
		}
	}
	for _, bad := range []string{"", "db.example", "ftp://a", "http://", "http://user:secret@a", "http://a?x", "http://a#x", "http://[::1"} {
		if _, err := New(Options{Endpoints: map[string]string{"sqs": bad}}); err == nil || !strings.Contains(err.Error(), "service sqs") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestA6RealEndpoint: over a connection the signature is that of what arrives; a
// redirect is an answer; without credentials nothing is signed.
func TestA6RealEndpoint(t *testing.T) {
	var got *http.Request
	var wrong error
	end := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, rq *http.Request) {
		got = rq
		wrong = sigv4.VerifyPayload(rq, rq.Header.Get("X-Amz-Content-Sha256"), "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", at())
		w.Header().Set("Location", "http://elsewhere.example/")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}))
	defer end.Close()
	ask := func(o Options) *http.Response {
		t.Helper()
		o.Endpoints, o.Client, o.Now = map[string]string{"sqs": end.URL}, end.Client().Transport, at
		s, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		rq, err := http.NewRequestWithContext(t.Context(), "POST", "https://sqs.us-east-1.amazonaws.com/1/q", strings.NewReader("Action=X"))
		if err != nil {
			t.Fatal(err)
		}
		rs, err := s.To(&model.ServiceURI{Service: "sqs"}, "us-east-1").RoundTrip(rq)
		if err != nil {
			t.Fatal(err)
		}
		_ = rs.Body.Close()
		return rs
	}
	if rs := ask(Options{Credentials: example}); rs.StatusCode != 307 || wrong != nil || got.URL.Path != "/1/q" {
		t.Errorf("%d %v %s", rs.StatusCode, wrong, got.URL)
	}
	if ask(Options{}); got.Header.Get("Authorization") != "" || got.Header.Get("X-Amz-Date") != "" {
		t.Errorf("unsigned: %v", got.Header)
	}
	s, err := New(Options{
		Endpoints: map[string]string{"sqs": end.URL}, Client: end.Client().Transport,
		Credentials: func() (sigv4.Credentials, error) { return sigv4.Credentials{}, errors.New("the file is gone") },
	})
	if err != nil {
		t.Fatal(err)
	}
	got = nil
	rq := httptest.NewRequest("POST", "https://sqs.us-east-1.amazonaws.com/", http.NoBody)
	if _, err := s.To(&model.ServiceURI{Service: "sqs"}, "").RoundTrip(rq); err == nil || got != nil {
		t.Errorf("no credentials: %v, asked %v", err, got != nil)
	}
}
