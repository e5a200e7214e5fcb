// SPDX-License-Identifier: Apache-2.0

package known

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

func TestE6KnownHeaders(t *testing.T) {
	rq := &httpmsg.Request{Scheme: "https", Proto: httpmsg.HTTP2}
	rq.Header.Add("Accept", "a")
	rq.Header.Add("X-B", "b")
	x := Viewer{Request: rq}
	rq.Viewer.Addr = netip.MustParseAddrPort("[2001:db8::1]:443")
	rq.Viewer.TLS = &httpmsg.TLS{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256"}
	for name, want := range map[string]string{
		"cloudfront-viewer-address":      "2001:db8::1:443",
		"cloudfront-viewer-http-version": "2.0",
		"cloudfront-viewer-tls":          "TLSv1.3:TLS_AES_128_GCM_SHA256:fullHandshake",
		"cloudfront-forwarded-proto":     "https",
		"cloudfront-viewer-header-count": "2",
		"cloudfront-viewer-header-order": "Accept:X-B",
		"cloudfront-is-desktop-viewer":   "true",
	} {
		if got, ok := x.Value(name); !ok || got != want {
			t.Errorf("%s: %q %v, want %q", name, got, ok, want)
		}
	}
	rq.Viewer.TLS.Resumed = true
	if got, _ := x.Value("cloudfront-viewer-tls"); got != "TLSv1.3:TLS_AES_128_GCM_SHA256:sessionResumed" {
		t.Errorf("resumed: %q", got)
	}
	for _, name := range []string{"cloudfront-viewer-ja3-fingerprint", "cloudfront-viewer-ja4-fingerprint"} {
		if v, ok := x.Value(name); ok {
			t.Errorf("%s: %q before it was computed", name, v)
		}
	}
	rq.Viewer.TLS.JA3, rq.Viewer.TLS.JA4 = "3", "4"
	if v, _ := x.Value("cloudfront-viewer-ja3-fingerprint"); v != "3" {
		t.Errorf("JA3: %q", v)
	}
	if v, _ := x.Value("cloudfront-viewer-ja4-fingerprint"); v != "4" {
		t.Errorf("JA4: %q", v)
	}
	rq.Viewer = httpmsg.Viewer{}
	for _, name := range []string{"cloudfront-viewer-ja3-fingerprint", "cloudfront-viewer-address", "cloudfront-viewer-tls", "cloudfront-viewer-country", "cloudfront-viewer-city"} {
		if v, ok := x.Value(name); ok {
			t.Errorf("%s: %q, want none", name, v)
		}
	}
	for range 1000 {
		rq.Header.Add("X-Long-Header-Name", "v")
	}
	if v, _ := x.Value("cloudfront-viewer-header-order"); len(v) > 7680 || !strings.HasPrefix(v, "Accept:X-B:X-Long") {
		t.Errorf("order of %d characters", len(v))
	}
}

func TestDevices(t *testing.T) {
	for agent, want := range map[string][]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140":                            {"desktop"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148 Safari/604": {"ios", "mobile"},
		"Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) Mobile/15E148":                     {"ios", "tablet"},
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) Mobile Safari/537":                      {"android", "mobile"},
		"Mozilla/5.0 (Linux; Android 14; SM-X700) Safari/537":                             {"android", "tablet"},
		"Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) Version/6":                              {"smarttv"},
		"curl/8.9": {"desktop"},
		"":         {"desktop"},
	} {
		v := Viewer{Request: new(httpmsg.Request)}
		v.Request.Header.Add("User-Agent", agent)
		var got []string
		for _, n := range []string{"android", "desktop", "ios", "mobile", "smarttv", "tablet"} {
			if is, _ := v.Value("cloudfront-is-" + n + "-viewer"); is == "true" {
				got = append(got, n)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", agent, got, want)
		}
	}
}

// TestEveryNameHasItsPlace: a name stands in the table once, has one source, and
// is found whatever its case.
func TestEveryNameHasItsPlace(t *testing.T) {
	seen := map[string]bool{}
	for _, h := range headers {
		if seen[strings.ToLower(h.name)] || (h.value == nil) == (h.place == nil) || !strings.HasPrefix(h.name, "CloudFront-") {
			t.Errorf("%+v", h)
		}
		seen[strings.ToLower(h.name)] = true
	}
	if got := Wanted([]string{"cloudfront-viewer-city", "cloudfront-viewer-tls", "accept", "cloudfront-viewer-ja4-fingerprint"}); !slices.Equal(got, []string{"CloudFront-Viewer-TLS", ja4, "CloudFront-Viewer-City"}) || !Fingerprint(got) || Fingerprint(got[:1]) {
		t.Errorf("%v", got)
	}
}

func TestE6Places(t *testing.T) {
	v := Viewer{Request: new(httpmsg.Request), Place: func(netip.Addr) *model.Place { return &model.Place{Country: "DE", City: "Ulm", ASN: 64496} }}
	for name, want := range map[string]string{
		"CloudFront-Viewer-Country": "DE", "cloudfront-viewer-city": "Ulm", "cloudfront-viewer-asn": "64496",
		"cloudfront-viewer-postal-code": "", "cloudfront-viewer-nothing": "",
	} {
		if got, ok := v.Value(name); got != want || ok != (want != "") {
			t.Errorf("%s: %q %v", name, got, ok)
		}
	}
}

func TestC14WhatIsShown(t *testing.T) {
	for _, tt := range []struct {
		name    string
		v       Viewer
		present string
		client  string // RFC 9440's, of an origin
	}{
		{"nobody asks", Viewer{}, "", "the viewer's"},
		{"none shown", Viewer{Asked: true}, "0", ""},
		{"one shown", Viewer{Asked: true, Shown: [][]byte{{1}}}, "1", ""},
		{"the origin verifies", Viewer{Asked: true, Passes: true, Shown: [][]byte{{1}, {2}}}, "1", ":AQ==:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := tt.v
			v.Request = new(httpmsg.Request)
			v.Request.Header.Add("CloudFront-Viewer-Cert-Subject", "CN=me, says the viewer")
			v.ShowCertificate()
			if h := &v.Request.Header; h.Get(present) != tt.present || h.Has("CloudFront-Viewer-Cert-Subject") {
				t.Errorf("%v", h.Fields())
			}
			var h httpmsg.Header
			h.Add("Client-Cert", "the viewer's")
			v.OfferCertificate(&h)
			if h.Get("Client-Cert") != tt.client {
				t.Errorf("%v", h.Fields())
			}
		})
	}
}
