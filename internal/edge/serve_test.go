// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/origin"
	"github.com/forelane/forelane/internal/record"
)

func TestC9Hosts(t *testing.T) {
	w := newWorld(t)
	two := *w.dist
	two.LogicalID, two.ID, two.DomainName, two.Aliases = "Other", "E2", "d2.cloudfront.net", []string{"shop.example.com", "*.example.com"}
	w.dist.Aliases = []string{"www.example.com"}
	off := *w.dist
	off.LogicalID, off.ID, off.DomainName, off.Aliases, off.Enabled = "Off", "E3", "d3.cloudfront.net", nil, false
	w.stack.Distributions = append(w.stack.Distributions, &two, &off)
	w.compile()
	for host, want := range map[string]string{
		"www.example.com": "E1TEST", "WWW.example.com:8080": "E1TEST", "shop.example.com": "E2", "any.example.com": "E2",
		"d1.cloudfront.net": "E1TEST", "d2.cloudfront.net": "E2", "dist.test.localhost": "E1TEST", "other.test.localhost:80": "E2",
		"test.localhost": "", "d3.cloudfront.net": "", "example.com": "", "": "",
	} {
		v := w.do("/a", "Host", host)
		got := w.lastRecord().Edge.Distribution
		if got != want || (want == "") != (v.status == 404) {
			t.Errorf("%q: %q, status %d; want %q", host, got, v.status, want)
		}
		if want == "" && !strings.Contains(v.String(), "shop.example.com") {
			t.Errorf("%q: the answer does not list the hosts: %s", host, v)
		}
	}
}

func TestC9LongNames(t *testing.T) {
	w := newWorld(t)
	w.dist.LogicalID = strings.Repeat("CloudFrontToApiGateway", 4)
	w.stack.Name = strings.Repeat("a", 62) + "-" + strings.Repeat("b", 60)
	w.compile()
	for _, only := range []bool{false, true} {
		host := LocalHost(w.stack.Name, w.dist, only)
		if !w.edge.Answers(host) || len(strings.Split(host, ".")[0]) > 63 {
			t.Errorf("%q does not answer", host)
		}
	}
	if host := LocalHost("S", w.dist, false); host != "e1test.s.localhost" {
		t.Error(host)
	}
}

func TestC9ConnectionOfAnotherDistribution(t *testing.T) {
	w := newWorld(t)
	two := *w.dist
	two.LogicalID, two.ID, two.DomainName = "Other", "E2", "d2.cloudfront.net"
	w.stack.Distributions = append(w.stack.Distributions, &two)
	w.compile()
	for sni, want := range map[string]int{"d1.cloudfront.net": 200, "d2.cloudfront.net": 421, "localhost": 200, "": 200} {
		v, rq := &viewer{}, request("/a")
		rq.Viewer.TLS = &httpmsg.TLS{Version: "TLSv1.3", ServerName: sni}
		w.edge.Serve(t.Context(), rq, v)
		if v.status != want {
			t.Errorf("SNI %q: %d, want %d", sni, v.status, want)
		}
	}
}

func TestAnOnlyDistributionAnswersEveryHost(t *testing.T) {
	w := newWorld(t).compile()
	for _, host := range []string{"test.localhost:8080", "localhost:8080", "127.0.0.1", "[::1]:80"} {
		if v := w.do("/a", "Host", host); v.status != 200 {
			t.Errorf("%s: %d", host, v.status)
		}
	}
	if !w.edge.Answers("test.localhost") || w.edge.Answers("localhost") {
		t.Error("Answers must know the names only")
	}
}

