// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

// TestA25AccessLog: each log group of a template has a file, whichever way a
// request came, and a revision goes on in it.
func TestA25AccessLog(t *testing.T) {
	s := stack(t)
	mock := &model.Integration{Kind: model.Mock, RequestTemplates: map[string]string{"application/json": `{"statusCode": 200}`}, Responses: []model.IntegrationResponse{{Status: "200"}}}
	s.APIs = []*model.API{{
		LogicalID: "Api", ID: "restrestre", Kind: model.RESTAPI,
		Routes: []*model.Route{{Key: "GET /pets", Method: "GET", Path: "/pets", Integration: mock, Responses: []model.MethodResponse{{Status: "200"}}}},
		Stages: []*model.Stage{{
			Name: "prod", AccessFormat: "$context.httpMethod $context.path $context.status $context.identity.userAgent",
			AccessLogARN: "arn:aws:logs:us-east-1:123456789012:log-group:/aws/api/prod:*",
		}, {Name: "quiet"}},
	}}
	data := t.TempDir()
	srv, err := New(Options{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := srv.Apply(t.Context(), []*model.Stack{s}); err != nil {
			t.Fatal(err)
		}
		askPlane(t, srv, "https://restrestre.execute-api.localhost/prod/pets")
		askPlane(t, srv, "https://restrestre.execute-api.localhost/quiet/pets")
	}
	if err := srv.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(data, "access"))
	if err != nil || len(files) != 1 || files[0].Name() != "aws-api-prod.log" {
		t.Fatalf("%v %v", files, err)
	}
	b, err := os.ReadFile(filepath.Join(data, "access", "aws-api-prod.log"))
	if want := strings.Repeat("GET /prod/pets 200 a\\\"b\n", 2); err != nil || string(b) != want {
		t.Errorf("%q, want %q (%v)", b, want, err)
	}
}

// askPlane sends one request to a plane of the current revision.
func askPlane(t *testing.T, srv *Server, url string) {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	rq.Header.Set("User-Agent", `a"b`)
	snap := srv.pin()
	defer snap.release()
	rs, err := snap.plane(hostname(rq.URL.Host)).RoundTrip(rq)
	if err != nil || rs.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", rs, err)
	}
	_ = rs.Body.Close()
}

// TestW8TheLogOfAWebACL: each web ACL with a logging configuration has a file,
// for whatever it protects; a revision goes on in it.
func TestW8TheLogOfAWebACL(t *testing.T) {
	s := stack(t)
	mock := &model.Integration{Kind: model.Mock, RequestTemplates: map[string]string{"application/json": `{"statusCode": 200}`}, Responses: []model.IntegrationResponse{{Status: "200"}}}
	route := &model.Route{Key: "GET /pets", Method: "GET", Path: "/pets", Integration: mock, Responses: []model.MethodResponse{{Status: "200"}}}
	s.APIs = []*model.API{{
		LogicalID: "Api", ID: "restrestre", Kind: model.RESTAPI, Routes: []*model.Route{route},
		Stages: []*model.Stage{{Name: "prod", WebACL: "arn:acl"}},
	}}
	s.AccountID = "123456789012"
	s.WebACLs = []*model.WebACL{{
		ARN: "arn:acl", Name: "shop", BodyLimit: 16 << 10, Default: model.ACLAction{Kind: model.ACLAllow},
		Logging: &model.ACLLogging{Destination: "arn:aws:logs:us-east-1:123456789012:log-group:aws-waf-logs-x"},
	}, {ARN: "arn:quiet", Name: "quiet", Default: model.ACLAction{Kind: model.ACLAllow}}}
	data := t.TempDir()
	srv, err := New(Options{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := srv.Apply(t.Context(), []*model.Stack{s}); err != nil {
			t.Fatal(err)
		}
		askPlane(t, srv, "https://restrestre.execute-api.localhost/prod/pets")
	}
	if err := srv.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(data, "access"))
	if err != nil || len(files) != 1 || files[0].Name() != "aws-waf-logs-x-shop.log" {
		t.Fatalf("%v %v", files, err)
	}
	b, err := os.ReadFile(filepath.Join(data, "access", "aws-waf-logs-x-shop.log"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	for _, want := range []string{`"webaclId":"arn:acl"`, `"action":"ALLOW"`, `"httpSourceName":"APIGW","httpSourceId":"123456789012:restrestre:prod"`, `"uri":"/prod/pets"`, `"requestId":"`} {
		for _, line := range lines {
			if !strings.Contains(line, want) || len(lines) != 2 {
				t.Errorf("%d lines; no %s in %s", len(lines), want, line)
			}
		}
	}
}
