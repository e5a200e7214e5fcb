// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// TestC15OriginOverTLS: a call goes by HTTP/2, or not at all.
func TestC15OriginOverTLS(t *testing.T) {
	for _, tt := range []struct {
		name string
		alpn []string
		want string // of the error; empty: the call is answered
	}{
		{"HTTP/2", []string{"h2", "http/1.1"}, ""},
		{"HTTP/1.1 only", []string{"http/1.1"}, "no application protocol"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, rq *http.Request) {
				w.Header().Set("X-Asked", rq.Proto+" "+rq.Host+" "+rq.URL.RequestURI())
				_, _ = io.Copy(w, rq.Body)
				w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
			}))
			srv.EnableHTTP2 = len(tt.alpn) > 1
			srv.TLS = &tls.Config{NextProtos: tt.alpn}
			srv.StartTLS()
			defer srv.Close()
			roots := x509.NewCertPool()
			roots.AddCert(srv.Certificate())
			tr := New(&model.Origin{DomainName: "example.com", Protocol: model.OriginHTTPSOnly, Attempts: 1}, Options{
				Roots: roots,
				Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
					return (&net.Dialer{}).DialContext(ctx, network, srv.Listener.Addr().String())
				},
			})
			defer tr.CloseIdleConnections()
			rq := &httpmsg.Request{Method: "POST", Scheme: "http", Host: "shown.example", Path: "/t.T/%7Ecall", Query: "a=1", Body: io.NopCloser(strings.NewReader("hello")), ContentLength: -1}
			var rs httpmsg.Response
			err := tr.Stream(t.Context(), rq, &rs)
			if tt.want != "" {
				var shake *HandshakeError
				if err == nil || !strings.Contains(err.Error(), tt.want) || !errors.As(err, &shake) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			trailers := rs.Body.(interface{ Trailers() *httpmsg.Header }).Trailers
			if trailers() != nil {
				t.Error("trailers before the end")
			}
			b, err := io.ReadAll(rs.Body)
			if err != nil || string(b) != "hello" || rs.Header.Get("X-Asked") != "HTTP/2.0 shown.example /t.T/%7Ecall?a=1" || trailers().Get("grpc-status") != "0" {
				t.Errorf("%q %v %v %v", b, err, rs.Header.Fields(), trailers())
			}
			_ = rs.Body.Close()
		})
	}
}
