// SPDX-License-Identifier: Apache-2.0

package viewer

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
	"github.com/forelane/forelane/internal/viewer/localca"
)

const (
	loopback = "127.0.0.1/32"
	said1    = "PROXY TCP4 192.0.2.7 198.51.100.1 5000 443\r\n"
	said2    = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\x13\x88\x01\xbb"
	itself   = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
)

// whoami answers with protocol and address of the viewer.
func whoami(_ context.Context, rq *httpmsg.Request, w Writer, _ bool) func() {
	body := rq.Proto.String() + " " + rq.Viewer.Addr.String()
	_ = w.Whole(&httpmsg.Response{Status: 200, ContentLength: int64(len(body))}, [][]byte{[]byte(body)}, nil)
	return nil
}

// behind serves whoami behind balancers.
func behind(t *testing.T, o Options, balancers ...string) *Server {
	t.Helper()
	for _, b := range balancers {
		o.Balancers = append(o.Balancers, netip.MustParsePrefix(b))
	}
	s, err := Listen(t.Context(), "127.0.0.1:0", whoami, o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// announcing dials and says something first, whole or byte by byte.
func announcing(s *Server, said string, slowly bool) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, s.Addr().String())
		if err != nil {
			return nil, err
		}
		if !slowly {
			_, err = io.WriteString(c, said)
			return c, err
		}
		for _, b := range []byte(said) {
			if _, err := c.Write([]byte{b}); err != nil {
				return nil, err
			}
		}
		return c, nil
	}
}

func TestBalancerTellsTheViewer(t *testing.T) {
	ca, err := localca.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	secure := &tls.Config{NextProtos: []string{"h2", "http/1.1"}, GetCertificate: ca.Certificates(func(string) bool { return true })}
	for _, tt := range []struct {
		name, proto string
		o           Options
		set         func(*http.Protocols, bool)
	}{
		{"HTTP/1", "HTTP/1.1", Options{}, (*http.Protocols).SetHTTP1},
		{"HTTP/1 where HTTP/2 may be", "HTTP/1.1", Options{H2C: true}, (*http.Protocols).SetHTTP1},
		{"HTTP/2 in cleartext", "HTTP/2.0", Options{H2C: true}, (*http.Protocols).SetUnencryptedHTTP2},
		{"TLS", "HTTP/1.1", Options{TLS: secure}, (*http.Protocols).SetHTTP1},
		{"TLS and HTTP/2", "HTTP/2.0", Options{TLS: secure}, (*http.Protocols).SetHTTP2},
	} {
		s := behind(t, tt.o, "203.0.113.0/24", loopback)
		for _, said := range []string{said1, said2} {
			for _, slowly := range []bool{false, true} {
				tr := &http.Transport{
					Protocols: new(http.Protocols), DialContext: announcing(s, said, slowly),
					TLSClientConfig: &tls.Config{RootCAs: ca.Pool()},
				}
				tt.set(tr.Protocols, true)
				url := "http://shop.localhost/"
				if tt.o.TLS != nil {
					url = "https://shop.localhost/"
				}
				rs, err := (&http.Client{Transport: tr}).Get(url)
				if err != nil {
					t.Fatalf("%s: %v", tt.name, err)
				}
				b, err := io.ReadAll(rs.Body)
				if want := tt.proto + " 192.0.2.7:5000"; err != nil || string(b) != want {
					t.Errorf("%s: %q %v, want %q", tt.name, b, err, want)
				}
				_ = rs.Body.Close()
				tr.CloseIdleConnections()
			}
		}
	}
}

// TestBalancerAndRequestInOnePacket: what follows the announcement is not lost.
func TestBalancerAndRequestInOnePacket(t *testing.T) {
	const rq = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
	for _, o := range []Options{{}, {H2C: true}} {
		s := behind(t, o, loopback)
		for said, want := range map[string]string{said1: "192.0.2.7:5000", said2: "192.0.2.7:5000", itself: "127.0.0.1:", "PROXY UNKNOWN\r\n": "127.0.0.1:"} {
			if rs, body := raw(t, s.Addr().String(), said+rq); rs.StatusCode != 200 || !strings.Contains(body, " "+want) {
				t.Errorf("%q: %d %q", said, rs.StatusCode, body)
			}
		}
		if st := s.gate.State(); st.Silent != 0 {
			t.Errorf("%+v", st)
		}
	}
}

// TestBalancerMustSpeak: a named peer without an announcement is refused and
// counted; who is not named may not announce.
func TestBalancerMustSpeak(t *testing.T) {
	const rq = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
	limits := engine.Defaults()
	limits.HeadTimeout = 50 * time.Millisecond
	s := behind(t, Options{Limits: limits}, loopback)
	for _, tt := range []struct {
		name, in string
		counted  uint64 // refusals after this one
	}{
		{"a request", rq, 1},
		{"a wrong announcement", "PROXY TCP4 nobody 198.51.100.1 5000 443\r\n" + rq, 2},
		{"half of one, and nothing more", said1[:20], 3},
		{"nothing for too long", "", 4},
	} {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, tt.in); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: %d bytes of an answer", tt.name, n)
		}
		if got := s.gate.State().Silent; got != tt.counted {
			t.Errorf("%s: %d refusals counted, want %d", tt.name, got, tt.counted)
		}
		_ = c.Close()
	}
	check, err := net.Dial("tcp", s.Addr().String()) // as a health check of the port
	if err != nil {
		t.Fatal(err)
	}
	if err := check.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_, _ = check.Read(make([]byte, 1)) // it is over
	_ = check.Close()
	if got := s.gate.State().Silent; got != 4 {
		t.Errorf("a check of the port was counted: %d", got)
	}
	other := behind(t, Options{}, "192.0.2.0/24")
	if rs, _ := raw(t, other.Addr().String(), said1+rq); rs.StatusCode != 400 {
		t.Errorf("who is not named: %d", rs.StatusCode)
	}
}

// TestBalancerDoesNotHideTheCrowd: the bound of one address is of the true one.
func TestBalancerDoesNotHideTheCrowd(t *testing.T) {
	s := behind(t, Options{Gate: NewGate(Bounds{Connections: 10, PerAddress: 1})}, loopback)
	dial := func(said string) error {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := io.WriteString(c, said+"GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
			return err
		}
		rs, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil {
			_ = rs.Body.Close()
		}
		return err
	}
	for _, tt := range []struct {
		name, said string
		ok         bool
	}{
		{"a viewer", said1, true},
		{"another viewer", strings.Replace(said1, "192.0.2.7", "192.0.2.8", 1), true},
		{"the first again", said2, false},
		{"the balancer", itself, true},
		{"the balancer again", itself, true},
	} {
		if err := dial(tt.said); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if st := s.gate.State(); st.Open != 4 || st.Refused != 1 {
		t.Errorf("%+v", st)
	}
	s.gate.blame(addr("192.0.2.9"))
	if err := dial(strings.Replace(said1, "192.0.2.7", "192.0.2.9", 1)); err == nil {
		t.Error("a flooder came in through the balancer")
	}
}
