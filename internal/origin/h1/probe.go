// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"errors"
	"os"
	"time"
)

// A connection that rested is looked at before it is used again. One that the
// origin has closed is of no use; one on which the origin spoke unasked is
// dangerous: its words would be taken for the answer to the next request.
//
// On a cleartext socket (sys_unix.go) the look is a read that finds nothing,
// done together with the write of the request. Elsewhere it is a read that may
// not wait; of TLS the socket is looked at besides, without taking anything.

// alive tells whether a connection that rested is open and silent.
func (c *conn) alive() bool {
	if !c.quiet() {
		return false
	}
	if err := c.nc.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return false
	}
	n, err := c.nc.Read(c.spare[:])
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}
