// SPDX-License-Identifier: Apache-2.0

package config

// Peers are the other nodes of the region that this one asks, or that ask it.
type Peers struct {
	Listen      string            // empty: nobody asks this node
	Nodes       map[string]string // edges: address by name of a node; this one is among them
	Gateways    map[string]string // address by name, for an edge without a gateway
	Certificate string            // of this node, for its name
	Key         string
	Authority   string // that signs for nodes and nothing else
}

// peersTable are the settings of the section peers.
func peersTable(n *Node) []setting {
	p := &n.Peers
	return []setting{
		{key: "listen", doc: "Address for the other nodes, or off: of an edge for questions about what it has cached, of a gateway for requests of edges that have none.", to: &p.Listen, form: address},
		{key: "nodes", doc: "The edges of the region: name and host:port. A miss asks the one that owns its key, which asks the origin for all. This node is among them.", to: &p.Nodes, form: peer},
		{key: "gateways", doc: "Nodes with the role gateway, name and host:port, that an edge without it asks for APIs and function URLs.", to: &p.Gateways, form: peer},
		{key: "certificate", doc: "Certificate of this node, for its name, PEM.", to: &p.Certificate, form: file},
		{key: "key", doc: "Key of the certificate, PEM.", to: &p.Key, form: file},
		{key: "authorityFile", doc: "Certificate of the authority that signs for nodes and nothing else, PEM.", to: &p.Authority, form: file},
	}
}

func (n *Node) validatePeers(add complain) {
	p := n.Peers
	if p.Listen == "" && len(p.Nodes) > 0 {
		add("peers", "add peers.listen", "the other edges could not ask this one")
		return
	}
	if p.Listen == "" && len(p.Gateways) == 0 {
		return
	}
	switch {
	case n.Name == "":
		add("peers", "add name", "the nodes know each other by name, and this one has none")
	case !n.Is(RoleEdge) && !n.Is(RoleGateway):
		add("peers", "remove it, or add the role edge or gateway", "the node is neither edge nor gateway: nobody has anything to ask it")
	case !n.Is(RoleEdge) && len(p.Nodes)+len(p.Gateways) > 0:
		add("peers", "remove nodes and gateways, or add the role edge", "the node is no edge: it asks no other node")
	case len(p.Nodes) > 0 && p.Nodes[n.Name] == "":
		add("peers.nodes", "add "+n.Name, "this node is not among them")
	case len(p.Gateways) > 0 && n.Is(RoleGateway):
		add("peers.gateways", "remove it, or leave the role gateway out", "the node answers for APIs itself")
	case p.Listen != "" && !n.Is(RoleGateway) && len(p.Nodes) == 0:
		add("peers.nodes", "add the edges of the region, or listen: off", "other edges do not ask an edge that names none")
	}
	if p.Certificate == "" || p.Key == "" || p.Authority == "" {
		add("peers", "add certificate, key and authorityFile", "nodes speak TLS and show each other who they are")
	}
}
