// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/forelane/forelane/internal/cluster"
	"github.com/forelane/forelane/internal/deploy"
)

// A node is `forelane serve`; it is deployed to by `forelane deploy`, run in the
// node's namespace, and looked at by its admin side, which listens on loopback
// there.

// The ports of a node.
const (
	httpPort  = "8080"
	adminPort = "9900"
	routePort = "7422"
)

// host is the name of the distribution.
const host = "www.fault.test"

// configure writes the node's file.
func (p *place) configure(t *testing.T, origin string, routes []string) {
	write := func(name, text string) string {
		file := filepath.Join(p.dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	secret := write("secret", strings.Repeat("secret", 6)+"\n")
	p.config = write("node.yaml", fmt.Sprintf(`name: %s
data: %s
listen: { http: "0.0.0.0:%s", https: "off" }
admin: { listen: "127.0.0.1:%s" }
cache: { disk: 64MiB }
origins: { app.fault.test: "%s" }
log: { requests: false }
cluster: { listen: "%s:%s", routes: [%s], secretFile: %s, tenure: %s }
`, p.name, filepath.Join(p.dir, "state"), httpPort, adminPort, origin, p.addr, routePort, strings.Join(routes, ", "), secret, tenure))
}

// command is forelane in the node's namespace.
func (p *place) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"-t", strconv.Itoa(p.holder.Process.Pid), "-n", os.Getenv(binaryVar)}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// dialer connects from within the node's namespace: a socket belongs to that of
// the thread which made it. The thread is kept to the end, for what a thread has
// started dies with it (Pdeathsig).
func (p *place) dialer() func(context.Context, string, string) (net.Conn, error) {
	calls := make(chan func())
	go func() {
		runtime.LockOSThread()
		ns, err := os.Open("/proc/" + strconv.Itoa(p.holder.Process.Pid) + "/ns/net")
		if err == nil {
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		}
		if err != nil {
			panic(err)
		}
		for f := range calls {
			f()
		}
	}()
	return func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		done := make(chan struct{})
		calls <- func() {
			conn, err = (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, addr)
			close(done)
		}
		<-done
		return conn, err
	}
}

// admin asks the node's admin side.
func (p *place) admin(ctx context.Context, method, path, body string) ([]byte, error) {
	rq, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1:"+adminPort+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	rs, err := p.client.Do(rq)
	if err != nil {
		return nil, err
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	if err == nil && rs.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d %s", rs.StatusCode, b)
	}
	return b, err
}

// lag is how many entries a node may be behind under load, to be well.
const lag = 10

// well tells what is wrong with the cluster as the node sees it.
func (p *place) well(ctx context.Context, lag uint64) error {
	b, err := p.admin(ctx, "GET", "/v1/nodes", "")
	if err != nil {
		return err
	}
	var s deploy.Status
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if len(s.Members) != nodeCount {
		return fmt.Errorf("%d members", len(s.Members))
	}
	for _, m := range s.Members {
		if !m.Live || !m.Current || m.Fault != "" || m.Applied+lag < s.Last {
			return fmt.Errorf("at %d: %+v", s.Last, m)
		}
	}
	return nil
}

// settled waits until all nodes find all nodes well.
func settled(ctx context.Context, all []*place, lag uint64) error {
	for {
		var wrong []error
		for _, p := range all {
			try, cancel := context.WithTimeout(ctx, 2*time.Second)
			if err := p.well(try, lag); err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %w", p.name, err))
			}
			cancel()
		}
		if wrong == nil {
			return nil
		}
		if !rest(ctx, 50*time.Millisecond) {
			return errors.Join(wrong...)
		}
	}
}

