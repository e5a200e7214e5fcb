// SPDX-License-Identifier: Apache-2.0

package viewer

import (
	"crypto/tls"
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
)

// shaken writes what requests tell of their connection's handshake.
func shaken(t *httpmsg.TLS, st tls.ConnectionState) {
	t.Version, t.Cipher = tlsVersion(st.Version), opensslName(st.CipherSuite)
	t.ServerName, t.Resumed = strings.ToLower(strings.TrimSuffix(st.ServerName, ".")), st.DidResume
}

// tlsVersion is the name that the access log has for a version of TLS.
func tlsVersion(v uint16) string {
	switch v {
	case tls.VersionTLS13:
		return "TLSv1.3"
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS10:
		return "TLSv1"
	}
	return "-"
}

// opensslName is the name that the access log has for a cipher suite.
func opensslName(id uint16) string {
	switch id {
	case tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:
		return "ECDHE-RSA-AES128-GCM-SHA256"
	case tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:
		return "ECDHE-RSA-AES256-GCM-SHA384"
	case tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:
		return "ECDHE-ECDSA-AES128-GCM-SHA256"
	case tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:
		return "ECDHE-ECDSA-AES256-GCM-SHA384"
	case tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:
		return "ECDHE-RSA-CHACHA20-POLY1305"
	case tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256:
		return "ECDHE-ECDSA-CHACHA20-POLY1305"
	}
	return tls.CipherSuiteName(id)
}
