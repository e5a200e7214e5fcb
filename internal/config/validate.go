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
	if n.Listen.HTTP == "" && n.Listen.HTTPS == "" && (n.Is(RoleEdge) || n.Is(RoleGateway)) {
		add("listen", "give http or https an address", "the node has nothing to listen on for viewers")
	}
	if n.Listen.PerAddress > 0 && n.Listen.Connections > 0 && n.Listen.PerAddress > n.Listen.Connections {
		add("listen.connectionsPerAddress", "", "one address may have more connections than all together")
	}
	if n.Listen.HTTPS != "" && !n.TLS.LocalAuthority && len(n.TLS.Certificates) == 0 {
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

// validateRoles refuses what is not built, or cannot work.
func (n *Node) validateRoles(add complain) {
	switch {
	case len(n.Roles) > 0 && n.Is(RoleDNS):
		add("roles", "leave it out", "role dns is not built yet")
	case n.Is(RoleEdge) && !n.Is(RoleGateway):
		add("roles", "add gateway and function", "an edge without a gateway is not built yet: what an API says of who asked (whether its answer may be shared) does not leave the process")
	case n.Is(RoleGateway) != n.Is(RoleFunction):
		add("roles", "give a node both, or neither", "gateway and function run on the same node: functions are called within the process")
	case n.Is(RoleControl) && !n.Is(RoleEdge) && !n.Is(RoleGateway):
		add("roles", "add edge or gateway", "a node that only controls is not built yet: it could not try what it deploys")
	case !n.Is(RoleEdge) && !n.Is(RoleGateway):
		add("roles", "add edge or gateway", "the node would do nothing")
	}
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
