// SPDX-License-Identifier: Apache-2.0

package hello

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
)

// The first two come with JA3's description, the third with JA4's.
func TestE6Fingerprints(t *testing.T) {
	chrome := tls.ClientHelloInfo{
		CipherSuites: []uint16{
			0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x9c, 0x9d, 0x2f, 0x35,
		},
		Extensions: []uint16{
			0x2a2a, 0x1b, 0, 0x33, 0x10, 0x4469, 0x17, 0x2d, 0xd, 5, 0x23, 0x12, 0x2b, 0xff01, 0xb, 0xa, 0x15, 0x3a3a,
		},
		SignatureSchemes:  []tls.SignatureScheme{0x403, 0x804, 0x401, 0x503, 0x805, 0x501, 0x806, 0x601},
		SupportedVersions: []uint16{0x4a4a, tls.VersionTLS13, tls.VersionTLS12},
		SupportedProtos:   []string{"h2", "http/1.1"},
		ServerName:        "example.com",
	}
	for _, tt := range []struct {
		name           string
		hello          tls.ClientHelloInfo
		text, ja3, ja4 string
		quic           bool
	}{
		{name: "JA3 with extensions", hello: tls.ClientHelloInfo{
			SupportedVersions: []uint16{tls.VersionTLS10},
			CipherSuites:      []uint16{47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4},
			Extensions:        []uint16{0, 10, 11}, SupportedCurves: []tls.CurveID{23, 24, 25}, SupportedPoints: []uint8{0},
		}, text: "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0", ja3: "ada70206e40642a3e4461f35503241d5"},
		{name: "JA3 without extensions", hello: tls.ClientHelloInfo{
			SupportedVersions: []uint16{tls.VersionTLS10}, CipherSuites: []uint16{4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99},
		}, text: "769,4-5-10-9-100-98-3-6-19-18-99,,,", ja3: "de350869b8c85de67a350c8d186f11e6"},
		{name: "JA4 of a browser", hello: chrome, ja4: "t13d1516h2_8daaf6152771_e5627efa2ab1"},
		{name: "JA4 by QUIC", hello: chrome, quic: true, ja4: "q13d1516h2_8daaf6152771_e5627efa2ab1"},
		{name: "JA4 of nothing", hello: tls.ClientHelloInfo{}, ja4: "t00i000000_000000000000_000000000000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(ja3(&tt.hello)); tt.text != "" && got != tt.text {
				t.Errorf("text %s", got)
			}
			if got := JA3(&tt.hello); tt.ja3 != "" && got != tt.ja3 {
				t.Errorf("JA3 %s, want %s", got, tt.ja3)
			}
			if got := JA4(&tt.hello, tt.quic); tt.ja4 != "" && got != tt.ja4 {
				t.Errorf("JA4 %s, want %s", got, tt.ja4)
			}
		})
	}
}

func TestE6VersionFieldWithSupportedVersions(t *testing.T) {
	h := tls.ClientHelloInfo{Extensions: []uint16{43}, SupportedVersions: []uint16{tls.VersionTLS13}}
	if got := string(ja3(&h)); !strings.HasPrefix(got, "771,") {
		t.Error(got)
	}
}

func TestE6MarkOfARealHandshake(t *testing.T) {
	c, s := net.Pipe()
	defer c.Close()
	defer s.Close()
	var to httpmsg.TLS
	srv := tls.Server(s, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		Mark(h, false)
		return nil, net.ErrClosed // enough has been seen
	}})
	go func() {
		_ = tls.Client(c, &tls.Config{ServerName: "a.example", MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}}).Handshake()
	}()
	if err := srv.HandshakeContext(With(t.Context(), &to)); err == nil {
		t.Fatal("no error")
	}
	if len(to.JA3) != 32 || len(to.JA4) != 36 || !strings.HasPrefix(to.JA4, "t13d") || to.JA4[8:10] != "h1" {
		t.Errorf("%q %q", to.JA3, to.JA4)
	}
}
