// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"testing"

	"github.com/forelane/forelane/internal/model"
)

func TestK13Origins(t *testing.T) {
	for _, tt := range []struct {
		allowed, origin string
		want            string
	}{
		{"*", "https://a.test", "*"},
		{"https://a.test", "https://a.test", "https://a.test"},
		{"https://a.test", "http://a.test", ""},
		{"a.test", "http://a.test", "http://a.test"},
		{"https://*.a.test", "https://x.a.test", "https://x.a.test"},
		{"https://*.a.test", "https://a.test", ""},
		{"*.a.test", "https://x.y.a.test", "https://x.y.a.test"},
		{"https://a.test:8443", "https://a.test:8443", "https://a.test:8443"},
		{"https://a.test", "https://a.test.evil", ""},
		{"*.a.test", "https://evila.test", ""},
		{"https://A.test", "https://a.TEST", "https://a.TEST"},
		{"null", "null", "null"},
		{"a.test", "null", ""},
	} {
		if got := corsOrigin(&model.PolicyCORS{AllowOrigins: []string{tt.allowed}}, tt.origin); got != tt.want {
			t.Errorf("%s with %s: %q, want %q", tt.allowed, tt.origin, got, tt.want)
		}
	}
}