func TestCompileNamesWhatIsWrong(t *testing.T) {
	for want, spoil := range map[string]func(*world){
		`there is no origin or origin group "x"`: func(w *world) { w.behavior().Target = "x" },
		`there is no origin "y"`: func(w *world) {
			w.dist.OriginGroups = []*model.OriginGroup{{ID: "g", Members: []string{"o", "y"}}}
		},
		"no default cache behavior": func(w *world) { w.dist.Behaviors = nil },
		"no cache policy":           func(w *world) { w.behavior().Cache = nil },
		"behavior /[a":              func(w *world) { w.behavior().PathPattern = "/[a\x01" },
	} {
		w := newWorld(t)
		spoil(w)
		_, err := Compile(w.stack, Deps{Transport: func(*model.Distribution, *model.Origin) (http.RoundTripper, error) {
			return roundTrip(nil), nil
		}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "Dist") {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

func TestE7RequestIDs(t *testing.T) {
	shape := regexp.MustCompile(`^[A-Za-z0-9_-]{54}==$`)
	seen := map[string]bool{}
	for range 1000 {
		id := newID()
		if !shape.MatchString(id) || seen[id] {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
}

func TestTheCacheOutlivesTheSnapshot(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.do("/a")
		w.behavior().ResponseHeaders = &model.ResponseHeadersPolicy{Custom: []model.PolicyHeader{{Name: "X-New", Value: "1"}}}
		w.compile()
		v := w.do("/a")
		w.expect(v, 200, "Hit", "hello")
		if v.header.Get("X-New") != "1" {
			t.Error("the new snapshot's policy is not applied")
		}
	})
}

func TestC5RedirectPort(t *testing.T) {
	w := newWorld(t)
	w.behavior().Viewer = model.RedirectToHTTPS
	w.compile()
	for _, tt := range []struct {
		port int
		host string
		want string
	}{
		{0, "shop.test:8080", "https://shop.test/a"},
		{8443, "shop.test:8080", "https://shop.test:8443/a"},
		{8443, "shop.test", "https://shop.test/a"},
		{8443, "[::1]:8080", "https://[::1]:8443/a"},
	} {
		w.edge.deps.HTTPSPort = tt.port
		v := w.do("/a", "Host", tt.host, "Scheme", "http")
		if got := v.header.Get("Location"); got != tt.want {
			t.Errorf("%d %s: %s, want %s", tt.port, tt.host, got, tt.want)
		}
	}
}

func TestC5BelowHTTP11(t *testing.T) {
	w := newWorld(t)
	w.behavior().Viewer = model.RedirectToHTTPS
	w.behavior().Allowed = []string{"GET", "HEAD", "POST"}
	w.compile()
	v, rq := &viewer{}, request("POST /a", "Scheme", "http")
	rq.Proto = httpmsg.HTTP10
	w.edge.Serve(t.Context(), rq, v)
	w.expect(v, 403, "Error", "")
}

func TestAPanicIsAnAnswer(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.reply = func(*http.Request) (*http.Response, error) { panic("boom") }
		v := w.do("/a")
		if v.status != 500 || !v.header.Has("X-Amz-Cf-Id") {
			t.Errorf("%d %v", v.status, v.header.Fields())
		}
		if r := w.lastRecord(); r.Result.End != record.EndInternal || !strings.Contains(r.Origin.Error, "boom") {
			t.Errorf("record %+v", r)
		}
		w.reply = func(*http.Request) (*http.Response, error) { return answer(200, "fine"), nil }
		w.expect(w.do("/a"), 200, "Miss", "fine") // the lease was given back
	})
}

func TestAPanicInAnErrorPage(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.dist.CustomErrors = []model.CustomError{{Code: 404, PagePath: "/404.html"}}
		w.reply = func(rq *http.Request) (*http.Response, error) {
			if rq.URL.Path == "/404.html" {
				panic("boom")
			}
			return answer(404, "none"), nil
		}
		v := w.do("/a")
		if v.status != 500 || v.aborted || !strings.Contains(w.lastRecord().Origin.Error, "boom") {
			t.Errorf("%d, aborted %v, %+v", v.status, v.aborted, w.lastRecord().Origin)
		}
	})
}

