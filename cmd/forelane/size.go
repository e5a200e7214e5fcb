// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// size reads a number of bytes: 1048576, 512KiB, 256MiB, 2GiB, or with the
// decimal units KB, MB and GB.
func size(s string) (int64, error) {
	units := []struct {
		suffix string
		bytes  float64
	}{
		{"KiB", 1 << 10},
		{"MiB", 1 << 20},
		{"GiB", 1 << 30},
		{"TiB", 1 << 40},
		{"KB", 1e3},
		{"MB", 1e6},
		{"GB", 1e9},
		{"TB", 1e12},
		{"B", 1},
		{"", 1},
	}
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || n <= 0 || n*u.bytes > 1<<60 {
			break
		}
		return int64(n * u.bytes), nil
	}
	return 0, fmt.Errorf("%q is no size: write it as 256MiB or 2GiB", s)
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
