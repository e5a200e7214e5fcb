// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const siteTemplate = `
Resources:
  Site:
    Type: AWS::S3::Bucket
    Properties: {BucketName: the-site}
    Metadata: {Forelane: {Content: ./site}}
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Site
      PolicyDocument:
        Statement:
          Effect: Allow
          Principal: {Service: cloudfront.amazonaws.com}
          Action: [s3:GetObject, s3:ListBucket]
          Resource: [!GetAtt Site.Arn, !Sub "${Site.Arn}/*"]
  Access:
    Type: AWS::CloudFront::OriginAccessControl
    Properties:
      OriginAccessControlConfig: {Name: a, OriginAccessControlOriginType: s3, SigningBehavior: always, SigningProtocol: sigv4}
  Edge:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        DefaultRootObject: index.html
        Origins:
          - {Id: site, DomainName: !GetAtt Site.RegionalDomainName, S3OriginConfig: {}, OriginAccessControlId: !Ref Access}
        DefaultCacheBehavior:
          TargetOriginId: site
          ViewerProtocolPolicy: allow-all
          CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad
`

// awsCLI runs the AWS CLI against an endpoint, without the caller's settings.
func awsCLI(t *testing.T, endpoint string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "aws", append([]string{"--endpoint-url", endpoint}, args...)...)
	mine := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	cmd.Env = append(mine, "AWS_ACCESS_KEY_ID=AKTEST", "AWS_SECRET_ACCESS_KEY=secretsecret",
		"AWS_REGION=us-east-1", "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_EC2_METADATA_DISABLED=true")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("aws %s: %v (tools/setup.sh installs it): %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestAWSCLIDeploysASite is how a static site is deployed: with the AWS CLI as
// it is, against the admin side.
func TestAWSCLIDeploysASite(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 9<<20/16) // beyond the CLI's threshold for multipart
	files := map[string]string{
		"template.yaml": siteTemplate, "site/index.html": "from the folder", "site/folder.txt": "x",
		"dist/index.html": "<h1>deployed</h1>", "dist/assets/app.js": "let x", "dist/a b+é.txt": "odd name", "dist/big.bin": string(big),
	}
	dir, data := write(t, files), t.TempDir()
	p := start(t, "up", filepath.Join(dir, "template.yaml"), "--data", data)
	admin := "http://" + p.ready.Admin
	get := func(path string) answer { return p.do("GET", p.ready.Distributions[0].ID+".cloudfront.net", path, "") }
	if a := get("/"); a.body != "from the folder" {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}

	out := awsCLI(t, admin, "s3", "sync", filepath.Join(dir, "dist"), "s3://the-site/", "--delete", "--cache-control", "max-age=60")
	for _, want := range []string{"upload: ", "delete: s3://the-site/folder.txt"} {
		if !strings.Contains(out, want) {
			t.Errorf("sync says %s", out)
		}
	}
	if again := awsCLI(t, admin, "s3", "sync", filepath.Join(dir, "dist"), "s3://the-site/", "--delete"); strings.TrimSpace(again) != "" {
		t.Errorf("a second sync says %s", again)
	}
	if a := get("/index.html?x"); a.body != "<h1>deployed</h1>" || a.Header.Get("Cache-Control") != "max-age=60" || a.Header.Get("Content-Type") != "text/html" {
		t.Errorf("%d %v %s", a.StatusCode, a.Header, a.body)
	}
	if a := get("/a%20b%2B%C3%A9.txt"); a.body != "odd name" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if a := get("/big.bin"); a.body != string(big) || !strings.HasSuffix(a.Header.Get("ETag"), `-2"`) {
		t.Errorf("%d, %d bytes, %v", a.StatusCode, len(a.body), a.Header)
	}
	if a := get("/folder.txt"); a.StatusCode != 404 {
		t.Errorf("a deleted file: %d", a.StatusCode)
	}

	listed := awsCLI(t, admin, "s3", "ls", "s3://the-site", "--recursive")
	for _, want := range []string{" 17 index.html", " 9437184 big.bin", " assets/app.js", " a b+é.txt"} {
		if !strings.Contains(listed, want) {
			t.Errorf("no %q in %s", want, listed)
		}
	}
	awsCLI(t, admin, "s3", "mv", "s3://the-site/big.bin", "s3://the-site/moved.bin")
	awsCLI(t, admin, "s3", "rm", "s3://the-site/assets/", "--recursive")
	down := filepath.Join(dir, "down")
	awsCLI(t, admin, "s3", "cp", "s3://the-site/", down, "--recursive")
	if b, err := os.ReadFile(filepath.Join(down, "moved.bin")); err != nil || !bytes.Equal(b, big) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, err := os.Stat(filepath.Join(down, "assets")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a removed folder came down: %v", err)
	}
	p.stopOnce(t)

	p = start(t, "up", filepath.Join(dir, "template.yaml"), "--data", data)
	if a := p.do("GET", p.ready.Distributions[0].ID+".cloudfront.net", "/", ""); a.body != "<h1>deployed</h1>" {
		t.Errorf("after a restart: %d %s", a.StatusCode, a.body)
	}
	if a := p.do("GET", p.ready.Distributions[0].ID+".cloudfront.net", "/folder.txt", ""); a.StatusCode != 404 {
		t.Errorf("after a restart a deleted file is there: %d", a.StatusCode)
	}
}

