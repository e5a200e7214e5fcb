// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/sigv4"
)

func TestO7RegionOfHosts(t *testing.T) {
	for host, want := range map[string]string{
		"site.s3.eu-west-1.amazonaws.com": "eu-west-1", "site.s3-eu-west-1.amazonaws.com": "eu-west-1",
		"site.s3.dualstack.eu-west-1.amazonaws.com": "eu-west-1", "site.s3.amazonaws.com": "us-east-1",
		"a.s3.b.s3.us-west-2.amazonaws.com": "us-west-2", "site.s3.cn-north-1.amazonaws.com.cn": "cn-north-1",
		"ap-1.s3-accesspoint.eu-west-1.amazonaws.com":       "eu-west-1",
		"abc.lambda-url.eu-central-1.on.aws":                "eu-central-1",
		"x.data.mediastore.eu-west-1.amazonaws.com":         "eu-west-1",
		"x.egress.y.mediapackagev2.us-east-2.amazonaws.com": "us-east-2",
		"minio.example": "", "127.0.0.1": "", "s3.example": "",
	} {
		if got := regionOf(host); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}

// verifier is an origin that tells whether what came is signed, and how.
func verifier(t *testing.T, now time.Time) *httptest.Server {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := sigv4.Verify(r, "secret", now); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		c, _ := sigv4.Parse(r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, c.AccessKeyID+" "+c.Region+" "+c.Service+" "+r.Header.Get("X-Amz-Content-Sha256"))
	}))
	t.Cleanup(srv.Close)
	return srv
}

func TestO7SigningBehavior(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	srv := verifier(t, now)
	const s3Host, urlHost = "site.s3.eu-west-1.amazonaws.com", "abc.lambda-url.eu-central-1.on.aws"
	hash := strings.Repeat("ab", 32)
	access := func(kind, signing string) *model.OriginAccess {
		return &model.OriginAccess{Type: kind, Signing: signing}
	}
	for _, tt := range []struct {
		name, host, method, target, body string
		access                           *model.OriginAccess
		oai                              string
		fields                           []string
		status                           int
		want                             string
	}{
		{"always", s3Host, "GET", "/a%20(b)?x=1&y", "", access("s3", "always"), "", nil, 200, "AK eu-west-1 s3 " + sigv4.Empty},
		{"always overwrites", s3Host, "GET", "/", "", access("s3", "always"), "", []string{"Authorization: Bearer x", "X-Amz-Security-Token: y"}, 200, "AK eu-west-1"},
		{"never", s3Host, "GET", "/", "", access("s3", "never"), "", nil, 403, "not signed"},
		{"never leaves the viewer's", s3Host, "GET", "/", "", access("s3", "never"), "", []string{"Authorization: Bearer x"}, 403, "not signed"},
		{"no-override without one", s3Host, "GET", "/", "", access("s3", "no-override"), "", nil, 200, "AK eu-west-1"},
		{"no-override with one", s3Host, "GET", "/", "", access("s3", "no-override"), "", []string{"Authorization: Bearer x"}, 403, "not signed"},
		{"legacy identity", s3Host, "GET", "/", "", nil, "E1", nil, 200, "AK eu-west-1 s3"},
		{"no access control", s3Host, "GET", "/", "", nil, "", nil, 403, "not signed"},
		{"every x-amz field is signed", s3Host, "GET", "/", "", access("s3", "always"), "", []string{"X-Amz-Cf-Id: i", "x-amz-meta-a:  b  c "}, 200, "AK"},
		{"put to a bucket", s3Host, "PUT", "/k", "data", access("s3", "always"), "", nil, 200, sigv4.Unsigned},
		{"put with a hash", s3Host, "PUT", "/k", "data", access("s3", "always"), "", []string{"X-Amz-Content-Sha256: " + hash}, 200, hash},
		{"put with nonsense", s3Host, "PUT", "/k", "data", access("s3", "always"), "", []string{"X-Amz-Content-Sha256: x"}, 200, sigv4.Unsigned},
		{"function URL", urlHost, "GET", "/a/../b%20c//d?q=%2F", "", access("lambda", "always"), "", nil, 200, "AK eu-central-1 lambda " + sigv4.Empty},
		{"N23 post with a hash", urlHost, "POST", "/", "data", access("lambda", "always"), "", []string{"X-Amz-Content-Sha256: " + hash}, 200, hash},
		{"N23 post without a hash", urlHost, "POST", "/", "data", access("lambda", "always"), "", nil, 200, sigv4.Unsigned}, // which Lambda refuses
		{"elsewhere", "minio.example", "GET", "/", "", access("s3", "always"), "", nil, 200, "AK us-gov-west-1 s3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := New(&model.Origin{DomainName: tt.host, Access: tt.access, OAI: tt.oai}, Options{
				Sign: &Signer{
					Region: "us-gov-west-1", Now: func() time.Time { return now },
					Credentials: func() (sigv4.Credentials, error) {
						return sigv4.Credentials{AccessKeyID: "AK", SecretAccessKey: "secret", SessionToken: "session"}, nil
					},
				},
				Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
					return (&net.Dialer{}).DialContext(ctx, network, strings.TrimPrefix(srv.URL, "http://"))
				},
			})
			defer tr.CloseIdleConnections()
			var body io.Reader
			if tt.body != "" {
				body = strings.NewReader(tt.body)
			}
			rq, err := http.NewRequestWithContext(t.Context(), tt.method, "http://"+tt.host+tt.target, body)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range tt.fields {
				n, v, _ := strings.Cut(f, ": ")
				rq.Header.Set(n, v)
			}
			rs, err := tr.RoundTrip(rq)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(rs.Body)
			_ = rs.Body.Close()
			if rs.StatusCode != tt.status || !strings.Contains(string(got), tt.want) {
				t.Errorf("%d %s", rs.StatusCode, got)
			}
		})
	}
}

func TestO7WithoutCredentialsNothingIsSent(t *testing.T) {
	tr := New(&model.Origin{DomainName: "site.s3.amazonaws.com", Access: &model.OriginAccess{Signing: "always"}}, Options{
		Sign: &Signer{Credentials: func() (sigv4.Credentials, error) { return sigv4.Credentials{}, errors.New("gone") }},
		Dial: func(context.Context, string, string) (net.Conn, error) { t.Error("dialled"); return nil, io.EOF },
	})
	if _, err := get(t, tr, "http://x/"); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("error %v", err)
	}
}
