// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/quic-go/quic-go/http3"
)

// TestMatrix: what depends on the viewer's protocol, in each of them.
func TestMatrix(t *testing.T) {
	certs := httptest.NewTLSServer(http.NotFoundHandler())
	defer certs.Close()
	for _, m := range []struct {
		name   string
		secure *tls.Config
		h2     bool
		proto  string
	}{
		{"HTTP/1.1", nil, false, "HTTP/1.1"},
		{"HTTPS", &tls.Config{Certificates: certs.TLS.Certificates, NextProtos: []string{"http/1.1"}}, false, "HTTP/1.1"},
		{"HTTP/2", &tls.Config{Certificates: certs.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}}, true, "HTTP/2.0"},
		{"HTTP/3", &tls.Config{Certificates: certs.TLS.Certificates, NextProtos: []string{http3.NextProtoH3}}, false, "HTTP/3.0"},
	} {
		t.Run(m.name, func(t *testing.T) {
			url, w := wiredBy(t, m.secure, matrixOrigin, func(w *world) {
				w.behavior().Allowed = []string{"GET", "HEAD", "POST"}
				w.dist.HTTPVersion = "http2and3"
			})
			tr := transport(t, m.proto, m.h2)
			ask := func(method, path string, body io.Reader, fields ...string) (*http.Response, string, error) {
				rq, err := http.NewRequestWithContext(t.Context(), method, url+path, body)
				if err != nil {
					t.Fatal(err)
				}
				for i := 0; i+1 < len(fields); i += 2 {
					rq.Header.Set(fields[i], fields[i+1])
				}
				rs, err := tr.RoundTrip(rq)
				if err != nil {
					return nil, "", err
				}
				defer rs.Body.Close()
				b, err := io.ReadAll(rs.Body)
				return rs, string(b), err
			}
			expect := func(rs *http.Response, body string, err error) func(status int, xcache, want string) {
				return func(status int, xcache, want string) {
					t.Helper()
					if err != nil || rs.StatusCode != status || rs.Proto != m.proto || body != want ||
						rs.Header.Get("X-Cache") != xcache+" from cloudfront" {
						t.Errorf("%v %+v %q", err, rs, body)
					}
				}
			}
			expect(ask("GET", "/a", nil))(200, "Miss", "hello")
			expect(ask("GET", "/a", nil))(200, "Hit", "hello")
			expect(ask("HEAD", "/a", nil))(200, "Hit", "")
			expect(ask("GET", "/a", nil, "Range", "bytes=1-2"))(206, "Hit", "el")
			expect(ask("GET", "/a", nil, "If-None-Match", `"1"`))(304, "Hit", "")
			expect(ask("POST", "/a", strings.NewReader("data")))(200, "Miss", "got data")
			expect(ask("POST", "/a", io.MultiReader(strings.NewReader("da"), strings.NewReader("ta"))))(200, "Miss", "got data")
			expect(ask("GET", "/none", nil))(204, "Miss", "")
			expect(ask("GET", "/chunked", nil))(200, "Miss", "one two")
			expect(ask("GET", "/chunked", nil))(200, "Hit", "one two")
			if _, body, err := ask("GET", "/broken", nil); err == nil {
				t.Errorf("half a body (%q) looks whole", body)
			}
			if rs, _, err := ask("GET", "/"+strings.Repeat("x", 9000), nil); err != nil || rs.StatusCode != 413 {
				t.Errorf("a long URL: %v %+v", err, rs)
			}
			expect(ask("GET", "/a", nil))(200, "Hit", "hello")
			if p := w.lastRecord().Viewer.Proto.String(); p != m.proto {
				t.Errorf("record: %s", p)
			}
		})
	}
}

// transport is a client of one version of HTTP.
func transport(t *testing.T, proto string, h2 bool) http.RoundTripper {
	t.Helper()
	secure := &tls.Config{InsecureSkipVerify: true}
	if proto == "HTTP/3.0" {
		tr := &http3.Transport{TLSClientConfig: secure, DisableCompression: true}
		t.Cleanup(func() { _ = tr.Close() })
		return tr
	}
	tr := &http.Transport{TLSClientConfig: secure, ForceAttemptHTTP2: h2, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func matrixOrigin(w http.ResponseWriter, rq *http.Request) {
	flush := http.NewResponseController(w).Flush
	switch {
	case rq.Method == "POST":
		b, _ := io.ReadAll(rq.Body)
		_, _ = io.WriteString(w, "got "+string(b))
	case rq.URL.Path == "/none":
		w.WriteHeader(http.StatusNoContent)
	case rq.URL.Path == "/chunked":
		_, _ = io.WriteString(w, "one ")
		_ = flush()
		_, _ = io.WriteString(w, "two")
	case rq.URL.Path == "/broken":
		_, _ = io.WriteString(w, "part")
		_ = flush()
		panic(http.ErrAbortHandler)
	default:
		w.Header().Set("ETag", `"1"`)
		_, _ = io.WriteString(w, "hello")
	}
}
