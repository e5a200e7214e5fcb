// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"crypto/sha256"
	"crypto/subtle"
	"strconv"
	"time"

	"github.com/forelane/forelane/internal/record"
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

// maxDebug bounds the value of a debug header.
const maxDebug = 1500

// showDebug writes the debug headers. They are not part of what is stored.
func (x *Exchange) showDebug() {
	h, r := &x.rs.Header, &x.rec
	add := func(name, value string) { h.Set("X-Forelane-"+name, visible(value)) }
	text := r.Cache.Status.String()
	if r.Cache.Reason != record.ReasonNone {
		text += "; reason=" + r.Cache.Reason.String()
	}
	if r.Cache.Collapsed {
		text += "; collapsed"
	}
	if r.Cache.Status.Served() {
		text += "; age=" + seconds(r.Cache.Age)
	}
	add("Cache", text)
	if len(x.keyed.key) > 0 {
		add("Key", string(x.appendPlainKey(nil, string(x.keyed.key))))
	}
	if r.Cache.Status.Served() || r.Cache.Store != record.StoreNone {
		text = seconds(r.Cache.TTL)
		if r.Cache.Store != record.StoreNone {
			text += "; by=" + r.Cache.TTLReason.String() + "; store=" + r.Cache.Store.String()
		}
		add("TTL", text)
	}
	if x.beh != nil {
		add("Behavior", x.beh.m.PathPattern+"; policy="+policyName(x.beh))
	}
	if o := &r.Origin; o.ID != "" {
		add("Origin", o.ID+"; status="+strconv.Itoa(o.Status)+"; tries="+strconv.Itoa(o.Tries)+"; ms="+strconv.FormatInt(o.FirstByte.Milliseconds(), 10))
	}
	if f := &r.Function[0]; f.Name != "" {
		add("Function", f.Name+"; us="+strconv.FormatInt(f.Time.Microseconds(), 10))
	}
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// visible makes a text a field value: separators become blanks, what is not
// ASCII a question mark, and it is not longer than maxDebug.
func visible(s string) string {
	b := []byte(s[:min(len(s), maxDebug)])
	for i, c := range b {
		switch {
		case c == '\n' || c == '\v':
			b[i] = ' '
		case c < 0x20 || c > 0x7e:
			b[i] = '?'
		}
	}
	return string(b)
}
