// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strings"

	"github.com/forelane/forelane/internal/edge/plain"
	"github.com/forelane/forelane/internal/record"
)

// Who asks why a request that is over was answered as it was gets two answers:
// what is recorded of it (room account), which are facts, and what would happen to
// the same request now (Explain), where its headers are known.

// recall keeps the Record for who asks by its id. It runs last: it takes out of
// the Record what must not be kept. Of hits the viewer's headers are not kept:
// their key says what mattered.
func (x *Exchange) recall() {
	m := x.edge.deps.Recent
	if m == nil {
		return
	}
	r := &x.rec
	r.Request.Cookie = ""
	r.Request.Referer, _, _ = strings.Cut(r.Request.Referer, "?")
	r.Request.Query = x.plainQuery(r.Request.Query)
	r.Cache.Key = x.plainKey(r.Cache.Key)
	said := ""
	if r.Cache.Status != record.CacheHit {
		if x.said == "" {
			x.said = x.viewerHeaders()
		}
		said = x.said
	}
	m.Keep(r, said)
}

// hider takes secrets out of what is kept or shown.
func (x *Exchange) hider() plain.Hider { return plain.Hider{Recent: x.edge.deps.Recent} }

// plainQuery is a query string without secrets, in scratch where there are some.
func (x *Exchange) plainQuery(query string) string {
	if !plain.QueryHides(query) {
		return query
	}
	at := len(x.scratch)
	x.scratch = x.hider().AppendQuery(x.scratch, query)
	return view(x.scratch[at:])
}

// plainKey is a cache key without secrets, in scratch where it differs.
func (x *Exchange) plainKey(key string) string {
	if !plain.KeyHides(key) {
		return key
	}
	at := len(x.scratch)
	x.scratch = x.hider().AppendKey(x.scratch, key)
	return view(x.scratch[at:])
}

// viewerHeaders are the viewer's headers without secrets.
func (x *Exchange) viewerHeaders() string {
	at := len(x.scratch)
	x.scratch = x.hider().AppendHeaders(x.scratch, x.rq.Header.Fields())
	return view(x.scratch[at:])
}
