// SPDX-License-Identifier: Apache-2.0

package config

// Peers are the other edges of the region. Without Listen there are none.
type Peers struct {
	Listen      string
	Nodes       map[string]string // address by name of a node; this one is among them
	Certificate string            // of this node, for its name
	Key         string
	Authority   string // that signs for nodes and nothing else
}

// peersTable are the settings of the section peers.
func peersTable(n *Node) []setting {
	p := &n.Peers
	return []setting{
		{key: "listen", doc: "Address for the other edges, or off.", to: &p.Listen, form: address},
		{key: "nodes", doc: "The edges of the region: name and host:port. This node is among them.", to: &p.Nodes, form: peer},
		{key: "certificate", doc: "Certificate of this node, for its name, PEM.", to: &p.Certificate, form: file},
		{key: "key", doc: "Key of the certificate, PEM.", to: &p.Key, form: file},
		{key: "authorityFile", doc: "Certificate of the authority that signs for nodes and nothing else, PEM.", to: &p.Authority, form: file},
	}
}

func (n *Node) validatePeers(add complain) {
	p := n.Peers
	if p.Listen == "" {
		if len(p.Nodes) > 0 {
			add("peers", "add peers.listen", "the other edges could not ask this one")
		}
		return
	}
	switch {
	case !n.Is(RoleEdge):
		add("peers", "remove it, or add the role edge", "the node is no edge")
	case n.Name == "":
		add("peers", "add name", "the peers know each other by name, and the node has none")
	case p.Nodes[n.Name] == "":
		add("peers.nodes", "add "+n.Name, "this node is not among them")
	}
	if p.Certificate == "" || p.Key == "" || p.Authority == "" {
		add("peers", "add certificate, key and authorityFile", "nodes speak TLS and show each other who they are")
	}
}
