// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/forelane/forelane/internal/config"
	"github.com/forelane/forelane/internal/deploy"
)

// freeAddr is an address of loopback that nobody listens on now: nodes that
// meet must know each other's before they start.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// serveNode runs `forelane serve` in a folder, with more lines in its file.
func serveNode(t *testing.T, dir, name string, more ...string) *proc {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("name: %s\ndata: %s-state\nlisten: {http: \"127.0.0.1:0\", https: \"127.0.0.1:0\"}\n", name, name)
	if !strings.Contains(strings.Join(more, "\n"), "admin:") {
		text += "admin: {listen: \"127.0.0.1:0\"}\n"
	}
	text += strings.Join(more, "\n") + "\n"
	file := filepath.Join(dir, name+".yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return launch(t, bin, dir, "serve", "--config", file, "--json")
}

// tell runs a command against the node's admin side.
func (p *proc) tell(args ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	cmd := exec.Command(filepath.Join(p.dir, "forelane"), append(args, "--to", "http://"+p.ready.Admin)...)
	cmd.Env = p.env()
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		p.t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// must is tell of what must go well.
func (p *proc) must(args ...string) string {
	p.t.Helper()
	stdout, stderr, code := p.tell(args...)
	if code != 0 {
		p.t.Fatalf("%v: %d\n%s%s\nnode: %s", args, code, stdout, stderr, p.stderr.String())
	}
	return stdout
}

// history is the history of the stack shop.
func (p *proc) history() []deploy.Revision {
	p.t.Helper()
	var out []deploy.Revision
	if err := json.Unmarshal([]byte(p.must("history", "--stack", "shop", "--json")), &out); err != nil {
		p.t.Fatal(err)
	}
	return out
}

// greeter is a stack with a page, and an API whose function says the word that
// the template's parameter has.
func greeter(t *testing.T) string {
	return write(t, map[string]string{
		"site/index.html": "page one",
		"site/kept/a.txt": "kept one",
		"api/index.js":    "exports.handler = async () => ({statusCode: 200, headers: {'Cache-Control': 'no-store'}, body: 'code one, ' + process.env.WORD})\n",
		"template.yaml": `
Transform: AWS::Serverless-2016-10-31
Parameters:
  Word: {Type: String, Default: hello}
Resources:
  Api: {Type: AWS::Serverless::HttpApi}
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      CodeUri: api/
      Environment: {Variables: {WORD: !Ref Word}}
      Events: {Any: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /api/hello}}}
  Site:
    Type: AWS::S3::Bucket
    Metadata: {Forelane: {Content: ./site}}
    Properties: {PublicAccessBlockConfiguration: {BlockPublicPolicy: false}}
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Site
      PolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: "*", Action: "s3:GetObject", Resource: !Sub "${Site.Arn}/*"}]}
  Edge:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        DefaultRootObject: index.html
        Origins:
          - {Id: site, DomainName: !GetAtt Site.RegionalDomainName, S3OriginConfig: {}}
          - {Id: api, DomainName: !Sub "${Api}.execute-api.${AWS::Region}.amazonaws.com", CustomOriginConfig: {OriginProtocolPolicy: https-only}}
        DefaultCacheBehavior: {TargetOriginId: site, ViewerProtocolPolicy: allow-all, CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad}
        CacheBehaviors:
          - {PathPattern: /kept/*, TargetOriginId: site, ViewerProtocolPolicy: allow-all, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6}
          - {PathPattern: /api/*, TargetOriginId: api, ViewerProtocolPolicy: allow-all, CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad}
`,
	})
}

// edit replaces a text in a file.
func edit(t *testing.T, file, before, after string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), before) {
		t.Fatalf("%s has no %q", file, before)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(b), before, after, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// says checks what a node answers for a stage of the stack shop.
func (p *proc) says(stage, path, want string) {
	p.t.Helper()
	host := "shop.localhost"
	if stage != "" {
		host = "shop-" + stage + ".localhost"
	}
	if a := p.do("GET", host, path, ""); !strings.Contains(a.body, want) {
		p.t.Errorf("%s%s: %d %s, want %q", host, path, a.StatusCode, a.body, want)
	}
}

// TestDeploy is the life of a stack on one node: deploys, stages, a failure,
// rollbacks, and a restart.
func TestDeploy(t *testing.T) {
	dir, home := greeter(t), t.TempDir()
	p := serveNode(t, home, "one")
	if a := p.do("GET", "shop-prod.localhost", "/", ""); a.StatusCode != 503 {
		t.Errorf("nothing is deployed: %d", a.StatusCode)
	}
	plan := p.must("deploy", dir, "--stack", "shop", "--stage", "prod", "--yes")
	for _, want := range []string{"nothing is in force", "+ Edge  AWS::CloudFront::Distribution  template.yaml:24:3", "+ Api  GET /api/hello -> Fn", "one serves revision"} {
		if !strings.Contains(plan, want) {
			t.Errorf("no %q in\n%s", want, plan)
		}
	}
	p.says("prod", "/", "page one")
	p.says("prod", "/api/hello", "code one, hello")
	if again := p.must("deploy", dir, "--stack", "shop", "--stage", "prod"); !strings.Contains(again, "in force already") {
		t.Errorf("the same files are another bundle: %s", again)
	}

	t.Run("stages are stacks of their own", func(t *testing.T) {
		p.must("deploy", dir, "--stack", "shop", "--stage", "dev", "--parameter-overrides", "Word='good morning'", "--yes")
		p.says("dev", "/api/hello", "code one, good morning")
		p.says("prod", "/api/hello", "code one, hello")
	})
	t.Run("the diff tells properties, code and content", func(t *testing.T) {
		edit(t, filepath.Join(dir, "api/index.js"), "code one", "code two")
		edit(t, filepath.Join(dir, "site/index.html"), "page one", "page two")
		edit(t, filepath.Join(dir, "template.yaml"), "CodeUri: api/", "Timeout: 7\n      CodeUri: api/")
		plan := p.must("deploy", dir, "--stack", "shop", "--stage", "prod", "--dry-run")
		for _, want := range []string{
			"~ Fn  AWS::Lambda::Function  template.yaml:7:3", "+ Timeout: 7  template.yaml:12:16", "~ code: files: 0 added, 0 removed, 1 changed",
			"~ Site  AWS::S3::Bucket", "~ content: files: 0 added, 0 removed, 1 changed", "0 added, 2 changed, 0 removed",
		} {
			if !strings.Contains(plan, want) {
				t.Errorf("no %q in\n%s", want, plan)
			}
		}
		if _, stderr, code := p.tell("deploy", dir, "--stack", "shop", "--stage", "prod"); code != 2 || !strings.Contains(stderr, "--yes") {
			t.Errorf("nobody answered: %d %s", code, stderr)
		}
		p.says("prod", "/", "page one")
		p.must("deploy", dir, "--stack", "shop", "--stage", "prod", "--yes", "--note", "second")
		p.says("prod", "/", "page two")
		p.says("prod", "/api/hello", "code two, hello")
		p.says("dev", "/", "page one")
	})
	t.Run("what is wrong changes nothing", func(t *testing.T) {
		text, err := os.ReadFile(filepath.Join(dir, "template.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		edit(t, filepath.Join(dir, "template.yaml"), "TargetOriginId: api", "TargetOriginId: nobody")
		if _, stderr, code := p.tell("deploy", dir, "--stack", "shop", "--stage", "prod", "--yes"); code != 2 || !strings.Contains(stderr, "template.yaml:") {
			t.Errorf("%d %s", code, stderr)
		}
		if err := os.WriteFile(filepath.Join(dir, "template.yaml"), text, 0o644); err != nil {
			t.Fatal(err)
		}
		p.says("prod", "/", "page two")
	})
	t.Run("rollback and history", func(t *testing.T) {
		p.must("rollback", "--stack", "shop", "--stage", "prod", "--yes")
		p.says("prod", "/", "page one")
		p.says("prod", "/api/hello", "code one, hello")
		all := p.history()
		if len(all) != 4 || !all[0].InForce || all[0].Bundle != all[3].Bundle || all[1].Note != "second" || all[1].InForce || !all[2].InForce || all[2].Stage != "dev" {
			t.Errorf("%+v", all)
		}
		p.must("rollback", "--stack", "shop", "--stage", "prod", "--yes", "--revision", fmt.Sprint(all[1].Number))
		p.says("prod", "/", "page two")
		if _, stderr, code := p.tell("rollback", "--stack", "shop", "--stage", "prod", "--yes", "--revision", "9999"); code != 1 || !strings.Contains(stderr, "no revision 9999") {
			t.Errorf("%d %s", code, stderr)
		}
	})
	t.Run("a node that starts again serves what was in force", func(t *testing.T) {
		p.stop()
		p = serveNode(t, home, "one")
		p.says("prod", "/", "page two")
		p.says("dev", "/api/hello", "code one, good morning")
		if all := p.history(); len(all) != 5 || !all[0].InForce {
			t.Errorf("%+v", all)
		}
	})
}

// TestRemoteAdmin: beyond loopback the admin side wants TLS and a token, and
// commands send it over TLS only.
func TestRemoteAdmin(t *testing.T) {
	cert, key := selfSigned(t, "localhost")
	home := t.TempDir()
	for name, mode := range map[string]os.FileMode{"token": 0o600, "open": 0o644} {
		if err := os.WriteFile(filepath.Join(home, name), []byte("correct horse battery staple\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(home, "wrong"), []byte("wrong horse"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := serveNode(t, home, "one", fmt.Sprintf("admin: {listen: \"127.0.0.1:0\", tokenFile: token, certificate: %q, key: %q}", cert, key))
	url := "https://localhost:" + portOf(p.ready.Admin)
	token := func(name string) []string { return []string{"--token-file", filepath.Join(home, name)} }
	for name, tt := range map[string]struct {
		args []string
		code int
		want string
	}{
		"with all":               {append(token("token"), "--to", url, "--ca", cert), 0, "current"},
		"no token":               {[]string{"--to", url, "--ca", cert}, 1, "send the node's token"},
		"another token":          {append(token("wrong"), "--to", url, "--ca", cert), 1, "send the node's token"},
		"a token for everybody":  {append(token("open"), "--to", url, "--ca", cert), 2, "everybody on this machine may read it"},
		"an unknown authority":   {append(token("token"), "--to", url), 1, "certificate"},
		"in clear, elsewhere":    {append(token("token"), "--to", "http://192.0.2.1:9900"), 2, "over https"},
		"in clear, to this node": {append(token("token"), "--to", "http://localhost:"+portOf(p.ready.Admin)), 1, ""},
	} {
		stdout, stderr, code := command(t, append([]string{"status"}, tt.args...)...)
		if code != tt.code || !strings.Contains(stdout+stderr, tt.want) || strings.Contains(stdout+stderr, "horse") {
			t.Errorf("%s: %d %s%s", name, code, stdout, stderr)
		}
	}
	if strings.Contains(p.stderr.String(), "horse") {
		t.Error("the node logged the token")
	}
}

// TestServeConfig: what is wrong with the file is told with its place, and what
// is printed is what is read.
func TestServeConfig(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "node.yaml")
	if err := os.WriteFile(file, []byte("data: /d\ncache:\n  memroy: 1GiB\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := command(t, "serve", "--config", file)
	if want := file + ":3:3: cache.memroy: there is no such setting (did you mean memory?)"; code != 2 || !strings.Contains(stderr, want) {
		t.Errorf("%d %s", code, stderr)
	}
	if _, stderr, code := command(t, "serve"); code != 2 || !strings.Contains(stderr, "--config") {
		t.Errorf("%d %s", code, stderr)
	}
	if out, _, code := command(t, "serve", "--print-schema"); code != 0 || !json.Valid([]byte(out)) {
		t.Errorf("%d %s", code, out)
	}
	if out, _, code := command(t, "serve", "--print-config"); code != 0 || !strings.Contains(out, "#memory: 256MiB") {
		t.Errorf("%d %s", code, out)
	}
}

// TestUpAndServeAgree: the defaults of the flags are those of the file.
func TestUpAndServeAgree(t *testing.T) {
	var up upFlags
	up.register(&cobra.Command{})
	got := flagsOf(config.Default())
	got.recall.recent = up.recall.recent    // serve keeps no requests unless it is told to
	got.authority, got.quiet = "", up.quiet // serve keeps its authority in data, and is quiet by default
	up.stackFlags = stackFlags{}
	if !reflect.DeepEqual(normal(up), normal(*got)) {
		t.Errorf("up    %+v\nserve %+v", up, *got)
	}
}

// normal is f with empty lists as nil ones.
func normal(f upFlags) upFlags {
	for _, list := range []*[]string{&f.origins, &f.issuers, &f.nodePath, &f.pythonPath, &f.balancers, &f.tlsCerts, &f.geo, &f.dns.latency, &f.dns.addresses, &f.originCerts, &f.observe.traceHeaders} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return f
}
