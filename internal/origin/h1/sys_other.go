// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package h1

// Elsewhere everything goes through net.Conn.

type sysCall struct{}

func (c *conn) system() {}

func (c *conn) direct() bool { return false }

func (c *conn) turn([]byte, bool) error { return errStale }

func (c *conn) quiet() bool { return true }
