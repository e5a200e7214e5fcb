// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// scene is a stack under load: an edge before an origin that the test holds,
// and a function behind it.
type scene struct {
	t        *testing.T
	dir      string
	bin      string
	home     string
	args     []string
	now      *proc
	load     *viewers
	ttl      int
	holdMu   sync.Mutex
	hold     chan struct{} // what /held/… waits for
	held     chan struct{} // gets a value when half of a held answer is sent
	restarts int
}

func (s *scene) template() string {
	s.ttl++
	return fmt.Sprintf(`
Transform: AWS::Serverless-2016-10-31
Resources:
  Api: {Type: AWS::Serverless::HttpApi}
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      InlineCode: |
        def handler(event, context):
            return {"statusCode": 200, "body": body(event["rawPath"])}
        def body(path):
            return path * 3
      Events: {Any: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: "/{proxy+}"}}}
  Key:
    Type: AWS::CloudFront::CachePolicy
    Properties:
      CachePolicyConfig:
        {Name: k, MinTTL: 0, DefaultTTL: %d, MaxTTL: 1000, ParametersInCacheKeyAndForwardedToOrigin: {
          EnableAcceptEncodingGzip: false, HeadersConfig: {HeaderBehavior: none}, CookiesConfig: {CookieBehavior: none},
          QueryStringsConfig: {QueryStringBehavior: all}}}
  Edge:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins:
          - {Id: app, DomainName: app.example.com, CustomOriginConfig: {OriginProtocolPolicy: http-only}}
          - {Id: api, DomainName: !Sub "${Api}.execute-api.${AWS::Region}.amazonaws.com", CustomOriginConfig: {OriginProtocolPolicy: https-only}}
        CacheBehaviors: [{PathPattern: /fn/*, TargetOriginId: api, ViewerProtocolPolicy: allow-all, CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad}]
        DefaultCacheBehavior: {TargetOriginId: app, ViewerProtocolPolicy: allow-all, CachePolicyId: !Ref Key}
`, 500+s.ttl)
}

// bodyOf is what belongs to a path: some 300 bytes, or 100 KB.
func bodyOf(path string) string {
	switch {
	case strings.HasPrefix(path, "/fn/"):
		return strings.Repeat(path, 3)
	case strings.HasPrefix(path, "/large/"):
		return strings.Repeat(path+"\n", 100_000/len(path))
	}
	return strings.Repeat(path+"\n", 300/len(path)+2)
}

func (s *scene) origin(w http.ResponseWriter, r *http.Request) {
	body := bodyOf(r.URL.Path)
	if strings.HasPrefix(r.URL.Path, "/c/") || strings.HasPrefix(r.URL.Path, "/large/") {
		w.Header().Set("Cache-Control", "max-age=300")
	} else {
		w.Header().Set("Cache-Control", "no-store")
	}
	if !strings.HasPrefix(r.URL.Path, "/held/") {
		_, _ = io.WriteString(w, body)
		return
	}
	s.holdMu.Lock()
	hold := s.hold
	s.holdMu.Unlock()
	_, _ = io.WriteString(w, body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	s.held <- struct{}{}
	select {
	case <-hold:
	case <-r.Context().Done():
	}
	_, _ = io.WriteString(w, body[len(body)/2:])
}

// paths mix hits, large hits, misses and calls of the function.
func paths(worker, n int) string {
	switch n % 16 {
	case 3:
		return fmt.Sprintf("/n/%d-%d", worker, n)
	case 7:
		return fmt.Sprintf("/large/%d", n%3)
	case 11:
		if worker%4 == 0 {
			return fmt.Sprintf("/fn/%d", n)
		}
	}
	return fmt.Sprintf("/c/%d", n%40)
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t, home: t.TempDir(), hold: make(chan struct{}), held: make(chan struct{}, 16), bin: filepath.Join(t.TempDir(), "forelane")}
	s.dir = write(t, map[string]string{"template.yaml": s.template()})
	origin := originServer(t, s.origin)
	s.install()
	s.args = []string{"up", s.dir, "--origin", "app=" + origin, "--drain", "20s"}
	s.now = startIn(t, s.bin, s.home, s.args...)
	s.load = s.now.load(paths, bodyOf)
	return s
}

