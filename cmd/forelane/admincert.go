// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"crypto/tls"
	"os"
	"sync"
	"time"
)

// fileCertificate is the certificate of the admin side. A handshake looks
// whether its files are newer, so that a renewed one is used; one that cannot
// be read leaves the one before.
type fileCertificate struct {
	cert, key string

	mu   sync.Mutex
	at   time.Time
	last *tls.Certificate
}

// check reads the files.
func (c *fileCertificate) check() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.load()
}

func (c *fileCertificate) load() error {
	fi, err := os.Stat(c.cert)
	if err != nil {
		return err
	}
	if c.last != nil && fi.ModTime().Equal(c.at) {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, cmp.Or(c.key, c.cert))
	if err != nil {
		return err
	}
	c.last, c.at = &pair, fi.ModTime()
	return nil
}

func (c *fileCertificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if err := c.load(); err != nil && c.last == nil {
			return nil, err
		}
		return c.last, nil
	}}
}
