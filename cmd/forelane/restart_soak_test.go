// SPDX-License-Identifier: Apache-2.0

//go:build soak

package main

import (
	"testing"
	"time"
)

// TestSoakRestarts: 20 reloads and 5 restarts under load.
func TestSoakRestarts(t *testing.T) { underLoad(t, 5, 4, 4) }

// TestSoakFloods: two thousand hostile viewers, of each kind alone and of all
// kinds at once.
func TestSoakFloods(t *testing.T) {
	t.Run("all", func(t *testing.T) { besiege(t, 2000, "all", 40*time.Second) })
	for _, k := range hostiles {
		t.Run(k.name, func(t *testing.T) { besiege(t, 2000, k.name, 12*time.Second) })
	}
}
