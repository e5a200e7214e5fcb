// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
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
	tls      *tls.Config
}

func newDialer(o *model.Origin, opt Options) *dialer {
	dial := opt.Dial
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	}
	return &dialer{
		dial: dial, connect: or(o.Connect, 10*time.Second), attempts: or(o.Attempts, 3),
		plain:  net.JoinHostPort(o.DomainName, port(o.HTTPPort, 80)),
		secure: net.JoinHostPort(o.DomainName, port(o.HTTPSPort, 443)),
		tls:    tlsConfig(o, &opt),
	}
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

// dialOrigin connects, and shakes hands within the connection timeout.
func (d *dialer) dialOrigin(ctx context.Context, secure bool) (net.Conn, error) {
	if !secure {
		return d.DialContext(ctx, "tcp", d.plain)
	}
	nc, err := d.DialContext(ctx, "tcp", d.secure)
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
