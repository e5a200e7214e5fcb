// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/forelane/forelane/internal/edge/account"
)

// A viewer that sends the node's debug token in X-Forelane-Debug gets the short
// form of an explanation in headers of its answer:
//
//	X-Forelane-Cache: miss; reason=expired
//	X-Forelane-Key: E1EXAMPLE /a?page=2 origin=api accept-encoding=br
//	X-Forelane-TTL: 60; by=max-age; store=stored
//	X-Forelane-Behavior: /api/*; policy=CachingOptimized
//	X-Forelane-Origin: api; status=200; tries=1; ms=12
//	X-Forelane-Function: rewrite; us=14
//
// The name is the edge's own: whatever is in it is taken off every request
// before anything else sees it, with the right token, a wrong one, and where
// there is no token. So it is in no key, no event of a function, no log of a web
// ACL and on no way to an origin, and a wrong token is answered like none.

// DebugHeader is the header of the debug token.
const DebugHeader = "X-Forelane-Debug"

// DebugToken is what is compared with; the token itself is not kept.
type DebugToken [sha256.Size]byte

// NewDebugToken is that of a token.
func NewDebugToken(token string) *DebugToken {
	t := DebugToken(sha256.Sum256([]byte(token)))
	return &t
}

// takeDebug takes the debug header off the request and compares it, in the same
// time whatever it is.
func (x *Exchange) takeDebug() {
	h := &x.rq.Header
	token, there := h.Lookup(DebugHeader)
	if !there {
		return
	}
	if own := x.edge.deps.Debug; own != nil && x.role == forViewer {
		sum := sha256.Sum256([]byte(token))
		x.debug = subtle.ConstantTimeCompare(sum[:], own[:]) == 1
	}
	h.Del(DebugHeader)
}

// showDebug writes the debug headers. They are not part of what is stored.
func (x *Exchange) showDebug() {
	key, policy := "", ""
	if len(x.keyed.key) > 0 {
		key = string(x.hider().AppendKey(nil, string(x.keyed.key)))
	}
	if x.beh != nil {
		policy = policyName(x.beh)
	}
	account.Debug(&x.rs.Header, &x.rec, key, policy)
}