// template is a revision: what the origin has below /o/, cached for an hour, and
// a page of its own that is never cached, whose number is in its head as well.
const template = `
Resources:
  Site:
    Type: AWS::S3::Bucket
    Metadata: { Forelane: { Content: ./site } }
  SitePolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Site
      PolicyDocument:
        Statement:
          - Effect: Allow
            Principal: { Service: cloudfront.amazonaws.com }
            Action: s3:GetObject
            Resource: !Sub ${Site.Arn}/*
            Condition: { StringEquals: { "AWS:SourceArn": !Sub "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Edge}" } }
  Access:
    Type: AWS::CloudFront::OriginAccessControl
    Properties:
      OriginAccessControlConfig: { Name: site, OriginAccessControlOriginType: s3, SigningBehavior: always, SigningProtocol: sigv4 }
  Number:
    Type: AWS::CloudFront::ResponseHeadersPolicy
    Properties:
      ResponseHeadersPolicyConfig:
        Name: number
        CustomHeadersConfig: { Items: [{ Header: X-Revision, Value: "REVISION", Override: true }] }
  Edge:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Aliases: [www.fault.test]
        ViewerCertificate: { AcmCertificateArn: "arn:aws:acm:us-east-1:123456789012:certificate/x", SslSupportMethod: sni-only }
        Origins:
          - { Id: site, DomainName: !GetAtt Site.RegionalDomainName, S3OriginConfig: {}, OriginAccessControlId: !GetAtt Access.Id }
          - { Id: app, DomainName: app.fault.test, CustomOriginConfig: { OriginProtocolPolicy: http-only } }
        CacheBehaviors:
          - PathPattern: /rev.txt
            TargetOriginId: site
            ViewerProtocolPolicy: allow-all
            CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad # CachingDisabled
            ResponseHeadersPolicyId: !Ref Number
        DefaultCacheBehavior:
          TargetOriginId: app
          ViewerProtocolPolicy: allow-all
          CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6 # CachingOptimized
`

// deploy brings a revision into force, and tells by which number, and where.
func (p *place) deploy(ctx context.Context, dir string, revision int) (number uint64, applied []string, err error) {
	if err := os.MkdirAll(filepath.Join(dir, "site"), 0o700); err != nil {
		return 0, nil, err
	}
	text := strings.ReplaceAll(template, "REVISION", strconv.Itoa(revision))
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "template.yaml"), []byte(text), 0o600),
		os.WriteFile(filepath.Join(dir, "site", "rev.txt"), []byte(page(revision)), 0o600),
	); err != nil {
		return 0, nil, err
	}
	cmd := p.command(ctx, "deploy", dir, "--stack", "fault", "--yes", "--json", "--note", strconv.Itoa(revision), "--to", "http://127.0.0.1:"+adminPort)
	cmd.Stderr = p.log
	out, err := cmd.Output()
	if err != nil {
		return 0, nil, err
	}
	for line := range strings.Lines(string(out)) {
		var e deploy.Event
		if json.Unmarshal([]byte(line), &e) != nil {
			continue
		}
		switch e.Step {
		case deploy.Applied:
			applied = append(applied, e.Node)
		case deploy.Done:
			number = e.Revision
		}
	}
	if number == 0 {
		err = fmt.Errorf("no last word: %s", out)
	}
	return number, applied, err
}

// invalidate asks for an invalidation and waits until the node says that it is
// complete.
func (p *place) invalidate(ctx context.Context, body string) error {
	b, err := p.admin(ctx, "POST", "/v1/invalidations", body)
	if err != nil {
		return err
	}
	var out struct {
		Status        string
		Invalidations []struct{ ID, Distribution string }
	}
	if err := json.Unmarshal(b, &out); err != nil || len(out.Invalidations) != 1 {
		return fmt.Errorf("%s: %w", b, err)
	}
	if out.Status == "Completed" {
		return nil
	}
	v := out.Invalidations[0]
	for rest(ctx, 10*time.Millisecond) {
		b, err := p.admin(ctx, "GET", "/2020-05-31/distribution/"+v.Distribution+"/invalidation/"+v.ID, "")
		if err != nil {
			return err
		}
		if bytes.Contains(b, []byte("<Status>Completed</Status>")) {
			return nil
		}
	}
	return ctx.Err()
}

// entries reads the log through the node.
func (p *place) entries(ctx context.Context) (all []cluster.Entry, err error) {
	b, err := p.admin(ctx, "GET", "/v1/log?limit=50000", "")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		var e cluster.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}
