// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"fmt"
	"testing"
	"time"
)

func TestW6WindowSlides(t *testing.T) {
	w := newWindow(10, 60*time.Second)
	now := time.Unix(1_700_000_000, 0)
	for i := range 10 {
		if w.count([]byte("a"), now) {
			t.Fatalf("request %d is above the limit", i+1)
		}
	}
	if !w.count([]byte("a"), now.Add(59*time.Second)) {
		t.Error("the eleventh in a minute passes")
	}
	if w.count([]byte("a"), now.Add(71*time.Second)) {
		t.Error("the first ten are counted after 71 s")
	}
	if w.count([]byte("a"), now.Add(time.Hour)) || w.count([]byte("a"), now) {
		t.Error("a clock that jumps limits")
	}
}

// TestW6InstancesAreBounded: new instances drive out idle ones, never the one
// that is limited.
func TestW6InstancesAreBounded(t *testing.T) {
	w := newWindow(10, 60*time.Second)
	now := time.Unix(1_700_000_000, 0)
	for range 1000 {
		w.count([]byte("attacker"), now)
	}
	for i := range 3 * maxInstances {
		w.count(fmt.Appendf(nil, "one of many %d", i), now)
	}
	if len(w.of) > maxInstances {
		t.Errorf("%d instances", len(w.of))
	}
	if !w.count([]byte("attacker"), now) {
		t.Error("the attacker was forgotten")
	}
}

func TestW2JSON(t *testing.T) {
	for _, tt := range []struct {
		in      string
		want    string
		invalid bool
	}{
		{`{"a":{"b~/":[7,true,null,"x"]}}`, "[{/a a true} {/a/b~0~1 b~/ true} {/a/b~0~1/0 7 false} {/a/b~0~1/1 true false} {/a/b~0~1/3 x false}]", false},
		{`"s"`, "[{ s false}]", false},
		{`{"a":1`, "[{/a a true} {/a 1 false}]", true},
		{`{"a":1} {}`, "[{/a a true} {/a 1 false}]", true},
		{``, "[]", true},
	} {
		got := readJSON([]byte(tt.in), false)
		if fmt.Sprint(got.texts) != tt.want || got.invalid != tt.invalid {
			t.Errorf("%s: %v %v", tt.in, got.texts, got.invalid)
		}
	}
}
