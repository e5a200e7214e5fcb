// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The published examples: of S3 (S3 API Reference, "Signature Calculations for
// the Authorization Header") and of the SigV4 test suite.
func TestO7PublishedVectors(t *testing.T) {
	s3Keys := Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	suite := Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	s3Time := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	suiteTime := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	s3Scope, suiteScope := Scope{"us-east-1", "s3"}, Scope{"us-east-1", "service"}
	const s3Host = "Host: examplebucket.s3.amazonaws.com"
	const suiteHost = "Host: example.amazonaws.com"
	for _, tt := range []struct {
		name                      string
		keys                      Credentials
		scope                     Scope
		at                        time.Time
		method, path, query, hash string
		fields                    []string
		want                      string
	}{
		{
			"s3 get with range", s3Keys, s3Scope, s3Time, "GET", "/test.txt", "", Empty,
			[]string{s3Host, "Range: bytes=0-9"},
			"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
		},
		{
			"s3 put", s3Keys, s3Scope, s3Time, "PUT", "/test$file.text", "", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
			[]string{s3Host, "Date: Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class: REDUCED_REDUNDANCY"},
			"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
		},
		{"s3 lifecycle", s3Keys, s3Scope, s3Time, "GET", "/", "lifecycle", Empty, []string{s3Host}, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"s3 list", s3Keys, s3Scope, s3Time, "GET", "/", "prefix=J&max-keys=2", Empty, []string{s3Host}, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
		{"get-vanilla", suite, suiteScope, suiteTime, "GET", "/", "", Empty, []string{suiteHost}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{
			"get-vanilla-query-order-key-case", suite, suiteScope, suiteTime, "GET", "/", "Param2=value2&Param1=value1", Empty,
			[]string{suiteHost},
			"b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
		},
		{"post-vanilla", suite, suiteScope, suiteTime, "POST", "/", "", Empty, []string{suiteHost}, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{"get-relative-relative", suite, suiteScope, suiteTime, "GET", "/example1/example2/../..", "", Empty, []string{suiteHost}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-slashes-only", suite, suiteScope, suiteTime, "GET", "//", "", Empty, []string{suiteHost}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rq := &Request{Method: tt.method, Path: tt.path, Query: tt.query, PayloadHash: tt.hash, Time: tt.at}
			for _, f := range tt.fields {
				n, v, _ := strings.Cut(f, ": ")
				rq.Fields = append(rq.Fields, Field{n, v})
			}
			rq.Fields = append(rq.Fields, Field{"X-Amz-Date", tt.at.Format(TimeFormat)})
			if tt.scope.Service == "s3" {
				rq.Fields = append(rq.Fields, Field{"X-Amz-Content-Sha256", tt.hash})
			}
			got := Sign(rq, &tt.keys, tt.scope)
			if !strings.HasSuffix(got, "Signature="+tt.want) {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestCanonicalForms(t *testing.T) {
	for _, tt := range []struct{ name, got, want string }{
		{"s3 path is decoded, then encoded", canonicalPath("/a(b)%20c%2Bd+/%e4", "s3"), "/a%28b%29%20c%2Bd%2B/%E4"},
		{"s3 path keeps dots and slashes", canonicalPath("/a//./b", "s3"), "/a//./b"},
		{"others: encoded again", canonicalPath("/a%20b", "lambda"), "/a%2520b"},
		{"others: shortest", canonicalPath("/a/./b//c/../d/", "lambda"), "/a/b/d/"},
		{"query", canonicalQuery("b=2&a=x+y&a=%2f&c&&a="), "a=&a=%2F&a=x%20y&b=2&c="},
		{"broken escapes stay", canonicalQuery("a=%zz"), "a=%25zz"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestVerify(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	keys := &Credentials{AccessKeyID: "AK", SecretAccessKey: "secret", SessionToken: "tok"}
	signed := func() *http.Request {
		rq, err := http.NewRequestWithContext(t.Context(), "PUT", "http://h.example/b/a%20b?x=1&y", nil)
		if err != nil {
			t.Fatal(err)
		}
		in := &Request{Method: "PUT", Path: "/b/a%20b", Query: "x=1&y", PayloadHash: Unsigned, Time: now}
		for _, f := range []Field{{"Host", "h.example"}, {"X-Amz-Date", now.Format(TimeFormat)}, {"X-Amz-Content-Sha256", Unsigned}} {
			in.Fields = append(in.Fields, f)
			rq.Header.Set(f.Name, f.Value)
		}
		rq.Header.Set("Authorization", Sign(in, keys, Scope{"eu-west-1", "s3"}))
		return rq
	}
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		secret string
		at     time.Time
		want   error
	}{
		{"as it was signed", func(*http.Request) {}, "secret", now, nil},
		{"another secret", func(*http.Request) {}, "secreT", now, ErrWrong},
		{"another path", func(rq *http.Request) { rq.URL.Path, rq.URL.RawPath = "/b/c", "" }, "secret", now, ErrWrong},
		{"another method", func(rq *http.Request) { rq.Method = "DELETE" }, "secret", now, ErrWrong},
		{"another host", func(rq *http.Request) { rq.Host = "evil.example" }, "secret", now, ErrWrong},
		{"a field that is not signed", func(rq *http.Request) { rq.Header.Set("X-Amz-Meta-A", "b") }, "secret", now, ErrUncovers},
		{"too late", func(*http.Request) {}, "secret", now.Add(16 * time.Minute), ErrSkewed},
		{"no signature", func(rq *http.Request) { rq.Header.Del("Authorization") }, "secret", now, ErrNone},
		{"another scheme", func(rq *http.Request) { rq.Header.Set("Authorization", "Bearer x") }, "secret", now, ErrNone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rq := signed()
			tt.change(rq)
			if err := Verify(rq, tt.secret, tt.at); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestCredentialsPrintNoSecret(t *testing.T) {
	c := Credentials{"AK", "hush", "also"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(format, c); strings.Contains(got, "hush") || strings.Contains(got, "also") {
			t.Errorf("%s prints %s", format, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AK/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=ab")
	f.Add("AWS4-HMAC-SHA256 Credential=a,,=")
	f.Fuzz(func(t *testing.T, s string) {
		if c, ok := Parse(s); ok && (c.AccessKeyID == "" || c.Signature == "" || len(c.Signed) == 0) {
			t.Errorf("%q gave %+v", s, c)
		}
	})
}
