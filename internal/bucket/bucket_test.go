// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"archive/zip"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

const (
	publicRead = `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*"}]}`
	edgeRead   = `{"Statement":[{"Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":["s3:GetObject"LIST],
		"Resource":["arn:aws:s3:::site/*","arn:aws:s3:::site"],"Condition":{"StringEquals":{"AWS:SourceArn":"arn:d1"}}}]}`
)

var edge = &Caller{Principals: []string{"Service:cloudfront.amazonaws.com"}, Context: map[string]string{"aws:sourcearn": "arn:d1"}}

// site writes files into a folder and opens a bucket of it.
func site(t *testing.T, m model.Bucket, files map[string]string) *Bucket {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m.LogicalID, m.Name, m.Region = "Site", "site", "us-east-1"
	m.Content = append(m.Content, model.Content{Dir: dir})
	b, err := Open(&m, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// ask sends one request; fields are "Name: value".
func ask(t *testing.T, rt http.RoundTripper, c *Caller, method, path string, fields ...string) (*http.Response, string) {
	t.Helper()
	rq, err := http.NewRequestWithContext(WithCaller(context.Background(), c), method, "http://site.s3.amazonaws.com"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		n, v, _ := strings.Cut(f, ": ")
		rq.Header.Set(n, v)
	}
	rs, err := rt.RoundTrip(rq)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(rs.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := rs.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return rs, string(body)
}

func TestS1WhoMayRead(t *testing.T) {
	files := map[string]string{"index.html": "home", "a b.txt": "spaced"}
	list := strings.Replace(edgeRead, "LIST", `,"s3:ListBucket"`, 1)
	noList := strings.Replace(edgeRead, "LIST", "", 1)
	other := &Caller{Principals: edge.Principals, Context: map[string]string{"aws:sourcearn": "arn:d2"}}
	tests := []struct {
		name   string
		bucket model.Bucket
		caller *Caller
		path   string
		status int
		body   string
	}{
		{"signed edge", model.Bucket{PolicyJSON: noList, BlockPublic: true}, edge, "/index.html", 200, "home"},
		{"decoded key", model.Bucket{PolicyJSON: noList}, edge, "/a%20b.txt", 200, "spaced"},
		{"another distribution", model.Bucket{PolicyJSON: noList}, other, "/index.html", 403, "<Code>AccessDenied</Code>"},
		{"no policy", model.Bucket{}, edge, "/index.html", 403, "<Code>AccessDenied</Code>"},
		{"missing key without ListBucket", model.Bucket{PolicyJSON: noList}, edge, "/none", 403, "<Code>AccessDenied</Code>"},
		{"missing key with ListBucket", model.Bucket{PolicyJSON: list}, edge, "/none", 404, "<Code>NoSuchKey</Code>"},
		{"public", model.Bucket{PolicyJSON: publicRead}, nil, "/index.html", 200, "home"},
		{"public access blocked", model.Bucket{PolicyJSON: publicRead, BlockPublic: true}, nil, "/index.html", 403, "AccessDenied"},
		{"out of the folder", model.Bucket{PolicyJSON: list}, edge, "/../etc/passwd", 404, "NoSuchKey"},
		{"out of the folder, encoded", model.Bucket{PolicyJSON: list}, edge, "/..%2f..%2fetc/passwd", 404, "NoSuchKey"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rs, body := ask(t, site(t, tt.bucket, files), tt.caller, "GET", tt.path)
			if rs.StatusCode != tt.status || !strings.Contains(body, tt.body) {
				t.Errorf("%d %s", rs.StatusCode, body)
			}
		})
	}
}

func TestSymbolicLinkDoesNotLeadOut(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := site(t, model.Bucket{PolicyJSON: publicRead}, map[string]string{"a": "a"})
	if err := os.Symlink(secret, filepath.Join(b.m.Content[0].Dir, "link")); err != nil {
		t.Fatal(err)
	}
	if rs, body := ask(t, b, nil, "GET", "/link"); rs.StatusCode == 200 {
		t.Errorf("served %q", body)
	}
}

func TestConditionsAndRanges(t *testing.T) {
	b := site(t, model.Bucket{PolicyJSON: publicRead}, map[string]string{"f.txt": "0123456789"})
	first, _ := ask(t, b, nil, "GET", "/f.txt")
	tag := first.Header.Get("ETag")
	if tag != `"781e5e245d69b566979b86e28d23f2c7"` { // MD5 of the bytes
		t.Errorf("ETag %s", tag)
	}
	tests := []struct {
		name, method, field string
		status              int
		body, crange        string
	}{
		{"whole", "GET", "X: y", 200, "0123456789", ""},
		{"head", "HEAD", "X: y", 200, "", ""},
		{"same tag", "GET", "If-None-Match: " + tag, 304, "", ""},
		{"not modified since", "GET", "If-Modified-Since: " + first.Header.Get("Last-Modified"), 304, "", ""},
		{"other tag demanded", "GET", `If-Match: "x"`, 412, "PreconditionFailed", ""},
		{"range", "GET", "Range: bytes=2-4", 206, "234", "bytes 2-4/10"},
		{"suffix", "GET", "Range: bytes=-3", 206, "789", "bytes 7-9/10"},
		{"two ranges", "GET", "Range: bytes=0-1,4-5", 200, "0123456789", ""},
		{"beyond", "GET", "Range: bytes=20-", 416, "InvalidRange", "bytes */10"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rs, body := ask(t, b, nil, tt.method, "/f.txt", tt.field)
			if rs.StatusCode != tt.status || !strings.Contains(body, tt.body) || rs.Header.Get("Content-Range") != tt.crange {
				t.Errorf("%d %q %s", rs.StatusCode, body, rs.Header.Get("Content-Range"))
			}
		})
	}
}

func TestEditedFileIsServedAtOnce(t *testing.T) {
	b := site(t, model.Bucket{PolicyJSON: publicRead}, map[string]string{"f": "one"})
	before, _ := ask(t, b, nil, "GET", "/f")
	if err := os.WriteFile(filepath.Join(b.m.Content[0].Dir, "f"), []byte("longer"), 0o644); err != nil {
		t.Fatal(err)
	}
	after, body := ask(t, b, nil, "GET", "/f")
	if body != "longer" || before.Header.Get("ETag") == after.Header.Get("ETag") {
		t.Errorf("%q with the old tag", body)
	}
}

func TestZipUnderPrefix(t *testing.T) {
	name := filepath.Join(t.TempDir(), "c.zip")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	w, _ := z.Create("app.js")
	_, _ = io.WriteString(w, "let x")
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	b := site(t, model.Bucket{PolicyJSON: publicRead, Content: []model.Content{{Zip: name, Prefix: "assets"}}}, map[string]string{"x": "x"})
	rs, body := ask(t, b, nil, "GET", "/assets/app.js", "Range: bytes=4-")
	if rs.StatusCode != 206 || body != "x" || rs.Header.Get("Content-Type") != "text/javascript" {
		t.Errorf("%d %q %v", rs.StatusCode, body, rs.Header)
	}
}

func TestMissingContentFolderIsAnError(t *testing.T) {
	_, err := Open(&model.Bucket{LogicalID: "Site", Content: []model.Content{{Dir: "/no/such/folder"}}}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "Site") || !strings.Contains(err.Error(), "/no/such/folder") {
		t.Errorf("error %v", err)
	}
}

func TestWebsiteEndpoint(t *testing.T) {
	files := map[string]string{"index.html": "home", "docs/index.html": "docs", "404.html": "lost"}
	w := site(t, model.Bucket{PolicyJSON: publicRead, Website: &model.Website{Index: "index.html", Error: "404.html"}}, files).Website()
	for _, tt := range []struct {
		path     string
		status   int
		body     string
		location string
	}{
		{"/", 200, "home", ""},
		{"/docs/", 200, "docs", ""},
		{"/docs", 302, "", "/docs/"},
		{"/none", 404, "lost", ""},
	} {
		rs, body := ask(t, w, nil, "GET", tt.path)
		if rs.StatusCode != tt.status || body != tt.body || rs.Header.Get("Location") != tt.location {
			t.Errorf("%s: %d %q %s", tt.path, rs.StatusCode, body, rs.Header.Get("Location"))
		}
	}
	r := site(t, model.Bucket{Website: &model.Website{RedirectAll: "www.example.com", RedirectTLS: "https"}}, nil).Website()
	if rs, _ := ask(t, r, nil, "GET", "/a?b=c"); rs.StatusCode != 301 || rs.Header.Get("Location") != "https://www.example.com/a?b=c" {
		t.Errorf("%d %s", rs.StatusCode, rs.Header.Get("Location"))
	}
}
