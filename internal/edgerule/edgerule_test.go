// SPDX-License-Identifier: Apache-2.0

package edgerule

import "testing"

func TestDisallowed(t *testing.T) {
	for name, want := range map[string]bool{
		"connection": true, "x-edge-location": true, "x-amz-cf-id": true, "x-real-ip": true, "x-cache": true,
		"x-edge": false, "x-amz-cf": false, "via": false, "host": false, "x-forwarded-for": false,
	} {
		if got := Disallowed(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTexts(t *testing.T) {
	for _, tt := range []struct{ name, got, want string }{
		{"canonical", Canonical("x-my-header"), "X-My-Header"},
		{"canonical keeps capitals", Canonical("ETag"), "ETag"},
		{"path", EscapePath("/a b/ü?"), "/a%20b/%C3%BC%3F"},
		{"plain path", EscapePath("/a%20b"), "/a%20b"},
		{"latin 1", UTF8("caf\xe9"), "café"},
		{"utf-8", UTF8("café"), "café"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	for q, want := range map[string]bool{"a=b&c": false, "a=b c": true, "a#b": true, "a\x00": true, "": false} {
		if BadQuery(q) != want {
			t.Errorf("%q: %v", q, !want)
		}
	}
}
