// SPDX-License-Identifier: Apache-2.0

package security

import "crypto/tls"

// Policy is one of CloudFront's security policies: the versions and suites
// that a viewer may use (Developer Guide, "Supported protocols and ciphers
// between viewers and CloudFront"; row E8).
//
// Where Go's TLS cannot follow the table: SSLv3, RC4-MD5 and
// ECDHE-*-AES256-SHA384 are not there; the suites of TLS 1.3 are always all
// three, although TLSv1.3_2025 has no CHACHA20; and the order of the suites is
// Go's (AES first where the machine has instructions for it), not the table's.
type Policy int

// The policies by their names. Default is what applies when a distribution, an
// API or a bucket names none, and when a viewer sends no SNI.
const (
	Default Policy = iota // as TLSv12_2021
	SSLv3
	TLSv1
	TLSv1_2016
	TLSv11_2016
	TLSv12_2018
	TLSv12_2019
	TLSv12_2021
	TLSv12_2025
	TLSv13_2025
)

func (p Policy) String() string {
	switch p {
	case Default:
		return "Default"
	case SSLv3:
		return "SSLv3"
	case TLSv1:
		return "TLSv1"
	case TLSv1_2016:
		return "TLSv1_2016"
	case TLSv11_2016:
		return "TLSv1.1_2016"
	case TLSv12_2018:
		return "TLSv1.2_2018"
	case TLSv12_2019:
		return "TLSv1.2_2019"
	case TLSv12_2021:
		return "TLSv1.2_2021"
	case TLSv12_2025:
		return "TLSv1.2_2025"
	case TLSv13_2025:
		return "TLSv1.3_2025"
	}
	return "?"
}

// Named is the policy of a name as templates write it. A name that is not in
// the list gets Default: newer than this table means stricter, never weaker.
func Named(name string) Policy {
	for p := SSLv3; p <= TLSv13_2025; p++ {
		if p.String() == name {
			return p
		}
	}
	return Default
}

// minVersion is the oldest version that a viewer may speak.
func (p Policy) minVersion() uint16 {
	switch p {
	case SSLv3, TLSv1, TLSv1_2016: // SSLv3 itself is not spoken
		return tls.VersionTLS10
	case TLSv11_2016:
		return tls.VersionTLS11
	case TLSv13_2025:
		return tls.VersionTLS13
	case Default, TLSv12_2018, TLSv12_2019, TLSv12_2021, TLSv12_2025:
	}
	return tls.VersionTLS12
}

// suites are the cipher suites of TLS 1.2 and older.
func (p Policy) suites() []uint16 {
	s := []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	}
	if p == TLSv12_2025 || p == TLSv13_2025 { // the latter speaks no TLS 1.2 at all
		return s
	}
	s = append(s, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)
	if p == Default || p == TLSv12_2021 {
		return s
	}
	s = append(s, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256)
	if p == TLSv12_2019 {
		return s
	}
	s = append(s, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_RSA_WITH_AES_128_CBC_SHA256)
	if p == TLSv12_2018 {
		return s
	}
	s = append(s,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
		tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
		tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA)
	if p == TLSv1 || p == SSLv3 {
		s = append(s, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA)
	}
	return s
}

// curves are the groups of every policy. The hybrid ones are for TLS 1.3.
func curves() []tls.CurveID {
	return []tls.CurveID{tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384}
}
