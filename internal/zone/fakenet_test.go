// SPDX-License-Identifier: Apache-2.0

package zone

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// fakeNet is the network of a script: addresses that do what it says.
type fakeNet struct {
	cert tls.Certificate

	mu     sync.Mutex
	at     map[string]endpoint
	names  map[string]string
	counts map[string]int
	seen   map[string]string
}

type endpoint struct {
	does  string // a status, refuse, drop, hang, accept
	body  string
	after time.Duration
	tls   bool
}

func newFakeNet(t *testing.T) *fakeNet {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// Expired and of nobody's name: health checks do not validate.
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0), DNSNames: []string{"else.invalid"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &fakeNet{
		cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		at:   map[string]endpoint{}, names: map[string]string{}, counts: map[string]int{}, seen: map[string]string{},
	}
}

func (n *fakeNet) set(addr string, e endpoint) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at[addr] = e
}

func (n *fakeNet) name(name, addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[name] = addr
}

func (n *fakeNet) count(addr string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.counts[addr]
}

func (n *fakeNet) last(addr string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen[addr]
}

func (n *fakeNet) resolve(_ context.Context, name string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if a, ok := n.names[name]; ok {
		return []netip.Addr{netip.MustParseAddr(a)}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (n *fakeNet) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	e, ok := n.at[addr]
	n.counts[addr]++
	n.mu.Unlock()
	switch {
	case !ok || e.does == "refuse":
		return nil, syscall.ECONNREFUSED
	case e.does == "drop": // as a firewall does
		<-ctx.Done()
		return nil, ctx.Err()
	}
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		_ = n.serve(addr, far, e) // the probe's end shows
	}()
	return near, nil
}

func (n *fakeNet) serve(addr string, c net.Conn, e endpoint) error {
	if e.does == "accept" {
		_, err := c.Read(make([]byte, 1))
		return err
	}
	if e.tls {
		tc := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{n.cert}, MinVersion: tls.VersionTLS12})
		if err := tc.Handshake(); err != nil {
			return err
		}
		n.mu.Lock()
		n.seen[addr] = "SNI " + tc.ConnectionState().ServerName + "\n"
		n.mu.Unlock()
		c = tc
	} else {
		n.mu.Lock()
		n.seen[addr] = ""
		n.mu.Unlock()
	}
	rq, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.seen[addr] += fmt.Sprintf("%s %s\nHost: %s\nUser-Agent: %s\n", rq.Method, rq.RequestURI, rq.Host, rq.UserAgent())
	n.mu.Unlock()
	if e.does == "hang" {
		_, err := c.Read(make([]byte, 1))
		return err
	}
	<-time.After(e.after)
	_, err = fmt.Fprintf(c, "HTTP/1.1 %s X\r\nLocation: /else\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", e.does, len(e.body), e.body)
	if err == nil && !strings.HasPrefix(e.does, "2") && !strings.HasPrefix(e.does, "3") && e.body != "" {
		return errors.New("a body that nobody reads")
	}
	return err
}