func TestF17ViewerLeavesInTheMiddleOfTheBody(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		pr, pw := io.Pipe()
		closed := make(chan struct{})
		w.reply = func(*http.Request) (*http.Response, error) {
			rs := answer(200, "")
			rs.ContentLength, rs.Body = 10, &closeNoter{pr, closed}
			return rs, nil
		}
		w.compile()
		ctx, cancel := context.WithCancel(t.Context())
		v, done := &viewer{}, make(chan struct{})
		go func() {
			defer close(done)
			w.edge.Serve(ctx, request("/a"), v)
		}()
		go func() { _, _ = pw.Write([]byte("12345")) }()
		synctest.Wait()
		cancel()
		<-done
		_ = pr.CloseWithError(context.Canceled) // as a transport does when its context ends
		w.wg.Wait()
		<-closed
		if r := w.lastRecord(); r.Result.Type != record.Error || r.Result.Sent != record.Miss || r.Result.Detail != record.ClientCommError || r.Cache.Store != record.StoreViewerLeft {
			t.Errorf("record: %+v %+v", r.Result, r.Cache)
		}
		w.reply = func(*http.Request) (*http.Response, error) { return answer(200, "whole"), nil }
		w.expect(w.do("/a"), 200, "Miss", "whole")
	})
}

type closeNoter struct {
	io.Reader
	closed chan struct{}
}

func (c *closeNoter) Close() error {
	close(c.closed)
	return nil
}

func TestE11FailuresAreClassified(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		detail record.Detail
	}{
		{errors.New("net/http: HTTP/1.x transport connection broken: malformed HTTP response"), 502, record.OriginInvalidResponseError},
		{errors.New("net/http: server response headers exceeded 100 bytes; aborted"), 502, record.OriginHeaderTooBigError},
		{origin.ErrCompletion, 504, record.OriginCommError},
		{io.EOF, 502, record.OriginReadError},
		{context.DeadlineExceeded, 504, record.OriginCommError},
		{errors.New("tls: failed to verify certificate: x509: wrong name"), 502, record.OriginConnectError},
		{errors.New("anything"), 502, record.OriginCommError},
	} {
		bubble(t, func(t *testing.T, w *world) {
			w.reply = func(*http.Request) (*http.Response, error) { return nil, tt.err }
			v := w.do("/a")
			w.expect(v, tt.status, "Error", "")
			if d := w.lastRecord().Result.Detail; d != tt.detail || !bytes.Contains(v.body.Bytes(), fmt.Appendf(nil, "%d ERROR", tt.status)) {
				t.Errorf("%v: %v", tt.err, d)
			}
		})
	}
}

func TestC4OriginHeadIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.reply = func(*http.Request) (*http.Response, error) {
			return answer(200, "x", "X-Big", strings.Repeat("x", 20480)), nil
		}
		w.expect(w.do("/a"), 502, "Error", "")
		if d := w.lastRecord().Result.Detail; d != record.OriginHeaderTooBigError {
			t.Errorf("%v", d)
		}
	})
}

func TestManyViewersOneEdge(t *testing.T) {
	w := newWorld(t)
	w.reply = func(rq *http.Request) (*http.Response, error) {
		rs := answer(200, rq.URL.Path, "Cache-Control", "max-age=60")
		if strings.HasPrefix(rq.URL.Path, "/private") {
			rs.Header.Set("Cache-Control", "private")
		}
		return rs, nil
	}
	w.compile()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				path := fmt.Sprintf("/%d", (i*j)%17)
				if j%5 == 0 {
					path = "/private" + path
				}
				if v := w.start(t.Context(), path); v.status != 200 || v.String() != path {
					t.Errorf("%s: %d %q", path, v.status, v)
				}
				if j%50 == 0 {
					w.cache.Purge()
				}
			}
		})
	}
	wg.Wait()
	w.wg.Wait()
}
