// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/forelane/forelane/internal/function"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/viewer/localca"
)

func TestMain(m *testing.M) {
	// certmagic's rate limits are the process's and have no end; the watch over a
	// lock of its storage ends some seconds after the lock.
	const certmagic = "github.com/caddyserver/certmagic."
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(pebbleTasks), goleak.IgnoreAnyFunction(certmagic+"(*RingBufferRateLimiter).loop"),
		goleak.IgnoreAnyFunction(certmagic+"(*RingBufferRateLimiter).permit"), goleak.IgnoreAnyFunction(certmagic+"keepLockfileFresh"))
}

// stack is a distribution before a bucket and an origin elsewhere.
func stack(t *testing.T) *model.Stack {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "page.html"), []byte("page"), 0o644); err != nil {
		t.Fatal(err)
	}
	day := &model.CachePolicy{Name: "day", DefaultTTL: 24 * time.Hour, MaxTTL: 48 * time.Hour}
	get := []string{"GET", "HEAD"}
	return &model.Stack{
		Name: "shop", Region: "us-east-1", AccountID: "123456789012", URLSuffix: "amazonaws.com",
		Buckets: []*model.Bucket{{
			LogicalID: "Site", Name: "shop-site", Region: "us-east-1", BlockPublic: true, Content: []model.Content{{Dir: dir}},
			PolicyJSON: `{"Statement":{"Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject",
				"Resource":"arn:aws:s3:::shop-site/*","Condition":{"StringEquals":{"AWS:SourceArn":"arn:edge"}}}}`,
		}},
		Distributions: []*model.Distribution{{
			LogicalID: "Edge", ID: "E1", ARN: "arn:edge", DomainName: "d1.cloudfront.net", Aliases: []string{"www.example.com"}, Enabled: true,
			Origins: []*model.Origin{
				{ID: "site", DomainName: "shop-site.s3.us-east-1.amazonaws.com", S3: true, Access: &model.OriginAccess{Type: "s3", Signing: "always"}},
				{ID: "app", DomainName: "app.example.com", Protocol: model.OriginHTTPOnly},
			},
			Behaviors: []*model.Behavior{
				{PathPattern: "/app/*", Target: "app", Allowed: get, Cached: get, Cache: day},
				{PathPattern: "*", Target: "site", Allowed: get, Cached: get, Cache: day},
			},
		}},
	}
}

// start runs a node with s.
func start(t *testing.T, s *model.Stack, origin string) (*Server, *localca.Authority) {
	t.Helper()
	return startWith(t, s, map[string]string{"app": origin})
}