const outsideTemplate = `
Resources:
  Access:
    Type: AWS::CloudFront::OriginAccessControl
    Properties:
      OriginAccessControlConfig: {Name: a, OriginAccessControlOriginType: s3, SigningBehavior: always, SigningProtocol: sigv4}
  Edge:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins:
          - {Id: signed, DomainName: elsewhere.s3.us-east-1.amazonaws.com, S3OriginConfig: {}, OriginAccessControlId: !Ref Access}
          - {Id: plain, DomainName: elsewhere2.s3.us-east-1.amazonaws.com, S3OriginConfig: {}}
        DefaultCacheBehavior:
          TargetOriginId: signed
          ViewerProtocolPolicy: allow-all
          AllowedMethods: [GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE]
          CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad
        CacheBehaviors:
          - {PathPattern: "/plain/*", TargetOriginId: plain, ViewerProtocolPolicy: allow-all, CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad}
`

// TestO7SignedForVersityGW asks a real S3 server: it passes what is signed and
// refuses what is not.
func TestO7SignedForVersityGW(t *testing.T) {
	s3 := versityGW(t)
	dir := write(t, map[string]string{"template.yaml": outsideTemplate, "up.txt": "kept elsewhere"})
	awsCLI(t, s3, "s3", "mb", "s3://elsewhere")
	for _, key := range []string{"a.txt", "plain/a.txt", "odd (key) +é~.txt"} {
		awsCLI(t, s3, "s3", "cp", filepath.Join(dir, "up.txt"), "s3://elsewhere/"+key)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "AKTEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secretsecret")
	p := start(t, "up", filepath.Join(dir, "template.yaml"), "--data", t.TempDir(), "--origin-credentials", "env",
		"--origin", "signed="+s3+"/elsewhere", "--origin", "plain="+s3+"/elsewhere")
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"signed", "GET", "/a.txt", "", 200, "kept elsewhere"},
		{"signed, an odd key", "GET", "/odd%20(key)%20%2B%C3%A9~.txt", "", 200, "kept elsewhere"},
		{"signed HEAD", "HEAD", "/a.txt", "", 200, ""},
		{"signed, no such key", "GET", "/none", "", 404, "NoSuchKey"},
		{"unsigned", "GET", "/plain/a.txt", "", 403, "AccessDenied"},
		{"signed PUT", "PUT", "/put.txt", "new", 200, ""},
		{"what was put", "GET", "/put.txt", "", 200, "new"},
		{"signed DELETE", "DELETE", "/put.txt", "", 204, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := p.do(tt.method, p.ready.Distributions[0].ID+".cloudfront.net", tt.path, tt.body)
			if a.StatusCode != tt.status || !strings.Contains(a.body, tt.want) {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
		})
	}
	rs, err := http.Get(s3 + "/elsewhere/a.txt")
	if err != nil {
		t.Fatal(err)
	}
	_ = rs.Body.Close()
	if rs.StatusCode != 403 {
		t.Errorf("without the edge: %d", rs.StatusCode)
	}
	if strings.Contains(p.stderr.String(), "secretsecret") {
		t.Error("a secret is in the log")
	}
}

// versityGW runs versitygw, which tools/setup.sh installs, and returns its URL.
// It listens on a socket of the file system; the port before it is the test's.
func versityGW(t *testing.T) string {
	t.Helper()
	bin, err := exec.LookPath("versitygw")
	if err != nil {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		bin = filepath.Join(cache, "forelane-tools", "versitygw-v1.8.0", "versitygw")
	}
	dir, err := os.MkdirTemp("", "vgw") // a socket's name is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	root, sidecar, socket := filepath.Join(dir, "root"), filepath.Join(dir, "side"), filepath.Join(dir, "s3.sock")
	for _, d := range []string{root, sidecar} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(bin, "--port", socket, "posix", "--sidecar", sidecar, root)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY=AKTEST", "ROOT_SECRET_KEY=secretsecret")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: tools/setup.sh installs it", err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = ln.Close()
		_ = cmd.Process.Kill()
		<-ended
	})
	for up := false; !up; {
		if c, err := net.Dial("unix", socket); err == nil {
			up = c.Close() == nil
			continue
		}
		select {
		case <-ended:
			t.Fatalf("versitygw ended: %s", out.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go join(c, socket)
		}
	}()
	return "http://" + ln.Addr().String()
}

// join carries a connection over to a socket.
func join(c net.Conn, socket string) {
	defer c.Close()
	to, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer to.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(to, c)
		_ = to.(*net.UnixConn).CloseWrite()
	}()
	_, _ = io.Copy(c, to)
	_ = c.(*net.TCPConn).CloseWrite()
	<-done
}
