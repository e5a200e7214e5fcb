// SPDX-License-Identifier: Apache-2.0

package control

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// authorized lets only callers pass that send the token; whether the node lives
// is told to everybody. Digests are compared, so that the time it takes says
// nothing about the token, its length included. A page in a browser has no
// token, and cannot send one without being asked for it (CORS): no other guard
// is needed, but an Origin is refused all the same.
func authorized(token string, next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "" {
			fail(w, http.StatusForbidden, "the admin side answers to no web page")
			return
		}
		given, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		have := sha256.Sum256([]byte(given))
		if r.URL.Path != "/healthz" && r.URL.Path != "/readyz" && (subtle.ConstantTimeCompare(have[:], want[:]) != 1 || !bearer) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="forelane"`)
			fail(w, http.StatusUnauthorized, "send the node's token (--token-file)")
			return
		}
		next.ServeHTTP(w, r)
	})
}
