// SPDX-License-Identifier: Apache-2.0

package crs

import (
	"fmt"
	"testing"
)

func TestMemoryIsBoundedAndExact(t *testing.T) {
	m := newMemory(4, 16)
	kept := []byte("kept")
	m.store(kept, []Hit{{Rule: 1}})
	for i := range 10_000 {
		if _, ok := m.lookup(kept); !ok {
			t.Fatalf("what returns was driven out by %d new texts", i)
		}
		key := fmt.Appendf(nil, "k%d", i)
		m.store(key, []Hit{{Rule: i}})
	}
	for i := range 10_000 {
		key := fmt.Appendf(nil, "k%d", i)
		if hits, ok := m.lookup(key); ok && (len(hits) != 1 || hits[0].Rule != i) {
			t.Fatalf("%s has the hits %v", key, hits)
		}
	}
	if hits, ok := m.lookup(kept); !ok || hits[0].Rule != 1 {
		t.Errorf("%v %v", hits, ok)
	}
	long := []byte("longer than what is kept")
	m.store(long, nil)
	if _, ok := m.lookup(long); ok {
		t.Error("a long text was kept")
	}
}

func TestHeadsDoNotRunTogether(t *testing.T) {
	a, b := get("/a?b"), get("/a?b")
	a.Header.Add("X", "1")
	a.Header.Add("Y", "2")
	b.Header.Add("X", "1\x01Y\x012")
	if string(appendHead(nil, a)) == string(appendHead(nil, b)) {
		t.Error("two heads have one text")
	}
}
