// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// pipeNet is a network of one listener, for bubbles of synctest.
type pipeNet struct{ conns chan net.Conn }

func (p *pipeNet) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	c, s := net.Pipe()
	select {
	case p.conns <- s:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func get(t *testing.T, tr *Transport, url string) (*http.Response, error) {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tr.RoundTrip(rq)
}

func TestO2ProtocolPolicyChoosesPort(t *testing.T) {
	for _, tt := range []struct {
		name   string
		policy model.OriginProtocol
		viewer string
		want   string
	}{
		{"http-only", model.OriginHTTPOnly, "https", "o.example:8080"},
		{"https-only", model.OriginHTTPSOnly, "http", "o.example:8443"},
		{"match http", model.OriginMatchViewer, "http", "o.example:8080"},
		{"match https", model.OriginMatchViewer, "https", "o.example:8443"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var dialled string
			tr := New(&model.Origin{DomainName: "o.example", Protocol: tt.policy, HTTPPort: 8080, HTTPSPort: 8443, Attempts: 1}, Options{
				Dial: func(_ context.Context, _, addr string) (net.Conn, error) {
					dialled = addr
					return nil, errors.New("enough")
				},
			})
			if _, err := get(t, tr, tt.viewer+"://x/"); err == nil {
				t.Fatal("no error")
			}
			if dialled != tt.want {
				t.Errorf("dialled %s, want %s", dialled, tt.want)
			}
		})
	}
}

func TestO3ConnectAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		tr := New(&model.Origin{DomainName: "o", Connect: 2 * time.Second}, Options{
			Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				tries++
				<-ctx.Done() // a firewall that drops
				return nil, ctx.Err()
			},
		})
		begin := time.Now()
		_, err := get(t, tr, "http://x/")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(begin); tries != 3 || took != 6*time.Second {
			t.Errorf("%d tries in %v, want 3 in 6s", tries, took)
		}
	})
}

func TestO3ReadTimeoutIsBetweenPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipeNet{conns: make(chan net.Conn)}
		tr := New(&model.Origin{DomainName: "o", ReadTimeout: 5 * time.Second}, Options{Dial: p.Dial})
		go func() {
			c := <-p.conns
			buf := make([]byte, 4096)
			_, _ = c.Read(buf)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
			for range 2 {
				<-time.After(4 * time.Second) // the bubble's clock: slower than nothing, faster than the limit
				_, _ = io.WriteString(c, "abc")
			}
			<-t.Context().Done()
			_ = c.Close()
		}()
		rs, err := get(t, tr, "http://x/")
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		body, err := io.ReadAll(rs.Body)
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("error %v, want a timeout", err)
		}
		if took := time.Since(begin); string(body) != "abcabc" || took != 13*time.Second {
			t.Errorf("%q after %v", body, took)
		}
		_ = rs.Body.Close()
		tr.CloseIdleConnections()
	})
}

func TestCompletionTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipeNet{conns: make(chan net.Conn)}
		gone := make(chan struct{})
		tr := New(&model.Origin{DomainName: "o", Completion: 7 * time.Second}, Options{Dial: p.Dial})
		go func() {
			defer close(gone)
			c := <-p.conns
			buf := make([]byte, 4096)
			_, _ = c.Read(buf)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
			for {
				<-time.After(2 * time.Second)
				if _, err := io.WriteString(c, "a"); err != nil {
					return
				}
			}
		}()
		begin := time.Now()
		rs, err := get(t, tr, "http://x/")
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(rs.Body)
		if err == nil || time.Since(begin) != 7*time.Second {
			t.Errorf("error %v after %v", err, time.Since(begin))
		}
		_ = rs.Body.Close()
		<-gone
	})
}

func TestHostAndBytesPassUnchanged(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, r.Host+" "+r.RequestURI+" "+r.Header.Get("Accept-Encoding"))
	}))
	defer srv.Close()
	tr := New(&model.Origin{DomainName: "o.example"}, Options{Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, strings.TrimPrefix(srv.URL, "http://"))
	}})
	rq, _ := http.NewRequestWithContext(t.Context(), "GET", "http://x/a%2Fb?q=%20", nil)
	rq.Host = "viewer.example"
	rs, err := tr.RoundTrip(rq)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(rs.Body)
	_ = rs.Body.Close()
	tr.CloseIdleConnections()
	if string(body) != "viewer.example /a%2Fb?q=%20 " {
		t.Errorf("origin saw %q", body)
	}
}
