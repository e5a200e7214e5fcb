// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/origin"
	"github.com/forelane/forelane/internal/tunnel"
)

// BenchmarkTunnel asks one target directly, and by an agent over each carrier,
// in one run on loopback: bytes of body a second, by the client of the edge.
//
//	go test -run '^$' -bench BenchmarkTunnel -count 5 ./internal/server
func BenchmarkTunnel(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10, 4 << 20} {
		body := bytes.Repeat([]byte("x"), size)
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(size))
			_, _ = w.Write(body)
		}))
		host, port, _ := net.SplitHostPort(strings.TrimPrefix(srv.URL, "http://"))
		n, _ := strconv.Atoi(port)
		name := fmt.Sprintf("%dKiB", size>>10)
		b.Run(name+"/direct", func(b *testing.B) {
			tr := origin.New(&model.Origin{DomainName: host, HTTPPort: n}, origin.Options{})
			defer tr.CloseIdleConnections()
			askAll(b, tr, size)
		})
		secure := httptest.NewTLSServer(srv.Config.Handler)
		b.Run(name+"/direct-tls", func(b *testing.B) {
			rt := secure.Client().Transport.(*http.Transport).Clone()
			rt.MaxIdleConnsPerHost, rt.DisableCompression = 64, true
			defer rt.CloseIdleConnections()
			askAll(b, at{secure.URL, rt}, size)
		})
		for _, c := range []struct {
			name   string
			choice tunnel.Choice
		}{{"quic", tunnel.OnlyQUIC}, {"h2", tunnel.OnlyTCP}, {"both", tunnel.Both}} {
			b.Run(name+"/"+c.name, func(b *testing.B) {
				hub := agentFor(b, srv.URL, c.choice)
				tr := origin.NewRelay(&model.Origin{}, agents{hub.Route("A")}, origin.Options{})
				defer tr.CloseIdleConnections()
				askAll(b, tr, size)
			})
		}
		srv.Close()
		secure.Close()
	}
}

// BenchmarkTunnelThroughEdge is the same as viewers have it: over HTTP through an
// edge that keeps nothing.
func BenchmarkTunnelThroughEdge(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10, 4 << 20} {
		body := bytes.Repeat([]byte("x"), size)
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(size))
			_, _ = w.Write(body)
		}))
		secure := httptest.NewTLSServer(srv.Config.Handler)
		roots := x509.NewCertPool()
		roots.AddCert(secure.Certificate())
		for _, c := range []struct {
			name, path, url string
			choice          tunnel.Choice
		}{
			{"direct", "/direct/x", srv.URL, tunnel.Both},
			{"direct-tls", "/direct/x", secure.URL, tunnel.Both},
			{"quic", "/x", srv.URL, tunnel.OnlyQUIC},
			{"h2", "/x", srv.URL, tunnel.OnlyTCP},
			{"both", "/x", srv.URL, tunnel.Both},
		} {
			b.Run(fmt.Sprintf("%dKiB/%s", size>>10, c.name), func(b *testing.B) {
				s := privateNode(b, Options{Tunnel: "127.0.0.1:0", Roots: roots, Origins: map[string]string{"direct": c.url}})
				runAgent(b, s.hub, s.Addr("tunnel"), tunnel.AgentOptions{Origins: map[string]string{"Origin": srv.URL}, Carrier: c.choice})
				tr := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
				defer tr.CloseIdleConnections()
				b.ResetTimer()
				askAll(b, at{"http://" + s.Addr("http") + c.path, tr}, size)
			})
		}
		srv.Close()
		secure.Close()
	}
}

// at asks at a URL.
type at struct {
	url string
	rt  http.RoundTripper
}

func (a at) RoundTrip(rq *http.Request) (*http.Response, error) {
	u, err := url.Parse(a.url)
	if err != nil {
		return nil, err
	}
	rq.URL, rq.Host = u, ""
	return a.rt.RoundTrip(rq)
}

func askAll(b *testing.B, rt http.RoundTripper, size int) {
	b.SetBytes(int64(size))
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		buf := make([]byte, 64<<10)
		for pb.Next() {
			rq, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://o/", nil)
			rs, err := rt.RoundTrip(rq)
			if err != nil {
				b.Error(err)
				return
			}
			n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{rs.Body}, buf)
			_ = rs.Body.Close()
			if err != nil || n != int64(size) {
				b.Errorf("%d bytes, %v", n, err)
				return
			}
		}
	})
}

// agentFor is a hub with one agent that serves "A" from a URL.
func agentFor(t testing.TB, url string, choice tunnel.Choice) *tunnel.Hub {
	t.Helper()
	hub, err := tunnel.OpenHub(tunnel.HubOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = hub.ServeTCP(tcp) }()
	go func() { _ = hub.ServeQUIC(udp) }()
	runAgent(t, hub, tcp.Addr().String(), tunnel.AgentOptions{Origins: map[string]string{"A": url}, Carrier: choice})
	t.Cleanup(func() { _ = hub.Close(t.Context()) })
	return hub
}

// runAgent runs an agent and waits until its origins are served.
func runAgent(t testing.TB, hub interface {
	Issue([]string, time.Duration, bool) (string, string, error)
	Serving(...string) int
	Figures() tunnel.Figures
}, to string, o tunnel.AgentOptions,
) {
	t.Helper()
	var names []string
	for name := range o.Origins {
		names = append(names, name)
	}
	_, token, err := hub.Issue(names, time.Minute, false)
	if err != nil {
		t.Fatal(err)
	}
	o.To, o.Dir, o.Token = to, t.TempDir(), token
	a, err := tunnel.NewAgent(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("agent: %v", err)
		}
	})
	want := 1
	if o.Carrier == tunnel.Both {
		want = 2
	}
	for end := time.Now().Add(10 * time.Second); hub.Serving(names...) == 0 || hub.Figures().Links < want; {
		if time.Now().After(end) {
			t.Fatal("the agent does not serve")
		}
	}
}
