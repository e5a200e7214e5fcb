// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The cores, as taskset writes them.
const (
	serverCore = "0"
	loadCore   = "1"
)

// viewerHost is the Host that everybody asks for: the local name of the stack
// "bench", so that Forelane finds its distribution by name.
const viewerHost = "bench.localhost"

// peer is a server under measurement.
type peer struct {
	name    string
	version string
	plain   string // host:port of HTTP
	tls     string // host:port of HTTPS; empty: it has none
	udp     string // host:port of HTTP/3; empty: it has none
	roots   []int  // first processes of its tree
	hit     func(http.Header) bool
}

// starter writes a server's configuration and starts it.
type starter struct {
	name  string
	start func(context.Context, *bench) (*peer, error)
}

func (b *bench) starters() []starter {
	if b.shield {
		return shieldStarters()
	}
	return []starter{
		{"forelane", startForelane},
		{"nginx", startNginx},
		{"haproxy", startHAProxy},
		{"varnish", startVarnish},
		{"trafficserver", startTrafficServer},
	}
}

func (b *bench) startPeers(ctx context.Context) error {
	want := strings.Split(b.only, ",")
	for _, s := range b.starters() {
		if b.only != "" && !slices.Contains(want, s.name) {
			continue
		}
		p, err := s.start(ctx, b)
		if err == nil {
			p.name = s.name
			err = b.ready(ctx, p)
		}
		if err != nil {
			return fmt.Errorf("%s: %w%s", s.name, err, b.tail(s.name))
		}
		b.peers = append(b.peers, p)
	}
	if len(b.peers) == 0 {
		return fmt.Errorf("-peers %s: no such server", b.only)
	}
	return nil
}

// tail is the end of what a server said, for an error.
func (b *bench) tail(name string) string {
	said, err := os.ReadFile(filepath.Join(b.dir, name+".out"))
	if err != nil || len(said) == 0 {
		return ""
	}
	return "\n" + string(said[max(0, len(said)-2000):])
}

// spawn starts a program on the servers' core in a process group of its own;
// what it says goes to NAME.out.
func (b *bench) spawn(name string, env []string, argv ...string) (*exec.Cmd, error) {
	out, err := os.OpenFile(filepath.Join(b.dir, name+".out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the child has its own
	cmd := exec.Command("taskset", append([]string{"-c", serverCore}, argv...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b.procs = append(b.procs, cmd)
	return cmd, nil
}

// stop ends all servers: asks, waits, and ends the groups that are left.
func (b *bench) stop() {
	for _, cmd := range slices.Backward(b.procs) {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // it may have ended
	}
	for _, cmd := range b.procs {
		done := make(chan struct{})
		go func() {
			_ = cmd.Wait() // how it ends does not matter any more
			close(done)
		}()
		select {
		case <-done:
		case <-time.After(3 * time.Second):
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-done
	}
}

// ready waits until p answers, and checks that it caches: the second answer
// must not have cost a call and must say that it is a hit.
func (b *bench) ready(ctx context.Context, p *peer) error {
	deadline := time.Now().Add(20 * time.Second)
	for {
		_, err := fetch(p.plain, false, pathSmall)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not ready: %w", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, path := range []string{pathSmall, pathLarge} {
		for _, secure := range []bool{false, true} {
			addr, err := address(p, secure)
			if err != nil {
				continue
			}
			if err := b.caches(p, addr, secure, path); err != nil {
				return err
			}
		}
	}
	return nil
}

// caches warms one URL, which some know by its scheme too, and checks that it
// is answered from the cache.
func (b *bench) caches(p *peer, addr string, secure bool, path string) error {
	for range 3 { // Traffic Server stores a moment after it has answered
		if _, err := fetch(addr, secure, path); err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	calls := b.origin.calls.Load()
	head, err := fetch(addr, secure, path)
	if err != nil {
		return err
	}
	if calls = b.origin.calls.Load() - calls; calls > 0 || !p.hit(head) {
		return fmt.Errorf("%s: no hit (%d calls to the origin, fields %v)", path, calls, head)
	}
	return nil
}

// fetch gets one path over a connection of its own.
func fetch(addr string, secure bool, path string) (http.Header, error) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second)) // a TCP connection has deadlines
	if secure {
		c = tls.Client(c, clientTLS())
	}
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\nConnection: close\r\n\r\n", path, viewerHost); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %s", path, resp.Status)
	}
	// HAProxy keeps nothing of an answer whose viewer left early.
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.Header, err
}

// clientTLS asks what the load generators ask too. The key exchange is X25519,
// so that the job is equal: peers built on OpenSSL 3.0 have no hybrid one, by
// which a handshake costs Forelane a third more. The certificates are of no
// authority that this process knows.
func clientTLS() *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, ServerName: viewerHost, NextProtos: []string{"http/1.1"},
		CurvePreferences: []tls.CurveID{tls.X25519},
	}
}

// freePort is a loopback port that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// writeCertificate makes the peers' certificate, of the kind that Forelane's
// local authority signs: ECDSA P-256 below a P-256 authority.
func (b *bench) writeCertificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: viewerHost}, DNSNames: []string{viewerHost},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	b.cert, b.key, b.both = filepath.Join(b.dir, "cert.pem"), filepath.Join(b.dir, "key.pem"), filepath.Join(b.dir, "both.pem")
	return errors.Join(
		os.WriteFile(b.cert, cert, 0o644),
		os.WriteFile(b.key, private, 0o600),
		os.WriteFile(b.both, append(cert, private...), 0o600))
}
