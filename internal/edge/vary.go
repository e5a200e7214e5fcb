// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/edge/forward"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// Vary as a secondary key (RFC 9111 4.1), where a policy honours it.
//
// The cache keeps a marker with the names under the key; the key of a variant
// goes on with the marker and a line for each name (cache/vary.go):
//
//	…                             the key of key.go
//	7:accept-language,foo         the marker
//	=de,en                        value of accept-language, normalised
//	                              foo was not sent
//
// Names that select nothing here are left out: of fields that the origin does
// not see, and of those that stand in the key already. An answer that varies
// by what the edge itself writes, or by too many names, is one that nobody
// else can be given, as with *.

// Bounds of a Vary that is followed.
const (
	maxVaryNames = 16
	maxVaryBytes = 512
)

func varyOf(rs *httpmsg.Response) string { return rs.Header.Join("Vary") }

// selecting are the names of Vary that select variants; star tells that no
// stored answer can be selected.
func (x *Exchange) selecting(list string) (names []string, star bool) {
	size := 0
	for item, rest, ok := httpspec.NextItem(list); ok; item, rest, ok = httpspec.NextItem(rest) {
		n := strings.ToLower(item)
		switch {
		case !httpspec.ValidName(n), n == "*", n == "via", n == "x-forwarded-for", n == "x-amz-cf-id":
			return nil, true
		case n == "accept-encoding" && x.beh.encodings != 0, slices.Contains(x.beh.inKey.Headers, n):
			continue
		case n == "cookie":
			if !x.beh.forward.Cookies() {
				continue
			}
		case n != "authorization" && !forward.OfMessage(n) && !x.beh.forward.Wants(n):
			continue
		}
		if slices.Contains(names, n) {
			continue
		}
		names, size = append(names, n), size+len(n)+1
		if len(names) > maxVaryNames || size > maxVaryBytes {
			return nil, true
		}
	}
	return names, false
}

// varyStar tells that an answer is for nobody else.
func (x *Exchange) varyStar(rs *httpmsg.Response) bool {
	if !x.beh.vary {
		return false
	}
	_, star := x.selecting(varyOf(rs))
	return star
}

// unvary makes the key the primary one again.
func (x *Exchange) unvary() {
	x.keyed.key, x.keyed.marker = x.keyed.key[:x.keyed.primary], ""
}

// variant makes the key that of the variant for this request.
func (x *Exchange) variant(marker string) {
	if marker == "" {
		return
	}
	k := append(append(x.keyed.key[:x.keyed.primary], cache.VariantSep), marker...)
	_, names, _ := strings.Cut(marker, ":")
	for more := true; more; {
		var n string
		n, names, more = strings.Cut(names, ",")
		k = append(k, cache.VariantSep)
		switch v, ok := x.headerValue(n); {
		case !ok:
		case n == "cookie", n == "authorization": // not lists, and not to be confused
			k = append(append(k, '='), v...)
		default:
			k = httpspec.AppendNormalised(append(k, '='), n, v)
		}
	}
	x.keyed.key, x.keyed.marker = k, marker
}

// moveToVariant moves the lease to the key of the variant that the answer
// turns out to be, if it is not there already.
func (x *Exchange) moveToVariant() {
	if !x.beh.vary || x.store.lease == nil || x.asked.rs == nil || !x.asked.freshness.Store {
		return
	}
	names, _ := x.selecting(varyOf(x.asked.rs))
	if len(names) == 0 || x.keyed.marker != "" && covers(x.keyed.marker, names) {
		return
	}
	primary := x.keyed.key[:x.keyed.primary]
	x.variant(x.edge.deps.Cache.Vary(primary, names))
	x.store.lease = x.store.lease.Move(x.keyed.key, x.beh.collapse)
	x.store.vigil.Move(x.store.lease)
}

func covers(marker string, names []string) bool {
	known := cache.VaryNames(marker)
	return !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(known, n) })
}
