// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package viewer

import (
	"net"
	"time"
)

// roundTripTime is not known here.
func roundTripTime(net.Conn) (time.Duration, bool) { return 0, false }
