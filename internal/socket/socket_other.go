// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package socket

import "net"

// Wrap is c.
func Wrap(c net.Conn) net.Conn { return c }
