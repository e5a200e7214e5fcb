// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"testing"
	"time"
)

func variantOf(k []byte, marker, value string) []byte {
	v := append(append([]byte(nil), k...), VariantSep)
	return append(append(append(v, marker...), VariantSep), value...)
}

func TestVaryNames(t *testing.T) {
	c := New(Config{})
	k := key("/a")
	first := c.Vary(k, []string{"foo"})
	if again := c.Vary(k, []string{"foo"}); again != first {
		t.Errorf("the same names, another marker: %q, %q", first, again)
	}
	more := c.Vary(k, []string{"bar"})
	if n := VaryNames(more); len(n) != 2 || n[0] != "bar" || n[1] != "foo" || more == first {
		t.Errorf("%q after %q", more, first)
	}
	if a := c.Open(k, time.Now(), true); a.Status != Varies || a.Vary != more || c.Marker(k) != more {
		t.Errorf("%v %q", a.Status, a.Vary)
	}
	c.Drop(k)
	if m := c.Vary(k, []string{"bar", "foo"}); m == more {
		t.Error("a dropped marker came back: its variants could be found")
	}
}

// TestMove: an answer that turns out to be a variant goes to the variant's
// key; who waited asks again.
func TestMove(t *testing.T) {
	c := New(Config{})
	k, now := key("/a"), time.Now()
	lead := c.Open(k, now, true)
	wait := c.Open(k, now, true)
	if lead.Status != Miss || wait.Status != Wait {
		t.Fatal(lead.Status, wait.Status)
	}
	v := variantOf(k, c.Vary(k, []string{"foo"}), "=1")
	l := lead.Lease.Move(v, true)
	if out, _, _, err := wait.Flight.Await(t.Context()); out != Again || err != nil {
		t.Errorf("%v %v", out, err)
	}
	wait.Flight.Leave()
	if l.Context().Err() != nil {
		t.Error("the fetch was given up")
	}
	follow := c.Open(v, now, true)
	if follow.Status != Wait {
		t.Fatal(follow.Status)
	}
	l.Renew(NewObject(Object{Status: 200, Born: now, TTL: time.Minute}, []byte("one")))
	if out, o, _, _ := follow.Flight.Await(t.Context()); out != Ready || string(o.Chunks()[0]) != "one" {
		t.Error(out)
	}
	follow.Flight.Leave()
	if a := c.Open(v, now, true); a.Status != Hit {
		t.Error(a.Status)
	}
}

// TestDropWhileFetching: what was asked for before a Drop is not stored after it.
func TestDropWhileFetching(t *testing.T) {
	now := time.Now()
	object := func() *Object { return NewObject(Object{Status: 200, Born: now, TTL: time.Minute}, nil) }
	for _, tt := range []struct {
		name  string
		lease func(c *Cache, k []byte) *Lease
	}{
		{"led", func(c *Cache, k []byte) *Lease { return c.Open(k, now, true).Lease }},
		{"alone", func(c *Cache, k []byte) *Lease { return c.Solo(k) }},
	} {
		c := New(Config{})
		k := key("/a")
		l := tt.lease(c, k)
		c.Drop(k)
		moved := tt.lease(c, k)
		c.Drop(k)
		v := variantOf(k, c.Vary(key("/b"), []string{"foo"}), "=1") // a marker of no interest
		moved = moved.Move(v, true)
		l.Renew(object())
		moved.Renew(object())
		for _, k := range [][]byte{k, v} {
			if o, _ := c.Peek(k, now); o != nil {
				t.Errorf("%s: %q is stored", tt.name, k)
			}
		}
	}
}
