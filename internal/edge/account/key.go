// SPDX-License-Identifier: Apache-2.0

package account

import (
	"strings"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/httpspec"
)

// Key reads a cache key (edge/key.go has its form).
func Key(key string) []explain.Part {
	key, variant, varies := strings.Cut(key, string(cache.VariantSep))
	lines := strings.Split(key, string(rune(cache.KeySep)))
	var parts []explain.Part
	add := func(name, value, from string) {
		parts = append(parts, explain.Part{Name: name, Value: value, From: from})
	}
	for i, line := range lines {
		switch name, value, _ := strings.Cut(line, "="); {
		case i == 0:
			add("distribution", line, "the Host")
		case i == 1:
			path, query, _ := strings.Cut(line, "?")
			add("path", path, "the viewer's, as written")
			for n, _, raw, rest, ok := httpspec.NextParam(query); ok; n, _, raw, rest, ok = httpspec.NextParam(rest) {
				_, v, _ := strings.Cut(raw, "=")
				add(explain.QueryPart+n, v, "query string, named by the cache policy")
			}
		case i == 2:
			add("origin", value, "the behavior, or the function")
		case name == "generation":
			add("generation", value, "changes of the target, as RFC 9111 asks")
		case name == "method":
			add("method", value, "the viewer's (OPTIONS and HEAD alone are told apart)")
		case name == "accept-encoding":
			add("accept-encoding", value, "Accept-Encoding, normalised to what viewer and policy both accept")
		case strings.HasPrefix(line, "cookie:"):
			cookies := strings.TrimPrefix(line, "cookie:")
			for n, v, rest, ok := httpspec.NextCookie(cookies); ok; n, v, rest, ok = httpspec.NextCookie(rest) {
				add(explain.CookiePart+n, v, "cookie, named by the cache policy")
			}
		default:
			n, v, _ := strings.Cut(line, ":")
			add(explain.HeaderPart+n, v, "header, named by the cache policy")
		}
	}
	if varies {
		marker, values, _ := strings.Cut(variant, string(cache.VariantSep))
		_, names, _ := strings.Cut(marker, ":")
		all := strings.Split(values, string(cache.VariantSep))
		for i, n := range strings.Split(names, ",") {
			if i < len(all) {
				add(explain.HeaderPart+n, strings.TrimPrefix(all[i], "="), "header, named by the origin's Vary")
			}
		}
	}
	return parts
}
