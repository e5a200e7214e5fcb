// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The defaults of Config.
const (
	defaultName   = "forelane"
	defaultTenure = 10 * time.Second
	minTenure     = time.Second
	minSecret     = 32
)

// check fills in defaults and refuses what must not be.
func (c *Config) check() error {
	if c.Dir == "" {
		return errors.New("cluster: Dir is required")
	}
	if c.Name == "" {
		c.Name = defaultName
	}
	if c.Tenure == 0 {
		c.Tenure = defaultTenure
	}
	if c.Tenure < minTenure {
		return fmt.Errorf("cluster: a tenure of %v is too short: %v or more", c.Tenure, minTenure)
	}
	if c.Entries < 0 {
		return errors.New("cluster: the log keeps one entry at least")
	}
	if c.Entries == 0 {
		c.Entries = defaultEntries
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if !word(c.Name) || c.Node != "" && !word(c.Node) {
		return fmt.Errorf("cluster: names have letters, digits, - and _, up to 64: not %q, %q", c.Name, c.Node)
	}
	if c.Replicas == 0 {
		c.Replicas = 1
		if c.Listen != "" || c.URL != "" {
			c.Replicas = 3
		}
	}
	if c.Replicas != 1 && c.Replicas != 3 && c.Replicas != 5 {
		return fmt.Errorf("cluster: %d replicas: 1, 3 or 5", c.Replicas)
	}
	if c.URL != "" {
		return c.checkURL()
	}
	return c.checkListen()
}

func (c *Config) checkListen() error {
	if c.Listen == "" {
		if len(c.Routes) > 0 {
			return errors.New("cluster: routes without an address to listen on")
		}
		if c.Replicas != 1 {
			return errors.New("cluster: a server that is alone has one replica")
		}
		return nil
	}
	if len(c.Secret) < minSecret {
		return fmt.Errorf("cluster: nodes that meet over the network need a secret of %d bytes or more", minSecret)
	}
	for _, a := range append([]string{c.Listen}, c.Routes...) {
		if _, _, err := net.SplitHostPort(a); err != nil {
			return fmt.Errorf("cluster: address %q: %w", a, err)
		}
	}
	if len(c.Routes) == 0 {
		return errors.New("cluster: routes must name the other nodes")
	}
	return nil
}

// checkURL refuses to send credentials and deploys in clear.
func (c *Config) checkURL() error {
	if c.Listen != "" || len(c.Routes) > 0 {
		return errors.New("cluster: either a URL to join, or an address to listen on")
	}
	for s := range strings.SplitSeq(c.URL, ",") {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil {
			return fmt.Errorf("cluster: the URL to join cannot be read") // it may have a password in it
		}
		addr, err := netip.ParseAddr(u.Hostname())
		local := u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
		switch {
		case u.Scheme == "tls", u.Scheme == "nats" && local:
		case u.Scheme == "nats":
			return fmt.Errorf("cluster: %s: beyond this machine only tls://, never nats://", u.Host)
		default:
			return fmt.Errorf("cluster: %s: the scheme is tls or nats, not %q", u.Host, u.Scheme)
		}
	}
	return nil
}

// word tells whether s can be part of a subject and a name of a stream.
func word(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, b := range []byte(s) {
		if (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && (b < '0' || b > '9') && b != '-' && b != '_' {
			return false
		}
	}
	return true
}

// nodeName reads the node's name from its folder, or makes one.
func nodeName(dir string) (string, error) {
	file := filepath.Join(dir, "node")
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		name := "node-" + randomHex(6)
		return name, writeWhole(file, []byte(name+"\n"))
	}
	name := strings.TrimSpace(string(b))
	if err == nil && !word(name) {
		err = fmt.Errorf("cluster: %s has no name of a node", file)
	}
	return name, err
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// writeWhole replaces a file that nobody ever sees half of.
func writeWhole(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(b); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
