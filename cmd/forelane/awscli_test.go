// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const rolloutTemplate = `Resources:
  Site:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Comment: the primary
        Aliases: [www.example.com]
        ContinuousDeploymentPolicyId: !Ref Policy
        CacheTagConfig: {HeaderName: x-tag}
        Origins: [{Id: web, DomainName: web.example.com, CustomOriginConfig: {OriginProtocolPolicy: https-only}}]
        CacheBehaviors:
          - {PathPattern: /q/*, TargetOriginId: web, ViewerProtocolPolicy: allow-all, ForwardedValues: {QueryString: true, Cookies: {Forward: whitelist, WhitelistedNames: [a]}}}
        DefaultCacheBehavior: {TargetOriginId: web, ViewerProtocolPolicy: allow-all, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6}
        CustomErrorResponses: [{ErrorCode: 404, ErrorCachingMinTTL: 3}]
  Next:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Staging: true
        Comment: the next one
        CacheTagConfig: {HeaderName: x-tag}
        Origins: [{Id: next, DomainName: next.example.com, CustomOriginConfig: {OriginProtocolPolicy: https-only}}]
        DefaultCacheBehavior: {TargetOriginId: next, ViewerProtocolPolicy: allow-all, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6}
  Policy:
    Type: AWS::CloudFront::ContinuousDeploymentPolicy
    Properties:
      ContinuousDeploymentPolicyConfig:
        Enabled: true
        StagingDistributionDnsNames: [!GetAtt Next.DomainName]
        TrafficConfig:
          Type: SingleHeader
          SingleHeaderConfig: {Header: aws-cf-cd-next, Value: 'yes'}
`

// rolloutNode runs rolloutTemplate before two origins, which tag their answers.
func rolloutNode(t *testing.T, data string) *proc {
	args := []string{"up", write(t, map[string]string{"template.yaml": rolloutTemplate}), "--data", data}
	for _, name := range []string{"web", "next"} {
		args = append(args, "--origin", name+"="+originServer(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "max-age=600")
			w.Header().Set("X-Tag", "all, page:"+name+r.URL.Path)
		}))
	}
	return start(t, args...)
}

// aws runs AWS's command against the node and decodes what it prints into v.
func (p *proc) aws(t *testing.T, v any, args ...string) string {
	t.Helper()
	return p.awsSigned(t, "any", "http://"+p.ready.Admin, v, args...)
}

// awsSigned is aws with a secret, to another address of the node.
func (p *proc) awsSigned(t *testing.T, secret, to string, v any, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("aws"); err != nil {
		t.Fatal("tools/setup.sh installs awscli: ", err)
	}
	cmd := exec.Command("aws", append([]string{"--endpoint-url", to, "--region", "us-east-1", "--output", "json", "cloudfront"}, args...)...)
	cmd.Env = append(p.env(), "AWS_ACCESS_KEY_ID=any", "AWS_SECRET_ACCESS_KEY="+secret, "AWS_EC2_METADATA_DISABLED=true")
	out, err := cmd.CombinedOutput()
	if v == nil {
		return string(out)
	}
	if err != nil {
		t.Fatalf("aws %s: %v: %s", strings.Join(args, " "), err, out)
	}
	if err := json.Unmarshal(out, v); err != nil && len(out) > 0 {
		t.Fatalf("aws %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// batchOf is what the command prints of an invalidation.
type batchOf struct {
	Invalidation struct {
		ID                string `json:"Id"`
		Status            string
		InvalidationBatch struct {
			CallerReference string
			Paths           struct {
				Quantity int
				Items    []string
			}
		}
	}
}

// TestF19AWSCLI: AWS's command line, unmodified, invalidates and waits.
func TestF19AWSCLI(t *testing.T) {
	data := t.TempDir()
	p := rolloutNode(t, data)
	id := p.ready.Distributions[0].ID
	get := func(path string) answer { return p.do("GET", "www.example.com", path, "") }
	for _, path := range []string{"/a", "/b", "/c"} {
		get(path)
	}
	var made batchOf
	p.aws(t, &made, "create-invalidation", "--distribution-id", id, "--paths", "/a", "#page:web/b")
	v := made.Invalidation
	if v.InvalidationBatch.Paths.Quantity != 2 || v.InvalidationBatch.CallerReference == "" || len(v.ID) < 10 {
		t.Errorf("%+v", made)
	}
	p.aws(t, &struct{}{}, "wait", "invalidation-completed", "--distribution-id", id, "--id", v.ID)
	for path, want := range map[string]string{"/a": "Miss", "/b": "Miss", "/c": "Hit"} {
		if got := get(path).Header.Get("X-Cache"); got != want+" from cloudfront" {
			t.Errorf("%s: %s", path, got)
		}
	}
	var again, other batchOf
	batch := `{"Paths":{"Quantity":1,"Items":["/*"]},"CallerReference":"once"}`
	p.aws(t, &again, "create-invalidation", "--distribution-id", id, "--invalidation-batch", batch)
	p.aws(t, &other, "create-invalidation", "--distribution-id", id, "--invalidation-batch", batch)
	if again.Invalidation.ID != other.Invalidation.ID {
		t.Errorf("one reference, two invalidations: %+v %+v", again, other)
	}
	for _, tc := range []struct{ want, id, batch string }{
		{"InvalidationBatchAlreadyExists", id, strings.Replace(batch, "/*", "/b", 1)},
		{"InvalidArgument", id, `{"Paths":{"Quantity":1,"Items":["/a*b"]},"CallerReference":"x"}`},
		{"InconsistentQuantities", id, `{"Paths":{"Quantity":2,"Items":["/a"]},"CallerReference":"x"}`},
		{"NoSuchDistribution", "ENONE", batch},
	} {
		if out := p.aws(t, nil, "create-invalidation", "--distribution-id", tc.id, "--invalidation-batch", tc.batch); !strings.Contains(out, "("+tc.want+")") {
			t.Errorf("want %s: %s", tc.want, out)
		}
	}
	p.stopOnce(t)
	p = rolloutNode(t, data) // the book is there after a restart
	var got batchOf
	p.aws(t, &got, "get-invalidation", "--distribution-id", id, "--id", v.ID)
	if g := got.Invalidation; g.Status != "Completed" || len(g.InvalidationBatch.Paths.Items) != 2 {
		t.Errorf("after a restart: %+v", got)
	}
	var list struct {
		InvalidationList struct{ Items []struct{ ID string } }
	}
	p.aws(t, &list, "list-invalidations", "--distribution-id", id, "--page-size", "1")
	if n := len(list.InvalidationList.Items); n != 2 {
		t.Errorf("%d invalidations: %+v", n, list)
	}
	if out := p.aws(t, nil, "get-invalidation", "--distribution-id", id, "--id", "I0"); !strings.Contains(out, "(NoSuchInvalidation)") {
		t.Error(out)
	}
}

// TestF19AWSCLISigned: where the admin side has a token, the same calls are
// signed with it as the secret access key, and others are refused.
func TestF19AWSCLISigned(t *testing.T) {
	dir := write(t, map[string]string{"template.yaml": rolloutTemplate, "token": "the admin token\n"})
	if err := os.Chmod(filepath.Join(dir, "token"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := serveNode(t, dir, "signed", `admin: {listen: "127.0.0.1:0", tokenFile: token}`)
	if out, err := p.shell("forelane deploy " + dir + " --yes --stack shop --to http://" + p.ready.Admin + " --token-file " + filepath.Join(dir, "token")); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	aws := func(v any, args ...string) { p.awsSigned(t, "the admin token", "http://"+p.ready.Admin, v, args...) }
	var all struct {
		DistributionList struct {
			Items []struct {
				ID string `json:"Id"`
			}
		}
	}
	aws(&all, "list-distributions")
	id := all.DistributionList.Items[0].ID
	var c struct{ ETag string }
	aws(&c, "get-distribution-config", "--id", id)
	var made, got batchOf
	aws(&made, "create-invalidation", "--distribution-id", id, "--paths", "/a%20b+~", "/*")
	aws(&struct{}{}, "wait", "invalidation-completed", "--distribution-id", id, "--id", made.Invalidation.ID)
	aws(&got, "get-invalidation", "--distribution-id", id, "--id", made.Invalidation.ID)
	var list struct {
		InvalidationList struct{ Items []struct{ ID string } }
	}
	aws(&list, "list-invalidations", "--distribution-id", id, "--page-size", "1")
	if c.ETag == "" || got.Invalidation.Status != "Completed" || len(list.InvalidationList.Items) != 1 {
		t.Errorf("%+v %+v %+v", c, got, list)
	}
	for name, secret := range map[string]string{"another secret": "other", "a part of it": "the admin toke"} {
		if out := p.awsSigned(t, secret, "http://"+p.ready.Admin, nil, "create-invalidation", "--distribution-id", id, "--paths", "/*"); !strings.Contains(out, "SignatureDoesNotMatch") {
			t.Errorf("%s: %s", name, out)
		}
	}
}

// TestE9AWSCLI: what the command tells of distributions, and the promotion of
// staging, over a restart.
func TestE9AWSCLI(t *testing.T) {
	data := t.TempDir()
	p := rolloutNode(t, data)
	id, next := p.ready.Distributions[0].ID, p.ready.Distributions[1].ID
	side := func(fields ...string) string {
		return p.do("GET", "www.example.com", "/a", "", fields...).Header.Get("X-Tag")
	}
	if a, b := side(), side("aws-cf-cd-next: yes"); a != "all, page:web/a" || b != "all, page:next/a" {
		t.Errorf("%q and %q", a, b)
	}
	var all struct {
		DistributionList struct {
			Items []struct {
				ID      string `json:"Id"`
				Staging bool
				Comment string
			}
		}
	}
	p.aws(t, &all, "list-distributions")
	if l := all.DistributionList.Items; len(l) != 2 || l[0].ID != id || l[1].ID != next || !l[1].Staging || l[0].Comment != "the primary" {
		t.Errorf("%+v", all)
	}
	type config struct {
		Comment        string
		Aliases        struct{ Items []string }
		Origins        struct{ Items []struct{ ID string } }
		CacheBehaviors struct {
			Items []struct {
				PathPattern     string
				ForwardedValues struct {
					Cookies struct {
						WhitelistedNames struct{ Items []string }
					}
				}
			}
		}
		CustomErrorResponses         struct{ Items []struct{ ErrorCode int } }
		CacheTagConfig               struct{ HeaderName string }
		ContinuousDeploymentPolicyID string `json:"ContinuousDeploymentPolicyId"`
	}
	var c struct {
		ETag               string
		DistributionConfig config
	}
	p.aws(t, &c, "get-distribution-config", "--id", id)
	d := c.DistributionConfig
	if c.ETag == "" || len(d.Aliases.Items) != 1 || d.Origins.Items[0].ID != "web" || d.CacheTagConfig.HeaderName != "x-tag" ||
		d.CacheBehaviors.Items[0].PathPattern != "/q/*" || d.CacheBehaviors.Items[0].ForwardedValues.Cookies.WhitelistedNames.Items[0] != "a" ||
		d.CustomErrorResponses.Items[0].ErrorCode != 404 || d.ContinuousDeploymentPolicyID == "" {
		t.Errorf("%+v", c)
	}
	var s struct{ ETag string }
	p.aws(t, &s, "get-distribution", "--id", next)
	if out := p.aws(t, nil, "update-distribution-with-staging-config", "--id", id, "--staging-distribution-id", next, "--if-match", "E1, E2"); !strings.Contains(out, "(PreconditionFailed)") {
		t.Error(out)
	}
	var done struct {
		Distribution struct {
			ID                 string `json:"Id"`
			DistributionConfig config
		}
	}
	p.aws(t, &done, "update-distribution-with-staging-config", "--id", id, "--staging-distribution-id", next, "--if-match", c.ETag+", "+s.ETag)
	if d := done.Distribution; d.ID != id || d.DistributionConfig.Comment != "the next one" || d.DistributionConfig.Aliases.Items[0] != "www.example.com" {
		t.Errorf("%+v", done)
	}
	for _, restarted := range []bool{false, true} {
		if restarted {
			p.stopOnce(t)
			p = rolloutNode(t, data)
			if q := p.ready.Distributions[0].Promoted; q == nil || q.From != "Next" || !strings.Contains(p.stderr.String(), "the template differs") {
				t.Errorf("nothing is said of the promotion: %+v %s", q, p.stderr.String())
			}
		}
		if a, b := side(), side("aws-cf-cd-next: yes"); a != "all, page:next/a" || b != a {
			t.Errorf("restarted %v: %q and %q", restarted, a, b)
		}
	}
	if out, err := p.shell("forelane promote Site --undo --admin " + p.ready.Admin); err != nil || side() != "all, page:web/a" {
		t.Errorf("undone: %s %v", out, err)
	}
	if out, err := p.shell("forelane promote Site --admin " + p.ready.Admin); err != nil || !strings.Contains(out, "put it into the template") || side() != "all, page:next/a" {
		t.Errorf("promoted: %s %v", out, err)
	}
}

// TestF19DryRun tells what would go, and leaves it.
func TestF19DryRun(t *testing.T) {
	p := rolloutNode(t, t.TempDir())
	for _, path := range []string{"/a", "/b", "/q/x?1", "/q/x?2"} {
		p.do("GET", "www.example.com", path, "")
	}
	p.do("GET", "www.example.com", "/q/x?1", "", "Cookie: a=1")
	out, err := p.shell("forelane invalidate '/q/*' '#page:web/a' --dry-run --distribution Site --admin " + p.ready.Admin)
	if err != nil || !strings.Contains(out, "in memory 3 entries in 4 variants") {
		t.Errorf("%v %s", err, out)
	}
	if a := p.do("GET", "www.example.com", "/q/x?2", ""); a.Header.Get("X-Cache") != "Hit from cloudfront" {
		t.Error("it was dropped")
	}
	out, err = p.shell("forelane invalidate 'q/x?*' --distribution Site --reference r --admin " + p.ready.Admin)
	if err != nil || !strings.Contains(out, "Completed") {
		t.Errorf("%v %s", err, out)
	}
	if a := p.do("GET", "www.example.com", "/q/x?2", ""); a.Header.Get("X-Cache") != "Miss from cloudfront" {
		t.Error("it was not dropped")
	}
}
