// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/cluster"
	"github.com/forelane/forelane/internal/config"
	"github.com/forelane/forelane/internal/peer"
	"github.com/forelane/forelane/internal/server"
)

// peersOf are the other nodes of the region; nil without any.
func peersOf(c *config.Node, applied func() uint64) (*server.Peers, error) {
	if c.Peers.Listen == "" && len(c.Peers.Gateways) == 0 {
		return nil, nil
	}
	id, err := peer.LoadIdentity(c.Peers.Certificate, c.Peers.Key, c.Peers.Authority)
	if err != nil {
		return nil, err
	}
	p := &server.Peers{Self: c.Name, Listen: c.Peers.Listen, Identity: id, Applied: applied}
	if len(c.Peers.Nodes) > 0 {
		p.Members = membersOf(c.Peers.Nodes)
	}
	if len(c.Peers.Gateways) > 0 {
		p.Gateways = membersOf(c.Peers.Gateways)
	}
	return p, nil
}

func membersOf(nodes map[string]string) (all peer.Static) {
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		all = append(all, peer.Node{Name: name, Addr: nodes[name]})
	}
	return all
}

// nodeName makes a host's name that of a node: its first part.
func nodeName(host string) string {
	host, _, _ = strings.Cut(host, ".")
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, host)
}

// openCluster opens the node's place in its cluster.
func openCluster(c *config.Node, o *server.Options) (*cluster.Cluster, error) {
	cc := cluster.Config{
		Dir: filepath.Join(c.Data, "cluster"), Node: c.Name, Listen: c.Cluster.Listen, Routes: c.Cluster.Routes,
		Replicas: c.Cluster.Replicas, URL: c.Cluster.URL, Credentials: c.Cluster.Credentials, Name: c.Cluster.Name,
		Tenure: c.Cluster.Tenure, Entries: c.Cluster.Entries, Log: o.Log,
	}
	if c.Cluster.SecretFile != "" {
		s, err := config.Secret(c.Cluster.SecretFile)
		if err != nil {
			return nil, wrong(fmt.Errorf("cluster.secretFile: %w", err))
		}
		cc.Secret = []byte(s)
		mac := hmac.New(sha256.New, cc.Secret) // nothing that is shown is made of the secret itself
		_, _ = mac.Write([]byte("API keys"))   // never fails
		o.KeySecret = mac.Sum(nil)
	}
	if c.Cluster.Credentials != "" {
		if err := config.Private(c.Cluster.Credentials); err != nil {
			return nil, wrong(fmt.Errorf("cluster.credentialsFile: %w", err))
		}
	}
	if c.Cluster.Authority != "" {
		pem, err := os.ReadFile(c.Cluster.Authority)
		if err != nil {
			return nil, wrong(fmt.Errorf("cluster.authorityFile: %w", err))
		}
		cc.Roots = x509.NewCertPool()
		if !cc.Roots.AppendCertsFromPEM(pem) {
			return nil, wrong(fmt.Errorf("cluster.authorityFile: %s holds no certificate (PEM)", c.Cluster.Authority))
		}
	}
	if cc.Node == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, err
		}
		cc.Node = nodeName(host)
	}
	if err := os.MkdirAll(cc.Dir, 0o700); err != nil {
		return nil, err
	}
	return cluster.Open(cc)
}
