// SPDX-License-Identifier: Apache-2.0

package forward

import (
	"slices"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

func list(names ...string) model.Selection {
	return model.Selection{Mode: model.SelectList, Names: names}
}

func TestSelector(t *testing.T) {
	for _, tt := range []struct {
		name           string
		s              model.Selection
		none, all, has bool // has "a"
	}{
		{"nothing", model.Selection{Mode: model.SelectNone}, true, false, false},
		{"an empty list", list(), true, false, false},
		{"a list", list("a"), false, false, true},
		{"another one: case counts", list("A"), false, false, false},
		{"all", model.Selection{Mode: model.SelectAll}, false, true, true},
		{"all but one", model.Selection{Mode: model.SelectAllExcept, Names: []string{"a"}}, false, false, false},
		{"all but none", model.Selection{Mode: model.SelectAllExcept}, false, true, true},
	} {
		if s := NewSelector(tt.s); s.None() != tt.none || s.All() != tt.all || s.Has("a") != tt.has {
			t.Errorf("%s: %v %v %v", tt.name, s.None(), s.All(), s.Has("a"))
		}
	}
}

func TestK3K4WhatIsKept(t *testing.T) {
	keep := func(n string) bool { return n != "b" }
	for query, want := range map[string]string{"": "", "b=1": "", "z=1&b=2&a=%20&z": "?z=1&a=%20&z"} {
		if got := string(AppendQuery(nil, query, keep)); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
	for field, want := range map[string]string{"": "", "b=1": "", "z=1; b=2; a=3; z=0": "a=3; z=1; z=0"} {
		if got := string(AppendCookies(nil, field, keep)); got != want {
			t.Errorf("%q: %q, want %q", field, got, want)
		}
	}
}

// TestO4WhatGoesOn: by the policies of a behavior, which of a viewer's fields go on.
func TestO4WhatGoesOn(t *testing.T) {
	sent := []string{"Accept", "Authorization", "CloudFront-X", "Content-Type", "If-Match", "Keep-Alive", "Referer", "User-Agent", "X-A", "X-Edge-B", "X-Hop"}
	origin := func(mode model.SelectMode, names ...string) *model.OriginRequestPolicy {
		return &model.OriginRequestPolicy{Headers: model.Selection{Mode: mode, Names: names}}
	}
	for _, tt := range []struct {
		name       string
		cache      model.CachePolicy
		origin     *model.OriginRequestPolicy
		key        Key
		conditions bool
		want       []string
	}{
		{"no policy", model.CachePolicy{}, nil, Key{}, false, []string{"Content-Type"}},
		{"no policy, the origin judges", model.CachePolicy{}, nil, Key{}, true, []string{"Content-Type", "If-Match"}},
		{"in the key", model.CachePolicy{}, nil, Key{Headers: []string{"x-a"}}, false, []string{"Content-Type", "X-A"}},
		{"a list", model.CachePolicy{}, origin(model.SelectList, "Accept", "X-Edge-B"), Key{}, false, []string{"Accept", "Content-Type"}},
		{"all", model.CachePolicy{}, origin(model.SelectAll), Key{}, false, []string{"Accept", "Content-Type", "Referer", "X-A"}},
		{"all but", model.CachePolicy{}, origin(model.SelectAllExcept, "Accept"), Key{}, false, []string{"Content-Type", "Referer", "X-A"}},
		{"legacy", model.CachePolicy{Legacy: true}, nil, Key{}, false, []string{"Content-Type", "X-A"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := New(&model.Behavior{Cache: &tt.cache, OriginRequest: tt.origin}, tt.key)
			var rq httpmsg.Request
			rq.Header.Add("Connection", "X-Hop")
			for _, n := range sent {
				rq.Header.Add(n, "v")
			}
			var to httpmsg.Header
			f.AppendFields(&to, &rq, tt.conditions)
			var got []string
			for _, h := range to.Fields() {
				got = append(got, h.Name)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestK9Authorization(t *testing.T) {
	plain := New(&model.Behavior{Cache: &model.CachePolicy{}}, Key{})
	named := New(&model.Behavior{Cache: &model.CachePolicy{}}, Key{Headers: []string{"authorization"}})
	for _, tt := range []struct {
		method        string
		cachesOptions bool
		plain         bool
	}{{"GET", false, false}, {"HEAD", false, false}, {"OPTIONS", false, true}, {"OPTIONS", true, false}, {"POST", true, true}} {
		if plain.Authorization(tt.method, tt.cachesOptions) != tt.plain || !named.Authorization(tt.method, tt.cachesOptions) {
			t.Errorf("%s, cached %v", tt.method, tt.cachesOptions)
		}
	}
}
