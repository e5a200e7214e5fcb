// SPDX-License-Identifier: Apache-2.0

// Package tunlink is a part of the test kit: network namespaces that links with
// a delay join, on one machine, without tc and netem.
//
// The flow: (1) New says whether namespaces can be made here; (2) Add makes one
// with a TUN device whose address is in 10.0.0.0/8; (3) the Net reads the
// packets of all devices and writes each to the device of its destination after
// the delay of the two (Delay), or drops it (Cut); (4) Start runs a program in a
// namespace, Dial and Do use it from the test's own process; (5) Close removes
// everything.
//
// It needs CAP_NET_ADMIN and /dev/net/tun: root, or a user namespace (Again
// runs a test once more in one).
//
// What it does not do: no loss, no bandwidth, no IPv6. Only tests import it, on
// Linux. A Net may be used by many at once.
package tunlink
