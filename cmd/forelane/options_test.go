// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"testing"
)

func TestPrefixes(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"10.1.2.3/8", "[10.0.0.0/8]"},
		{"192.0.2.1", "[192.0.2.1/32]"},
		{"2001:db8::1", "[2001:db8::1/128]"},
		{"2001:db8::/32", "[2001:db8::/32]"},
		{"::ffff:10.0.0.0/104", ""},
		{"fe80::1%eth0", ""},
		{"10.0.0.0/33", ""},
		{"balancer.example", ""},
		{"", ""},
	} {
		got, err := prefixes("x", []string{tt.in})
		if (err == nil) != (tt.want != "") || err == nil && fmt.Sprint(got) != tt.want {
			t.Errorf("%q: %v %v", tt.in, got, err)
		}
	}
}
