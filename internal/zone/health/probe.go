// SPDX-License-Identifier: Apache-2.0

package health

// A probe, by "How Amazon Route 53 determines whether a health check is
// healthy":
//
//	TCP    a connection within 10 s
//	HTTP   a connection within 4 s, and within 2 s of it a status of 2xx or 3xx;
//	       redirects are not followed
//	search as HTTP, and within 2 s more the text in the first 5,120 bytes of the
//	       body
//
// Each probe makes a connection of its own. HTTPS takes any certificate.

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
)

const (
	connectTime  = 4 * time.Second
	responseTime = 2 * time.Second
	tcpTime      = 10 * time.Second
	searchIn     = 5120
)

// agent is the User-Agent of probes.
const agent = "Forelane-Health-Check"

// probe asks once; nil: the endpoint is healthy.
func (c *Checks) probe(ctx context.Context, m *model.HealthCheck) error {
	if m.Kind == model.HealthTCP {
		ctx, cancel := context.WithTimeout(ctx, tcpTime)
		defer cancel()
		nc, err := c.connect(ctx, m)
		if err != nil {
			return err
		}
		return nc.Close()
	}
	if c.o.Inside != nil && !m.Address.IsValid() {
		if rt := c.o.Inside(strings.ToLower(m.Host)); rt != nil {
			return c.ask(ctx, m, rt, func() {})
		}
	}
	first, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	nc, err := c.connect(first, m)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer nc.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	once := &http.Transport{
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 32 << 10,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return nc, nil },
	}
	if m.Kind == model.HealthHTTPS {
		conf := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10} //nolint:gosec // row R2: certificates are not validated
		if m.SNI && m.Host != "" {
			conf.ServerName = m.Host
		}
		once.DialTLSContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			tc := tls.Client(nc, conf)
			return tc, tc.HandshakeContext(ctx)
		}
	}
	defer once.CloseIdleConnections()
	return c.ask(ctx, m, once, func() { _ = nc.Close() })
}

// connect connects to the address of the check, or that of its name.
func (c *Checks) connect(ctx context.Context, m *model.HealthCheck) (net.Conn, error) {
	to := m.Address
	if !to.IsValid() {
		var err error
		if to, err = netip.ParseAddr(m.Host); err != nil {
			all, err := c.o.Resolve(ctx, m.Host)
			if err != nil {
				return nil, err
			}
			if len(all) == 0 {
				return nil, fmt.Errorf("%s has no address", m.Host)
			}
			to = all[0]
		}
	}
	return c.o.Dial(ctx, "tcp", netip.AddrPortFrom(to.Unmap(), uint16(m.Port)).String())
}

// ask sends the request and judges the answer; cut ends a connection that is
// late.
func (c *Checks) ask(ctx context.Context, m *model.HealthCheck, rt http.RoundTripper, cut func()) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(responseTime, func() {
		cancel(errLate)
		cut()
	})
	defer late.Stop()
	scheme := strings.ToLower(m.Kind.String())
	host := m.Host
	if host == "" {
		host = m.Address.String()
		if m.Address.Is6() {
			host = "[" + host + "]"
		}
	}
	if m.Port != 80 && scheme == "http" || m.Port != 443 && scheme == "https" {
		host += ":" + strconv.Itoa(m.Port)
	}
	path := m.Path
	if path == "" {
		path = "/"
	}
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+host+path, nil)
	if err != nil {
		return err
	}
	rq.Header.Set("User-Agent", agent)
	rs, err := rt.RoundTrip(rq)
	if err != nil {
		return because(ctx, err)
	}
	defer rs.Body.Close()
	if rs.StatusCode < 200 || rs.StatusCode > 399 {
		return fmt.Errorf("status %d", rs.StatusCode)
	}
	if m.Search == "" {
		return nil
	}
	late.Reset(responseTime)
	b := make([]byte, searchIn)
	n, err := io.ReadFull(rs.Body, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return because(ctx, err)
	}
	if !bytes.Contains(b[:n], []byte(m.Search)) {
		return fmt.Errorf("%q is not in the first %d bytes", m.Search, searchIn)
	}
	return nil
}

var errLate = errors.New("no answer in time")

func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
