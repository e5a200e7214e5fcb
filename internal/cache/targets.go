// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"slices"
	"strings"
)

// targets are the paths of an invalidation, so that an entry is compared in
// about the same time with one or with thousands of them. Of prefixes only
// those are kept that no other one is a prefix of; then the last one that is
// not greater than a target is the only one that can be its prefix.
// Example: of /a, /a/b and /b, /a and /b stay; /a/c lies behind /a.
type targets struct {
	everything bool
	dist       string
	exact      map[string]struct{}
	prefixes   []string // sorted
	tags       map[string]struct{}
}

func newTargets(dist string, paths []Path) *targets {
	t := &targets{dist: dist, exact: map[string]struct{}{}, tags: map[string]struct{}{}}
	for _, p := range paths {
		switch {
		case p.Tag:
			t.tags[p.Text] = struct{}{}
		case p.Prefix:
			t.prefixes = append(t.prefixes, p.Text)
		default:
			t.exact[p.Text] = struct{}{}
		}
	}
	slices.Sort(t.prefixes)
	kept := t.prefixes[:0]
	for _, p := range t.prefixes {
		if n := len(kept); n == 0 || !strings.HasPrefix(p, kept[n-1]) {
			kept = append(kept, p)
		}
	}
	t.prefixes = kept
	return t
}

// paths tells whether there is more than tags.
func (t *targets) paths() bool { return t.everything || len(t.exact)+len(t.prefixes) > 0 }

// hit tells whether what lies under key with tags is meant.
func (t *targets) hit(key, tags string) bool {
	if t.everything {
		return true
	}
	dist, target := SplitKey(key)
	if dist != t.dist {
		return false
	}
	if _, ok := t.exact[target]; ok {
		return true
	}
	if i, found := slices.BinarySearch(t.prefixes, target); found || i > 0 && strings.HasPrefix(target, t.prefixes[i-1]) {
		return true
	}
	if len(t.tags) > 0 {
		for tag := range eachTag(tags) {
			if _, ok := t.tags[tag]; ok {
				return true
			}
		}
	}
	return false
}
