// SPDX-License-Identifier: Apache-2.0

package config

import "time"

// Cluster is how the node meets the others. Without Listen, Routes and URL it
// is alone.
type Cluster struct {
	Listen      string
	Routes      []string
	SecretFile  string // required with Listen or Routes
	Replicas    int    // 0: one when alone, else three
	URL         string
	Credentials string
	Authority   string
	Name        string
	Tenure      time.Duration // 0: 10 s
	Entries     int           // 0: 10,000
}

// Alone tells whether the node meets no other.
func (c Cluster) Alone() bool { return c.Listen == "" && len(c.Routes) == 0 && c.URL == "" }

// clusterTable are the settings of the section cluster.
func clusterTable(n *Node) []setting {
	c := &n.Cluster
	return []setting{
		{key: "listen", doc: "Address on which other nodes are taken, or off.", to: &c.Listen, form: address},
		{key: "routes", doc: "Addresses of the nodes of the cluster, host:port; its own may be among them.", to: &c.Routes, form: peer},
		{key: "secretFile", doc: "File with the secret of 32 bytes or more by which the nodes know each other, and of which the values of API keys without one are made. Nobody else may read it.", to: &c.SecretFile, form: file},
		{key: "replicas", doc: "Nodes that keep the log; 0 is one when the node is alone, else three.", to: &c.Replicas},
		{key: "url", doc: "An existing NATS cluster with JetStream in place of the embedded one: tls://host:4222, or nats:// on loopback.", to: &c.URL, form: nats},
		{key: "credentialsFile", doc: "File with credentials for url (.creds). Nobody else may read it.", to: &c.Credentials, form: file},
		{key: "authorityFile", doc: "Certificates that are trusted for url, PEM; the system's when it is not given.", to: &c.Authority, form: file},
		{key: "name", doc: "Tells several clusters at one url apart (forelane).", to: &c.Name, form: name},
		{key: "tenure", doc: "How long a node may call what it has cached current after it last heard that it missed nothing; 0s is 10s. The same on all nodes.", to: &c.Tenure},
		{key: "entries", doc: "How many entries the log keeps, and a quarter more for a while; 0 is 10000. A node that was away for longer forgets what it has cached.", to: &c.Entries},
	}
}

func (n *Node) validateCluster(add complain) {
	c := n.Cluster
	embedded := c.Listen != "" || len(c.Routes) > 0
	switch {
	case c.URL != "" && embedded:
		add("cluster.url", "remove url, or listen and routes", "an existing cluster and an embedded one exclude each other")
	case embedded && c.SecretFile == "":
		add("cluster", "add cluster.secretFile", "other nodes may join, and there is no secret")
	case c.Listen == "" && len(c.Routes) > 0:
		add("cluster.routes", "add cluster.listen", "routes lead to other nodes, which cannot reach this one")
	}
	if c.URL == "" && (c.Credentials != "" || c.Authority != "") {
		add("cluster", "add cluster.url", "credentialsFile and authorityFile are for url")
	}
	if c.Listen != "" && len(c.Routes) == 0 {
		add("cluster.listen", "add cluster.routes: the addresses of all nodes", "it names no other node")
	}
	if c.Replicas > 5 || c.Replicas == 2 || c.Replicas == 4 {
		add("cluster.replicas", "1, 3 or 5", "no majority is safer by it")
	}
	if c.Replicas > 1 && c.URL == "" && !embedded {
		add("cluster.replicas", "add cluster.listen and cluster.routes", "a node that is alone keeps one replica")
	}
}
