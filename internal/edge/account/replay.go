// SPDX-License-Identifier: Apache-2.0

package account

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/edge/plain"
	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/record"
)

// Replay is the request of a Record, as far as it is known: what was hidden, or
// too long to be kept, is not in it and named in without. ok is false where not
// even the URL is known.
func Replay(r *record.Record, headers string) (rq *explain.Request, without []string, ok bool) {
	q := &r.Request
	if strings.HasSuffix(q.Path, record.Ellipsis) || strings.HasSuffix(q.Query, record.Ellipsis) || strings.HasSuffix(q.Host, record.Ellipsis) {
		return nil, nil, false
	}
	scheme := strings.NewReplacer("wss", "https", "ws", "http").Replace(q.Scheme)
	rq = &explain.Request{Method: q.Method, URL: scheme + "://" + q.Host + q.Path}
	if q.Query != "" {
		rq.URL += "?" + q.Query
	}
	for n, v, _, rest, more := httpspec.NextParam(q.Query); more; n, v, _, rest, more = httpspec.NextParam(rest) {
		if plain.Hidden(v) && !plain.Param(n) {
			without = append(without, "query "+n)
		}
	}
	if a := r.Viewer.Addr.Addr(); a != (netip.Addr{}) {
		rq.Address = a.WithZone("").String()
	}
	for line := range strings.Lines(headers) {
		name, value, whole := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case !whole || strings.HasSuffix(line, record.Ellipsis):
			without = append(without, "further headers")
		case !plain.Header(strings.ToLower(name)):
			without = append(without, name)
		default:
			rq.Headers = append(rq.Headers, [2]string{name, value})
		}
	}
	if r.Cache.Status == record.CacheHit {
		rq.Headers, without = keyedHeaders(r.Cache.Key), append(without, "headers that are not in the key (of hits they are not kept)")
	}
	return rq, slices.Compact(without), true
}

// keyedHeaders are the headers that a key shows.
func keyedHeaders(key string) [][2]string {
	var out [][2]string
	for _, p := range Key(key) {
		name, header := strings.CutPrefix(p.Name, explain.HeaderPart)
		switch {
		case p.Name == "accept-encoding":
			out = append(out, [2]string{"Accept-Encoding", p.Value})
		case header && plain.Header(name) && !strings.HasPrefix(name, "cloudfront-") && name != "host":
			out = append(out, [2]string{name, p.Value})
		}
	}
	return out
}