// install puts a new copy of the binary where the old one is.
func (s *scene) install() {
	s.t.Helper()
	bin, err := binary()
	if err != nil {
		s.t.Fatal(err)
	}
	b, err := os.ReadFile(bin)
	if err == nil {
		err = os.WriteFile(s.bin+".new", b, 0o755)
	}
	if err == nil {
		err = os.Rename(s.bin+".new", s.bin)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// restart replaces the process by one of a new binary. Requests that the old
// one is in the middle of are finished by it.
func (s *scene) restart() {
	s.t.Helper()
	s.restarts++
	var halfway sync.WaitGroup
	for i := range 4 {
		path := fmt.Sprintf("/held/%d-%d", s.restarts, i)
		halfway.Go(func() { s.hang(i, path) })
	}
	for range 4 {
		<-s.held
	}
	old, begin := s.now, time.Now()
	s.install()
	s.now = startIn(s.t, s.bin, s.home, append(s.args, "--replace")...)
	if s.now.ready.HTTP != old.ready.HTTP || s.now.ready.HTTPS != old.ready.HTTPS || s.now.ready.Admin != old.ready.Admin {
		s.t.Fatalf("other addresses: %v, were %v", s.now.ready, old.ready)
	}
	old.await(s.t, "replaced")
	over := time.Since(begin)
	s.holdMu.Lock()
	close(s.hold)
	s.hold = make(chan struct{})
	s.holdMu.Unlock()
	halfway.Wait()
	for range old.events { // until it has left
	}
	s.t.Logf("restart %d: taken over after %v, the old process had left after %v", s.restarts, over.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))
}

// hang is one request whose origin waits in the middle of the answer.
func (s *scene) hang(i int, path string) {
	v := s.load
	var err error
	if i%2 == 0 {
		c, derr := v.dial([]int{keptHTTP1, keptTLS}[i/2])
		if err = derr; err == nil {
			_, err = c.get(path, false, bodyOf(path))
			c.close()
		}
	} else {
		c, derr := v.dialH2()
		if err = derr; err == nil {
			rq, _ := http.NewRequest("GET", "https://stack.localhost"+path, nil)
			var rs *http.Response
			if rs, err = c.RoundTrip(rq); err == nil {
				err = judge(rs, bodyOf(path))
			}
			_ = c.Close()
		}
	}
	if err != nil {
		s.t.Errorf("%s was under way: %v", path, err)
	}
}

// reload edits the template and waits until the edit is taken over.
func (s *scene) reload() {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "template.yaml"), []byte(s.template()), 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.now.await(s.t, "reloaded")
}

// underLoad reloads and restarts in turns while viewers ask.
func underLoad(t *testing.T, restarts, reloadsBetween, workers int) {
	s := newScene(t)
	for w := range workers {
		s.load.run(keptHTTP1, w)
		s.load.run(newHTTP1, 100+w)
		s.load.run(keptTLS, 200+w)
	}
	s.load.runH2(2 * workers)
	reloads := 0
	for range restarts {
		for range reloadsBetween {
			s.reload()
			reloads++
		}
		s.restart()
	}
	s.load.end()
	t.Logf("%d reloads and %d restarts: %d requests (%v), %d failed", reloads, restarts, s.load.total(), s.load, s.load.failed.Load())
	if s.load.total() == 0 {
		t.Error("there was no load")
	}
}

// TestRestartUnderLoad: no request fails while the template is edited and the
// binary replaced. TestSoakRestarts is the long form.
func TestRestartUnderLoad(t *testing.T) { underLoad(t, 2, 2, 1) }
