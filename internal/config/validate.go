// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"net"
	"net/netip"
	"strings"
)

// Validate tells what does not go together. It names all of it.
func (n *Node) Validate() error {
	var errs []error
	add := func(path, mend, msg string) { errs = append(errs, n.wrong(path, mend, "%s", msg)) }
	if n.Data == "" {
		add("data", "say where the node keeps its state: data: /var/lib/forelane", "it is not set")
	}
	n.validateRoles(add)
	n.validateAdmin(add)
	if n.Listen.HTTP == "" && n.Listen.HTTPS == "" && (n.Is(RoleEdge) || n.Is(RoleGateway) && n.Peers.Listen == "") {
		add("listen", "give http or https an address", "the node has nothing to listen on for viewers")
	}
	if n.Listen.PerAddress > 0 && n.Listen.Connections > 0 && n.Listen.PerAddress > n.Listen.Connections {
		add("listen.connectionsPerAddress", "", "one address may have more connections than all together")
	}
	if n.Listen.HTTPS != "" && n.Viewers() && !n.TLS.LocalAuthority && len(n.TLS.Certificates) == 0 {
		add("tls", "name certificates, or leave localAuthority on", "HTTPS has no certificate")
	}
	if n.API.Rate > 0 && n.API.Burst < 1 {
		add("api.burst", "give a number above zero; rate: 0 is no limit", "no request would pass")
	}
	if n.Cache.Memory <= 0 {
		add("cache.memory", "write it as 256MiB", "the cache needs memory")
	}
	n.validateCluster(add)
	n.validatePeers(add)
	return errors.Join(errs...)
}

type complain func(path, mend, msg string)

// validateRoles refuses what cannot work. Without roles a node has all there are
// that its settings give a place: it answers for zones where it listens for them.
func (n *Node) validateRoles(add complain) {
	given := len(n.Roles) > 0
	if n.Is(RoleGateway) != n.Is(RoleFunction) {
		add("roles", "give a node both, or neither", "gateway and function run on the same node: functions are called within the process")
	}
	if given && n.Is(RoleDNS) && n.DNS.Listen == "" {
		add("roles", "add dns.listen", "the role dns has no address for questions")
	}
	if !n.Is(RoleDNS) && n.DNS.Listen != "" {
		add("dns.listen", "add the role dns, or remove it", "the node does not have the role dns")
	}
	if n.Viewers() {
		return
	}
	if given && n.Is(RoleDNS) && len(n.DNS.Addresses) == 0 {
		add("roles", "add dns.addresses: where viewers reach the edges", "the node has no listener for viewers of its own, whose address an alias could be answered with")
	}
	for _, path := range []string{"listen.http", "listen.https", "listen.tunnel", "listen.endpoint"} {
		if n.at[path].Line != 0 && n.valueOf(path) != "" {
			add(path, "remove it, or add the role edge or gateway", "the node has nothing for viewers")
		}
	}
}

// Viewers tells whether viewers are listened for.
func (n *Node) Viewers() bool { return n.Is(RoleEdge) || n.Is(RoleGateway) }

func (n *Node) valueOf(path string) string {
	l := &n.Listen
	return map[string]string{"listen.http": l.HTTP, "listen.https": l.HTTPS, "listen.tunnel": l.Tunnel, "listen.endpoint": l.Endpoint}[path]
}

// validateAdmin keeps the admin side from being reached by strangers.
func (n *Node) validateAdmin(add complain) {
	a := n.Admin
	if a.Key != "" && a.Certificate == "" {
		add("admin.key", "add admin.certificate", "a key without its certificate")
	}
	if a.Listen == "" || Loopback(a.Listen) {
		return
	}
	if a.TokenFile == "" {
		add("admin.listen", "add admin.tokenFile, or listen on 127.0.0.1", a.Listen+" is reached from other machines, and there is no token")
	}
	if a.Certificate == "" {
		add("admin.listen", "add admin.certificate, or listen on 127.0.0.1", a.Listen+" is reached from other machines, and there is no TLS")
	}
}

// Loopback tells whether an address to listen on is reached from this machine
// only.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
