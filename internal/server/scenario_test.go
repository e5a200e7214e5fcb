// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/forelane/forelane/internal/authorizer"
	"github.com/forelane/forelane/internal/authorizer/authorizertest"
	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/edge"
	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/principal"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/template"
)

// TestScripts runs testdata/script/auth_*.txtar: a template, its edge and its
// gateway, with functions that the runner plays, under a fake clock.
// testdata/script/README-auth.md has the language.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("../../testdata/script/auth_*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	authorizertest.Key(0) // made outside of the bubbles
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			a := txtar.Parse(data)
			path := filepath.Join(t.TempDir(), "template.yaml")
			for _, f := range a.Files {
				if f.Name == "template.yaml" {
					err = os.WriteFile(path, f.Data, 0o644)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			stacks, err := template.Load(t.Context(), path, template.Options{StackName: "s"})
			if err != nil {
				t.Fatal(err)
			}
			set := scriptPrincipals(t, a)
			synctest.Test(t, func(t *testing.T) { newPlay(t, stacks[0].Stack, set).run(string(a.Comment)) })
		})
	}
}

// play is a running script.
type play struct {
	t    *testing.T
	edge *edge.Edge
	gw   *gateway.Gateway
	host string // the API's own
	// originPath is what the edge puts in front of paths; signers are those of the
	// section principals.yaml.
	originPath string
	sent       map[string]sent
	signers    *principal.Set
	issuer     *authorizertest.Issuer
	wg         sync.WaitGroup

	mu     sync.Mutex
	fields []string      // of the API function's answers
	status int           // of them
	gate   chan struct{} // the API function waits for it
	policy string        // resource that the authorizer function allows
	broken bool          // it fails
	calls  map[string]int

	recs []record.Record
	last *answered
	open map[string]*answered
}

