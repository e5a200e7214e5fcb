// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/socket"
)

// dialer connects to one origin with CloudFront's attempts.
type dialer struct {
	dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	connect  time.Duration
	attempts int
	plain    string // addresses
	secure   string
	network  string // tcp, tcp4, tcp6
	tls      *tls.Config
}

func newDialer(o *model.Origin, opt Options) *dialer {
	dial, network := opt.Dial, "tcp"
	if dial == nil {
		d := &net.Dialer{KeepAlive: 30 * time.Second}
		if o.Made != nil && o.Made.Foreign {
			d.Control = notHere
		}
		dial = d.DialContext
	}
	if o.Made != nil && o.Made.Network != "" {
		network = o.Made.Network
	}
	return &dialer{
		dial: dial, network: network, connect: or(o.Connect, 10*time.Second), attempts: or(o.Attempts, 3),
		plain:  net.JoinHostPort(o.DomainName, port(o.HTTPPort, 80)),
		secure: net.JoinHostPort(o.DomainName, port(o.HTTPSPort, 443)),
		tls:    tlsConfig(o, &opt),
	}
}

// notHere refuses to connect to this machine and its link. A name that a
// function gave may have come from a viewer, and what answers there, such as
// the admin side of a node or a cloud's metadata, is not for viewers.
func notHere(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if a := at.Addr().Unmap(); a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast() {
		return fmt.Errorf("origin: a function gave a name that leads to %s: give that origin's address with --origin", a)
	}
	return nil
}

// tlsConfig checks the certificate against the origin's own name; the oldest
// version that the template allows is the least that is spoken. Sessions are
// resumed.
func tlsConfig(o *model.Origin, opt *Options) *tls.Config {
	c := &tls.Config{
		RootCAs: opt.Roots, ServerName: o.DomainName, MinVersion: tls.VersionTLS12,
		ClientSessionCache: tls.NewLRUClientSessionCache(64),
	}
	for _, v := range o.TLSVersions {
		switch v {
		case "SSLv3", "TLSv1": // Go speaks no SSLv3
			c.MinVersion = tls.VersionTLS10
		case "TLSv1.1":
			c.MinVersion = min(c.MinVersion, tls.VersionTLS11)
		}
	}
	if m := o.Made; m != nil && (m.ServerName != "" || len(m.Certificates) > 0) {
		c.ServerName = or(m.ServerName, c.ServerName)
		names := m.Certificates
		if len(names) == 0 { // as elsewhere: of the origin, or of the Host that it is asked by
			names = []string{c.ServerName, o.DomainName}
			if m.HostHeader != "" {
				names = append(names, m.HostHeader)
			}
		}
		c.InsecureSkipVerify = true // the names are ours to compare; the chain is verified there
		c.VerifyConnection = func(s tls.ConnectionState) error { return verifyAny(&s, c.RootCAs, names) }
	}
	if arn, give := o.ClientCert, opt.ClientCert; arn != "" && give != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, err := give(arn)
			if cert == nil && err == nil {
				cert = new(tls.Certificate) // none: the origin decides
			}
			return cert, err
		}
	}
	return c
}

// verifyAny checks that a certificate is good, and has one of some names. A name
// *.x is any that the certificate has below x.
func verifyAny(s *tls.ConnectionState, roots *x509.CertPool, names []string) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("no certificate")
	}
	leaf, between := s.PeerCertificates[0], x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between}); err != nil {
		return err
	}
	for _, n := range names {
		if suffix, ok := strings.CutPrefix(strings.ToLower(n), "*"); ok {
			for _, has := range leaf.DNSNames {
				has = strings.ToLower(has)
				if label, ok := strings.CutSuffix(has, suffix); ok && label != "" && !strings.Contains(label, ".") {
					return nil
				}
			}
		} else if leaf.VerifyHostname(n) == nil {
			return nil
		}
	}
	return fmt.Errorf("x509: certificate is valid for %s, not for %s", strings.Join(leaf.DNSNames, ", "), strings.Join(names, ", "))
}

// dialOrigin connects, and shakes hands within the connection timeout.
func (d *dialer) dialOrigin(ctx context.Context, secure bool) (net.Conn, error) {
	if !secure {
		return d.DialContext(ctx, d.network, d.plain)
	}
	nc, err := d.DialContext(ctx, d.network, d.secure)
	if err != nil {
		return nil, err
	}
	tc := tls.Client(nc, d.tls)
	ctx, cancel := context.WithTimeout(ctx, d.connect)
	defer cancel()
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, &HandshakeError{err}
	}
	return tc, nil
}

// HandshakeError is a TLS handshake that failed.
type HandshakeError struct{ Err error }

// Error names the fault.
func (e *HandshakeError) Error() string { return "origin: tls: handshake: " + e.Err.Error() }

// Unwrap is the fault.
func (e *HandshakeError) Unwrap() error { return e.Err }

// DialContext tries attempts times, each within connect. A name that does not
// exist is not asked for again.
func (d *dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	var last error
	for try := 1; try <= d.attempts; try++ {
		c, err := d.once(ctx, network, addr)
		if err == nil {
			return c, nil
		}
		last = err
		var dns *net.DNSError
		if ctx.Err() != nil || errors.As(err, &dns) && dns.IsNotFound {
			break
		}
	}
	return nil, fmt.Errorf("origin: connect %s: %w", addr, last)
}

func (d *dialer) once(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.connect)
	defer cancel()
	c, err := d.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return socket.Wrap(c), nil
}