// startWith is start with other addresses for origins.
func startWith(t *testing.T, s *model.Stack, origins map[string]string) (*Server, *localca.Authority) {
	t.Helper()
	ca, err := localca.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	srv, err := New(Options{
		HTTP: "127.0.0.1:0", HTTPS: "127.0.0.1:0", Admin: "127.0.0.1:0", Data: t.TempDir(), CA: ca,
		Origins: origins, Functions: function.Options{Environ: os.Environ()},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := srv.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := srv.Bind(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := srv.Apply(t.Context(), []*model.Stack{s}); err != nil {
		t.Fatal(err)
	}
	srv.Start()
	return srv, ca
}

// client speaks one protocol to srv, whatever the host of the URL.
func client(t *testing.T, srv *Server, ca *localca.Authority, kind string) (*http.Client, string) {
	t.Helper()
	tr := &http.Transport{ForceAttemptHTTP2: kind == "h2"}
	if ca != nil {
		tr.TLSClientConfig = &tls.Config{RootCAs: ca.Pool()}
	}
	if kind != "h2" {
		tr.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	listener, scheme := "https", "https"
	if kind == "http" {
		listener, scheme = "http", "http"
	}
	tr.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, srv.Addr(listener))
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}, scheme
}

func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	rs, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	if err != nil {
		t.Fatal(err)
	}
	return rs, string(b)
}

func echoOrigin(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.Host, r.URL.Path)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestEveryProtocol(t *testing.T) {
	origin := echoOrigin(t)
	srv, ca := start(t, stack(t), origin)
	for _, kind := range []string{"http", "https", "h2"} {
		t.Run(kind, func(t *testing.T) {
			c, scheme := client(t, srv, ca, kind)
			rs, body := get(t, c, scheme+"://shop.localhost/page.html?"+kind)
			if rs.StatusCode != 200 || body != "page" {
				t.Errorf("bucket: %d %s", rs.StatusCode, body)
			}
			if want := map[string]int{"http": 1, "https": 1, "h2": 2}[kind]; rs.ProtoMajor != want {
				t.Errorf("protocol %s", rs.Proto)
			}
			rs, _ = get(t, c, scheme+"://www.example.com/page.html")
			if kind != "http" && rs.Header.Get("X-Cache") != "Hit from cloudfront" {
				t.Errorf("the protocols do not share the cache: %v", rs.Header)
			}
		})
	}
}

func TestOverriddenOriginIsAskedByItsOwnName(t *testing.T) {
	origin := echoOrigin(t)
	srv, ca := start(t, stack(t), origin)
	c, _ := client(t, srv, ca, "http")
	if _, body := get(t, c, "http://shop.localhost/app/x"); body != strings.TrimPrefix(origin, "http://")+" /app/x" {
		t.Errorf("origin saw %q", body)
	}
}

func TestBucketRefusesEverybodyElse(t *testing.T) {
	origin := echoOrigin(t)
	srv, ca := start(t, stack(t), origin)
	c, _ := client(t, srv, ca, "http")
	if rs, body := get(t, c, "http://shop-site.s3.us-east-1.amazonaws.com/page.html"); rs.StatusCode != 403 || !strings.Contains(body, "AccessDenied") {
		t.Errorf("%d %s", rs.StatusCode, body)
	}
}

func TestC13UnsignedRequestsAreRefused(t *testing.T) {
	origin := echoOrigin(t)
	st := stack(t)
	st.Distributions[0].Behaviors[1].TrustedKeyGroups = []string{"group"}
	srv, ca := start(t, st, origin)
	c, _ := client(t, srv, ca, "http")
	if rs, body := get(t, c, "http://shop.localhost/page.html?Signature=x"); rs.StatusCode != 403 || strings.Contains(body, "page\n") {
		t.Errorf("%d %s", rs.StatusCode, body)
	}
}

func TestC5RedirectNamesThePortOfHTTPS(t *testing.T) {
	origin := echoOrigin(t)
	st := stack(t)
	st.Distributions[0].Behaviors[1].Viewer = model.RedirectToHTTPS
	srv, ca := start(t, st, origin)
	c, _ := client(t, srv, ca, "http")
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	_, port, _ := net.SplitHostPort(srv.Addr("https"))
	rs, _ := get(t, c, "http://shop.localhost:80/page.html?a=b")
	if want := "https://shop.localhost:" + port + "/page.html?a=b"; rs.StatusCode != 301 || rs.Header.Get("Location") != want {
		t.Errorf("%d %s, want %s", rs.StatusCode, rs.Header.Get("Location"), want)
	}
}

func TestUnknownNameGetsNoCertificate(t *testing.T) {
	origin := echoOrigin(t)
	srv, ca := start(t, stack(t), origin)
	c, _ := client(t, srv, ca, "https")
	if rs, err := c.Get("https://bank.example/"); err == nil {
		_ = rs.Body.Close()
		t.Error("a foreign name was signed for")
	}
}

// TestSwapUnderLoad replaces the snapshot again and again while requests are
// made: none fails, and what is cached stays.
func TestSwapUnderLoad(t *testing.T) {
	origin := echoOrigin(t)
	st := stack(t)
	srv, ca := start(t, st, origin)
	c, _ := client(t, srv, ca, "http")
	get(t, c, "http://shop.localhost/page.html")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 50 {
			if err := srv.Apply(t.Context(), []*model.Stack{st}); err != nil {
				t.Error(err)
			}
		}
	}()
	for n := 0; ; n++ {
		if rs, body := get(t, c, fmt.Sprintf("http://shop.localhost/page.html?%d", n)); rs.StatusCode != 200 || body != "page" {
			t.Fatalf("request %d: %d %s", n, rs.StatusCode, body)
		}
		select {
		case <-done:
			if rs, _ := get(t, c, "http://shop.localhost/page.html"); rs.Header.Get("X-Cache") != "Hit from cloudfront" {
				t.Errorf("the cache was lost: %v", rs.Header)
			}
			return
		default:
		}
	}
}

func TestBrokenRevisionChangesNothing(t *testing.T) {
	origin := echoOrigin(t)
	st := stack(t)
	srv, ca := start(t, st, origin)
	broken := stack(t)
	broken.Buckets[0].Content = []model.Content{{Dir: "/no/such/folder"}}
	if err := srv.Apply(t.Context(), []*model.Stack{broken}); err == nil || !strings.Contains(err.Error(), "/no/such/folder") {
		t.Errorf("error %v", err)
	}
	c, _ := client(t, srv, ca, "http")
	if rs, _ := get(t, c, "http://shop.localhost/page.html"); rs.StatusCode != 200 {
		t.Errorf("%d", rs.StatusCode)
	}
}

func TestTakenPortIsTold(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	srv, err := New(Options{HTTP: ln.Addr().String(), Data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = srv.Close(context.Background()) }()
	if err := srv.Bind(t.Context()); err == nil || !strings.Contains(err.Error(), "--http") {
		t.Errorf("error %v", err)
	}
}

func TestOverridden(t *testing.T) {
	o := &model.Origin{ID: "api", DomainName: "a.example", Path: "/prod", Access: &model.OriginAccess{}}
	got, err := overridden(o, "https://localhost:9443")
	if err != nil || got.DomainName != "localhost" || got.HTTPSPort != 9443 || got.Protocol != model.OriginHTTPSOnly || got.Path != "/prod" || got.Access == nil {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []string{"localhost:3000", "ftp://x", "", "http://"} {
		if _, err := overridden(o, bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// pebbleTasks is a goroutine of the ACME server of tests that nothing ends.
const pebbleTasks = "github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks"