func newPlay(t *testing.T, st *model.Stack, signers *principal.Set) *play {
	p := &play{
		signers: signers, sent: map[string]sent{},
		t: t, issuer: authorizertest.New("https://issuer.example"), status: 200, policy: "*",
		calls: map[string]int{}, open: map[string]*answered{},
	}
	issuers := authorizer.NewIssuers(authorizer.IssuerOptions{Client: p.issuer})
	var err error
	if p.gw, err = gateway.Compile(st, gateway.Deps{Invoke: p, Issuers: issuers, Signers: directory(signers, st)}); err != nil {
		t.Fatal(err)
	}
	for _, note := range p.gw.Notes() {
		t.Error(note)
	}
	p.edge, err = edge.Compile(st, edge.Deps{
		Cache: cache.New(cache.Config{}), Background: &p.wg,
		Transport: func(_ *model.Distribution, o *model.Origin) (http.RoundTripper, error) {
			if !p.gw.Owns(o.DomainName) {
				return nil, fmt.Errorf("%s is not the API's name", o.DomainName)
			}
			p.host, p.originPath = o.DomainName, o.Path
			return p.gw, nil
		},
		Record: func(r *record.Record) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.recs = append(p.recs, *r)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Invoke plays the functions: one whose name has Auth in it authorizes, the
// other one answers "hello WHO".
func (p *play) Invoke(ctx context.Context, in *model.Invocation) (*model.InvocationResult, error) {
	p.mu.Lock()
	gate, fields, status, policy, broken := p.gate, p.fields, p.status, p.policy, p.broken
	name := "api"
	if strings.Contains(in.Function, "Auth") {
		name, gate = "auth", nil
	}
	p.calls[name]++
	p.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if name == "auth" {
		return authorize(in.Payload, policy, broken)
	}
	var e struct {
		Headers        map[string]string
		RequestContext struct {
			Identity   struct{ APIKey, UserArn string }
			Authorizer struct {
				PrincipalID string `json:"principalId"`
				Claims      map[string]string
				JWT         struct{ Claims map[string]string }
				Lambda      struct{ User string }
				IAM         struct{ UserArn string }
			}
		}
	}
	if err := json.Unmarshal(in.Payload, &e); err != nil {
		return nil, err
	}
	z := e.RequestContext.Authorizer
	who := e.RequestContext.Identity.APIKey + z.PrincipalID + z.Claims["sub"] + z.JWT.Claims["sub"] + z.Lambda.User
	if arn := e.RequestContext.Identity.UserArn + z.IAM.UserArn; arn != "" {
		who += arn[strings.LastIndexByte(arn, '/')+1:]
	}
	if who == "" {
		who = "nobody"
	}
	head := map[string]string{"Content-Type": "text/plain"}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		head[name] = strings.ReplaceAll(value, "{who}", who)
	}
	tag := head["ETag"]
	if tag != "" && (e.Headers["if-none-match"] == tag || e.Headers["If-None-Match"] == tag) {
		status = http.StatusNotModified
	}
	return marshal(map[string]any{"statusCode": status, "headers": head, "body": "hello " + who})
}

func marshal(v any) (*model.InvocationResult, error) {
	text, err := json.Marshal(v)
	return &model.InvocationResult{Payload: text}, err
}

// authorize plays the authorizer: whoever is not mallory is who they say.
func authorize(event []byte, policy string, broken bool) (*model.InvocationResult, error) {
	var e struct {
		AuthorizationToken string
		IdentitySource     []string
		Headers            map[string]string
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, err
	}
	who := e.AuthorizationToken
	if len(e.IdentitySource) > 0 {
		who = e.IdentitySource[0]
	}
	who = strings.TrimPrefix(who, "session=")
	switch {
	case broken:
		return nil, errors.New("broken")
	case strings.HasPrefix(who, "mallory"):
		return &model.InvocationResult{Error: "Unhandled", Payload: []byte(`{"errorMessage":"Unauthorized"}`)}, nil
	}
	return marshal(map[string]any{
		"principalId": who, "isAuthorized": true, "context": map[string]string{"user": who},
		"policyDocument": map[string]any{"Statement": []any{map[string]string{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": policy}}},
	})
}

// answered is a request under way or done.
type answered struct {
	cancel context.CancelFunc
	done   chan struct{}
	mu     sync.Mutex
	status int
	header httpmsg.Header
	body   bytes.Buffer
}

func (v *answered) Head(rs *httpmsg.Response) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if rs.Status >= 200 {
		v.status = rs.Status
		for f := range rs.Fields() {
			v.header.Add(strings.Clone(f.Name), strings.Clone(f.Value))
		}
	}
	return nil
}

func (v *answered) Write(b []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.body.Write(b)
}

func (v *answered) Flush() error { return nil }
func (v *answered) Abort()       {}

// Whole is Head and Write in one.
func (v *answered) Whole(rs *httpmsg.Response, body [][]byte, _ httpmsg.Hold) error {
	err := v.Head(rs)
	for _, part := range body {
		_, werr := v.Write(part)
		err = errors.Join(err, werr)
	}
	return err
}

// send sends a request: TARGET 'Name: value'…; {NAME} stands for a token of NAME.
func (p *play) send(a []string) *answered { return p.sendTo(p.edge.Hosts()[0], a) }

func (p *play) sendTo(host string, a []string) *answered {
	ctx, cancel := context.WithCancel(p.t.Context())
	v := &answered{cancel: cancel, done: make(chan struct{})}
	rq := &httpmsg.Request{Method: "GET", Scheme: "https", Host: host}
	if !strings.HasPrefix(a[0], "/") {
		rq.Method, a = a[0], a[1:]
	}
	rq.Path, rq.Query, _ = strings.Cut(p.tokens(p.tokens(a[0])), "?")
	rq.Viewer.Addr = netip.MustParseAddrPort("192.0.2.7:4711")
	for _, f := range a[1:] {
		name, value, _ := strings.Cut(f, ": ")
		rq.Header.Add(name, p.tokens(value))
	}
	p.sign(rq)
	return p.begin(ctx, rq, v)
}

func (p *play) begin(ctx context.Context, rq *httpmsg.Request, v *answered) *answered {
	go func() {
		defer close(v.done)
		if rq.Host == p.host {
			serveDirect(ctx, nil, p.gw, rq, v)
			return
		}
		p.edge.Serve(ctx, rq, v)
	}()
	return v
}

func (p *play) tokens(s string) string {
	before, rest, ok := strings.Cut(s, "{")
	if !ok {
		return s
	}
	who, after, _ := strings.Cut(rest, "}")
	key, header, life, use := 0, authorizertest.Header, time.Hour, "id"
	switch {
	case strings.HasPrefix(who, "access-"):
		who, use = strings.TrimPrefix(who, "access-"), "access"
	case strings.HasPrefix(who, "forged-"):
		who, key = strings.TrimPrefix(who, "forged-"), 2
	case strings.HasPrefix(who, "new-"):
		who, key, header = strings.TrimPrefix(who, "new-"), 1, strings.Replace(header, "k1", "k2", 1)
	case strings.HasPrefix(who, "old-"):
		who, life = strings.TrimPrefix(who, "old-"), -time.Second
	}
	claims := fmt.Sprintf(`{"iss":%q,"aud":"app","sub":%q,"scope":"read","token_use":%q,"exp":%d}`, p.issuer.URL, who, use, time.Now().Add(life).Unix())
	return before + authorizertest.Sign(authorizertest.Key(key), header, claims) + after
}

// run takes the commands.
func (p *play) run(text string) {
	for i, line := range strings.Split(text, "\n") {
		a := fieldsOf(line)
		if len(a) == 0 {
			continue
		}
		if err := p.command(a[0], a[1:]); err != nil {
			p.t.Errorf("line %d: %s: %v", i+1, line, err)
		}
	}
	p.wg.Wait()
}

func (p *play) command(name string, a []string) error {
	switch name {
	case "viewer":
		p.last = p.send(a)
		<-p.last.done
		synctest.Wait()
		return nil
	case "direct":
		p.last = p.sendTo(p.host, a)
		<-p.last.done
		return nil
	case "again":
		p.last = p.again(a[0])
		<-p.last.done
		synctest.Wait()
		return nil
	case "start":
		p.open[a[0]] = p.send(a[1:])
		synctest.Wait()
		return nil
	case "finish":
		p.last = p.open[a[0]]
		<-p.last.done
		return nil
	case "leave":
		p.open[a[0]].cancel()
		synctest.Wait()
		return nil
	case "wait":
		d, err := time.ParseDuration(a[0])
		time.Sleep(d)
		synctest.Wait()
		return err
	case "issuer":
		p.issuer.Change(func() {
			switch a[0] {
			case "down", "up":
				p.issuer.Down = a[0] == "down"
			case "at":
				p.issuer.URL = a[1]
			case "rotate":
				p.issuer.Keys["k2"] = authorizertest.Key(1)
			case "forget":
				delete(p.issuer.Keys, "k1")
			}
		})
		return nil
	case "issuer-fetches":
		return same(strconv.Itoa(p.issuer.Fetches()), a[0])
	}
	return p.play(name, a)
}

// play has the commands that change the functions, and the checks.
func (p *play) play(name string, a []string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch name {
	case "answer":
		p.status, p.fields = 200, a
		if n, err := strconv.Atoi(a[0]); err == nil {
			p.status, p.fields = n, a[1:]
		}
	case "hold":
		p.gate = make(chan struct{})
	case "release":
		close(p.gate)
		p.gate = nil
	case "allow":
		p.policy = a[0]
	case "auth":
		p.broken = a[0] == "broken"
	case "calls":
		return same(strconv.Itoa(p.calls[a[0]]), a[1])
	case "status":
		return same(strconv.Itoa(p.last.status), a[0])
	case "body":
		return same(strings.TrimSpace(p.last.body.String()), a[0])
	case "header":
		return same(p.last.header.Join(a[0]), a[1])
	case "nohead":
		return same(p.last.header.Join(a[0]), "")
	case "xcache":
		return same(strings.TrimSuffix(p.last.header.Get("X-Cache"), " from cloudfront"), a[0])
	case "reason":
		return same(p.recs[len(p.recs)-1].Cache.Reason.String(), a[0])
	default:
		return errors.New("no such command")
	}
	return nil
}

func same(got, want string) error {
	if got != want {
		return fmt.Errorf("got %q", got)
	}
	return nil
}

// fieldsOf splits a line; single quotes hold words together, # begins a remark.
func fieldsOf(line string) (out []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		for _, w := range strings.Fields(part) {
			if strings.HasPrefix(w, "#") {
				return out
			}
			out = append(out, w)
		}
	}
	return out
}
