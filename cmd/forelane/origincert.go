// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"crypto/tls"
	"errors"
	"os"
	"strings"
	"sync"
	"time"
)

// originCerts reads what --origin-cert names, and gives it by ARN. Nil without.
func originCerts(values []string) (func(arn string) (*tls.Certificate, error), error) {
	if len(values) == 0 {
		return nil, nil
	}
	byARN := map[string]*clientCert{}
	files, err := pairs("origin-cert", values)
	if err != nil {
		return nil, err
	}
	for arn, names := range files {
		cert, key, _ := strings.Cut(names, ",")
		c := &clientCert{cert: cert, key: cmp.Or(key, cert)}
		if _, err := c.get(); err != nil {
			return nil, err
		}
		byARN[arn] = c
	}
	return func(arn string) (*tls.Certificate, error) {
		if c := byARN[arn]; c != nil {
			return c.get()
		}
		return nil, nil
	}, nil
}

// clientCert is a certificate in files. Whether they have changed is looked at
// once a second at most; files that do not fit together (one is written, the
// other not yet) leave the certificate of before.
type clientCert struct {
	cert, key string

	mu     sync.Mutex
	now    *tls.Certificate
	looked time.Time
	mod    [2]time.Time
}

func (c *clientCert) get() (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != nil && time.Since(c.looked) < time.Second {
		return c.now, nil
	}
	c.looked = time.Now()
	a, err1 := os.Stat(c.cert)
	b, err2 := os.Stat(c.key)
	if err := errors.Join(err1, err2); err != nil {
		if c.now != nil {
			return c.now, nil
		}
		return nil, err
	}
	mod := [2]time.Time{a.ModTime(), b.ModTime()}
	if c.now != nil && mod == c.mod {
		return c.now, nil
	}
	next, err := tls.LoadX509KeyPair(c.cert, c.key)
	switch {
	case err == nil:
		c.now, c.mod = &next, mod
	case c.now == nil:
		return nil, err
	}
	return c.now, nil
}
