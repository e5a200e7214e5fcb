// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strings"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/httpmsg"
)

// What CloudFront makes of the tags that an origin names (row F20).
const (
	mostTags   = 50
	longestTag = 256
)

// tags are those of an answer, as they are stored; "" when the distribution has
// none. A tag of the wrong form is left out, and what is more than mostTags.
func (d *distribution) tags(h *httpmsg.Header) string {
	if d.m.TagHeader == "" {
		return ""
	}
	var list []string
	for tag := range strings.SplitSeq(h.Join(d.m.TagHeader), ",") {
		if tag = strings.ToLower(strings.Trim(tag, " \t")); goodTag(tag) && len(list) < mostTags {
			list = append(list, tag)
		}
	}
	return cache.JoinTags(list)
}

// goodTag tells whether a tag has 1 to 256 visible ASCII characters.
func goodTag(tag string) bool {
	return tag != "" && len(tag) <= longestTag && !strings.ContainsFunc(tag, func(r rune) bool { return r <= ' ' || r > '~' })
}
