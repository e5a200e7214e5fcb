// SPDX-License-Identifier: Apache-2.0

// Package hello tells viewers apart by how their TLS greets: the JA3 and JA4
// fingerprints of a ClientHello.
//
// The flow: (1) the server puts the httpmsg.TLS of a connection into the
// context of its handshake (With); (2) the configuration that SNI chose asks
// for fingerprints when some behavior wants them, and Mark writes them there.
// A connection that nobody asks about costs nothing.
//
// What it does not do: it sees what crypto/tls parsed and not the bytes. The
// version field of the ClientHello is not among that; it is derived, and can
// differ from the bytes only for a viewer that puts another version there than
// its supported_versions extension permits (RFC 8446 4.1.2 wants 0x0303).
//
// Concurrency: pure functions; Mark writes before the handshake ends.
package hello

import (
	"context"
	"crypto/md5" //nolint:gosec // JA3 is defined with MD5; nothing is protected by it
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"github.com/forelane/forelane/internal/httpmsg"
)

// Extensions that the fingerprints treat apart (IANA's numbers).
const (
	extServerName        = 0
	extALPN              = 16
	extSupportedVersions = 43
)

// key of a context's *httpmsg.TLS.
type key struct{}

// With makes a handshake's context carry where its fingerprints go.
func With(ctx context.Context, t *httpmsg.TLS) context.Context {
	return context.WithValue(ctx, key{}, t)
}

// From is what With gave, or nil.
func From(ctx context.Context) *httpmsg.TLS {
	t, _ := ctx.Value(key{}).(*httpmsg.TLS)
	return t
}

// Mark writes the fingerprints of h to what With gave, if anything. quic says
// that the ClientHello came by QUIC.
func Mark(h *tls.ClientHelloInfo, quic bool) {
	if t := From(h.Context()); t != nil {
		t.JA3, t.JA4 = JA3(h), JA4(h, quic)
	}
}

// grease tells the values that a viewer sends only so that servers stay
// tolerant (RFC 8701); they differ from connection to connection.
func grease(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// JA3 is 32 hexadecimal digits: the MD5 of version, cipher suites, extensions,
// curves and point formats, in the viewer's order and without GREASE.
func JA3(h *tls.ClientHelloInfo) string {
	sum := md5.Sum(ja3(h)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

func ja3(h *tls.ClientHelloInfo) []byte {
	b := strconv.AppendUint(make([]byte, 0, 256), uint64(legacyVersion(h)), 10)
	b = appendList(append(b, ','), h.CipherSuites)
	b = appendList(append(b, ','), h.Extensions)
	b = appendList(append(b, ','), h.SupportedCurves)
	return appendList(append(b, ','), h.SupportedPoints)
}

func appendList[T ~uint8 | ~uint16](b []byte, list []T) []byte {
	first := true
	for _, v := range list {
		if grease(uint16(v)) {
			continue
		}
		if !first {
			b = append(b, '-')
		}
		first = false
		b = strconv.AppendUint(b, uint64(v), 10)
	}
	return b
}

// legacyVersion is the version field of a ClientHello: 1.2 when the extension
// tells the versions, else the highest, which crypto/tls took from the field.
func legacyVersion(h *tls.ClientHelloInfo) uint16 {
	if slices.Contains(h.Extensions, extSupportedVersions) {
		return tls.VersionTLS12
	}
	return newest(h)
}

func newest(h *tls.ClientHelloInfo) uint16 {
	var v uint16
	for _, s := range h.SupportedVersions {
		if !grease(s) {
			v = max(v, s)
		}
	}
	return v
}

// JA4 is 36 characters: what can be read (transport, version, SNI, counts,
// ALPN), a digest of the sorted cipher suites, and one of the sorted
// extensions with the signature algorithms in the viewer's order.
func JA4(h *tls.ClientHelloInfo, quic bool) string {
	suites, extensions := without(h.CipherSuites), without(h.Extensions)
	transport, sni := 't', 'i'
	if quic {
		transport = 'q'
	}
	if slices.Contains(extensions, extServerName) {
		sni = 'd'
	}
	head := fmt.Sprintf("%c%s%c%02d%02d%s", transport, ja4Version(newest(h)), sni,
		min(len(suites), 99), min(len(extensions), 99), ja4ALPN(h.SupportedProtos))
	slices.Sort(suites)
	extensions = slices.DeleteFunc(extensions, func(e uint16) bool { return e == extServerName || e == extALPN })
	slices.Sort(extensions)
	tail := appendHex(nil, extensions)
	if len(h.SignatureSchemes) > 0 && len(tail) > 0 {
		schemes := make([]uint16, len(h.SignatureSchemes))
		for i, s := range h.SignatureSchemes {
			schemes[i] = uint16(s)
		}
		tail = appendHex(append(tail, '_'), without(schemes))
	}
	return head + "_" + digest12(appendHex(nil, suites)) + "_" + digest12(tail)
}

func ja4Version(v uint16) string {
	switch v {
	case tls.VersionTLS13:
		return "13"
	case tls.VersionTLS12:
		return "12"
	case tls.VersionTLS11:
		return "11"
	case tls.VersionTLS10:
		return "10"
	case 0x0300:
		return "s3"
	}
	return "00"
}

// ja4ALPN is the first and the last character of the first protocol, or of its
// hexadecimal form when one of them is no letter or digit.
func ja4ALPN(protos []string) string {
	if len(protos) == 0 || protos[0] == "" {
		return "00"
	}
	p := protos[0]
	if !alnum(p[0]) || !alnum(p[len(p)-1]) {
		p = hex.EncodeToString([]byte(p))
	}
	return string([]byte{p[0], p[len(p)-1]})
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// without copies a list and leaves GREASE out.
func without(list []uint16) []uint16 {
	out := make([]uint16, 0, len(list))
	for _, v := range list {
		if !grease(v) {
			out = append(out, v)
		}
	}
	return out
}

func appendHex(b []byte, list []uint16) []byte {
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "%04x", v)
	}
	return b
}

func digest12(b []byte) string {
	if len(b) == 0 {
		return "000000000000"
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}
