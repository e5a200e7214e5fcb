// SPDX-License-Identifier: Apache-2.0

package crs

import (
	"slices"
	"testing"
)

// TestPartsAreTheWhole compares the parted rules with all of them in one WAF, as
// Coraza runs them: every rule that matches there matches here. A rule about
// single elements can match more often here, where a chain captures from several
// elements and Coraza goes on with the last one only.
func TestPartsAreTheWhole(t *testing.T) {
	t.Parallel()
	set, want := map[string]string{}, map[Family]bool{}
	rules, err := readRules()
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range settings(rules) {
		set[k] = v
	}
	for k, v := range ciSettings() {
		set[k] = v
	}
	for _, f := range everything() {
		want[f] = true
	}
	var whole []rule
	local, _ := part(rules, want, set)
	isLocal := map[int]bool{}
	for _, r := range local {
		isLocal[r.id] = true
	}
	for _, r := range rules { // in the order of the rule set
		if r.level <= 1 && r.phase <= 2 && want[Family(r.id/1000)] && !hasAction(r.links[0].actions, "skipAfter") {
			whole = append(whole, r)
		}
	}
	one, err := waf(whole, set, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := closeWAF(one); err != nil {
			t.Error(err)
		}
	}()
	e := open(t, Options{Settings: ciSettings()})
	all, _ := examples(t, e)
	all = thinned(all)
	more := 0
	for _, ex := range all {
		tx := one.NewTransaction()
		if err := feed(tx, ex.rq, ex.body); err != nil {
			t.Fatal(err)
		}
		ids := map[int]bool{}
		for _, m := range tx.MatchedRules() {
			if _, ours := e.points[m.Rule().ID()]; ours {
				ids[m.Rule().ID()] = true
			}
		}
		if err := tx.Close(); err != nil {
			t.Fatal(err)
		}
		var out Result
		if err := e.Screen(ex.rq, ex.body, &out); err != nil {
			t.Fatal(err)
		}
		for id := range ids {
			if !slices.ContainsFunc(out.Hits, func(h Hit) bool { return h.Rule == id }) {
				t.Errorf("%s: rule %d matches in one WAF, not in parts", ex.name, id)
			}
		}
		for _, h := range out.Hits {
			if !ids[h.Rule] {
				more++
				if !isLocal[h.Rule] {
					t.Errorf("%s: rule %d matches in parts only", ex.name, h.Rule)
				}
				t.Logf("%s: rule %d matches in parts only", ex.name, h.Rule)
			}
		}
	}
	if more > len(all)/200 {
		t.Errorf("%d more matches than in one WAF", more)
	}
}
