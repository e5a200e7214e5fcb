// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"strings"

	"github.com/forelane/forelane/internal/cache/disk"
)

// Path is one path of an invalidation: exact, a prefix that ended in a star, or
// a tag.
type Path struct {
	Text   string // without the star or the number sign; of a tag in lower case
	Prefix bool
	Tag    bool
}

// ParsePath reads an invalidation path: "/a/b", "/a*", "*", "#tag"; the slash in
// front may be left out.
func ParsePath(s string) Path {
	if tag, ok := strings.CutPrefix(s, "#"); ok {
		return Path{Text: strings.ToLower(tag), Tag: true}
	}
	text, star := strings.CutSuffix(s, "*")
	if !strings.HasPrefix(text, "/") {
		text = "/" + text
	}
	return Path{Text: text, Prefix: star}
}

// Matches tells whether p means a target. What a tag means cannot be told from
// a target: false.
func (p Path) Matches(target string) bool {
	return !p.Tag && (target == p.Text && !p.Prefix || p.Prefix && strings.HasPrefix(target, p.Text))
}

// Invalidate drops all objects of a distribution that one of paths matches, in
// every variant, and sees to it that answers now on their way in are not
// stored. When it returns no later Open finds them; their memory is given back
// a little later (pending.go).
func (c *Cache) Invalidate(dist string, paths []Path) {
	defer c.disk.sweeping()()
	t := newTargets(dist, paths)
	for tag := range t.tags {
		c.tags.strike(dist, tag)
	}
	hits := make([]disk.Target, len(paths))
	for i, p := range paths {
		text := p.Text
		if p.Tag {
			text = "#" + text
		}
		hits[i] = disk.Target{Text: string(AppendKey(nil, dist, text)), Prefix: p.Prefix}
	}
	c.disk.invalidate(hits)
	c.condemn(hits, t)
}

// Purge drops everything, and what is on its way in is not stored.
func (c *Cache) Purge() {
	defer c.disk.sweeping()()
	all := []disk.Target{{Prefix: true}}
	c.disk.invalidate(all)
	c.condemn(all, &targets{everything: true})
}

// AppendKey begins a key: the distribution's id and the target that
// invalidations compare. What else tells variants apart is appended after it
// by the edge, beginning with KeySep.
func AppendKey(key []byte, dist, target string) []byte {
	key = append(key, dist...)
	key = append(key, KeySep)
	return append(key, target...)
}

// KeySep stands between the parts of a key; it cannot occur in a part.
const KeySep = '\n'

// SplitKey is the reverse of AppendKey.
func SplitKey(key string) (dist, target string) {
	dist, rest, _ := strings.Cut(key, "\n")
	target, _, _ = strings.Cut(rest, "\n")
	return dist, target
}
