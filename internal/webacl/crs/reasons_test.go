// SPDX-License-Identifier: Apache-2.0

package crs

// knownReasons says, by rule, why tests of it do not pass here.
func knownReasons() map[string]string {
	return map[string]string{
		"920181": "expects a server that drops Content-Length where Transfer-Encoding is; the viewer engine refuses such a request",
		"920430": "a request line without or with another version, which the viewer engine refuses",
		"920540": "expects the negative of an escape that the test runner has decoded",
		"920640": "expects a server that refuses a body without a length, as the viewer engine does",
		"921140": "expects the server to refuse a bare CR, as the viewer engine does",
		"941180": "Coraza matches document.cookie in a path",
	}
}
