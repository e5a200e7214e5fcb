// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/forelane/forelane/internal/config"
)

// size reads a number of bytes: 1048576, 512KiB, 256MiB, 2GiB, or with the
// decimal units KB, MB and GB.
func size(s string) (int64, error) {
	n, err := config.ParseSize(s)
	return int64(n), err
}

// apiLimit is the limit of all APIs together as a server takes it.
func (f *upFlags) apiLimit() (rate float64, burst int, err error) {
	switch {
	case f.apiRate == 0:
		return -1, -1, nil
	case f.apiRate > 0 && f.apiBurst > 0:
		return f.apiRate, f.apiBurst, nil
	}
	return 0, 0, errors.New("--api-rate and --api-burst: give numbers above zero; --api-rate 0 is no limit")
}
