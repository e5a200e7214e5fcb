// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

func TestE6KnownHeaders(t *testing.T) {
	x := &Exchange{edge: &Edge{}, rq: request("/a", "Accept", "a", "X-B", "b")}
	x.rq.Proto = httpmsg.HTTP2
	x.rq.Viewer.Addr = netip.MustParseAddrPort("[2001:db8::1]:443")
	x.rq.Viewer.TLS = &httpmsg.TLS{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256"}
	for name, want := range map[string]string{
		"cloudfront-viewer-address":      "2001:db8::1:443",
		"cloudfront-viewer-http-version": "2.0",
		"cloudfront-viewer-tls":          "TLSv1.3:TLS_AES_128_GCM_SHA256:fullHandshake",
		"cloudfront-forwarded-proto":     "https",
		"cloudfront-viewer-header-count": "2",
		"cloudfront-viewer-header-order": "Accept:X-B",
		"cloudfront-is-desktop-viewer":   "true",
	} {
		if got, ok := x.known(name); !ok || got != want {
			t.Errorf("%s: %q %v, want %q", name, got, ok, want)
		}
	}
	x.rq.Viewer.TLS.Resumed = true
	if got, _ := x.known("cloudfront-viewer-tls"); got != "TLSv1.3:TLS_AES_128_GCM_SHA256:sessionResumed" {
		t.Errorf("resumed: %q", got)
	}
	for _, name := range []string{"cloudfront-viewer-ja3-fingerprint", "cloudfront-viewer-ja4-fingerprint"} {
		if v, ok := x.known(name); ok {
			t.Errorf("%s: %q before it was computed", name, v)
		}
	}
	x.rq.Viewer.TLS.JA3, x.rq.Viewer.TLS.JA4 = "3", "4"
	if v, _ := x.known("cloudfront-viewer-ja3-fingerprint"); v != "3" {
		t.Errorf("JA3: %q", v)
	}
	if v, _ := x.known("cloudfront-viewer-ja4-fingerprint"); v != "4" {
		t.Errorf("JA4: %q", v)
	}
	x.rq.Viewer = httpmsg.Viewer{}
	for _, name := range []string{"cloudfront-viewer-ja3-fingerprint", "cloudfront-viewer-address", "cloudfront-viewer-tls", "cloudfront-viewer-country", "cloudfront-viewer-city"} {
		if v, ok := x.known(name); ok {
			t.Errorf("%s: %q, want none", name, v)
		}
	}
	for range 1000 {
		x.rq.Header.Add("X-Long-Header-Name", "v")
	}
	if v, _ := x.known("cloudfront-viewer-header-order"); len(v) > 7680 || !strings.HasPrefix(v, "Accept:X-B:X-Long") {
		t.Errorf("order of %d characters", len(v))
	}
}

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
