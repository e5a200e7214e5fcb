// SPDX-License-Identifier: Apache-2.0

package viewer

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestGateOfOneAddress(t *testing.T) {
	for _, tt := range []struct {
		name, first, second string
		same                bool
	}{
		{"IPv4", "192.0.2.1", "192.0.2.1", true},
		{"another IPv4", "192.0.2.1", "192.0.2.2", false},
		{"IPv4 in IPv6", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"the same /64", "2001:db8::1", "2001:db8::ffff:0:0:1", true},
		{"another /64", "2001:db8::1", "2001:db8:0:1::1", false},
		{"zones of one link", "fe80::1%a", "fe80::2%b", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := NewGate(Bounds{Connections: 10, PerAddress: 1})
			if !g.enter(t.Context(), addr(tt.first)) {
				t.Fatal("the first was refused")
			}
			if got := g.enter(t.Context(), addr(tt.second)); got == tt.same {
				t.Errorf("the second: %v", got)
			}
			g.leave(addr(tt.first))
			if tt.same && !g.enter(t.Context(), addr(tt.second)) {
				t.Error("refused after the first has left")
			}
		})
	}
}

// idlers is an engine with connections that have been idle for some time.
type idlers struct {
	g    *Gate
	ages []time.Duration
	at   time.Time
	done []time.Duration
}

func (e *idlers) CloseIdle(before time.Time, most int) (n int) {
	var left []time.Duration
	for _, age := range e.ages {
		if n < most && !e.at.Add(-age).After(before) {
			e.done = append(e.done, age)
			go e.g.leave(addr("192.0.2.9"))
			n++
		} else {
			left = append(left, age)
		}
	}
	e.ages = left
	return n
}

// TestGateReclaims: a full gate closes those that are idle longest.
func TestGateReclaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(Bounds{Connections: 32, PerAddress: 32})
		e := &idlers{g: g, at: time.Now(), ages: []time.Duration{2 * time.Second, 40 * time.Second, 5 * time.Second, 31 * time.Second}}
		g.join(e)
		for range 32 {
			g.enter(t.Context(), addr("192.0.2.9"))
		}
		if !g.enter(t.Context(), addr("192.0.2.1")) {
			t.Fatal("refused")
		}
		synctest.Wait()
		if got := fmt.Sprint(e.done); got != "[40s 31s]" { // a sixteenth of 32
			t.Errorf("closed %s", got)
		}
		if s := g.State(); s.Open != 31 || s.Reclaimed != 2 {
			t.Errorf("%+v", s)
		}
	})
}

// TestGateWaits: with nothing idle accepting pauses until a connection ends.
func TestGateWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(Bounds{Connections: 2, PerAddress: 2})
		for range 2 {
			g.enter(t.Context(), addr("192.0.2.1"))
		}
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan bool)
		go func() { got <- g.enter(ctx, addr("192.0.2.2")) }()
		synctest.Wait()
		select {
		case <-got:
			t.Fatal("it did not wait")
		default:
		}
		g.leave(addr("192.0.2.1"))
		if !<-got {
			t.Error("refused when there was room")
		}
		go func() { got <- g.enter(ctx, addr("192.0.2.3")) }()
		cancel()
		if <-got {
			t.Error("entered a full gate at the end")
		}
	})
}

// TestPenalties grow, and are forgotten.
func TestPenalties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(Bounds{})
		bad, good := addr("2001:db8::1"), addr("2001:db8:1::1")
		for _, want := range []time.Duration{time.Second, 4 * time.Second, 16 * time.Second, time.Minute, time.Minute} {
			g.blame(bad)
			if g.enter(t.Context(), addr("2001:db8::2")) {
				t.Fatalf("the flooder's network is let in at once, want %v", want)
			}
			if !g.enter(t.Context(), good) {
				t.Fatal("another is refused")
			}
			time.Sleep(want - time.Millisecond)
			if g.enter(t.Context(), bad) {
				t.Fatalf("let in before %v", want)
			}
			time.Sleep(2 * time.Millisecond)
			if !g.enter(t.Context(), bad) {
				t.Fatalf("not let in after %v", want)
			}
		}
		time.Sleep(forgetAfter)
		g.blame(bad)
		time.Sleep(firstPenalty)
		if !g.enter(t.Context(), bad) {
			t.Error("old floods are not forgotten")
		}
	})
}

func TestPenaltiesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(Bounds{})
		many := func(first byte) {
			for i := range mostPenalties + 10 {
				g.blame(netip.AddrFrom4([4]byte{first, byte(i >> 16), byte(i >> 8), byte(i)}))
			}
		}
		many(10)
		if n := len(g.punished); n != mostPenalties {
			t.Errorf("%d", n)
		}
		time.Sleep(forgetAfter + mostPenalty)
		many(11)
		if !g.barred(netip.AddrFrom4([4]byte{11, 0, 0, 1})) || len(g.punished) > mostPenalties {
			t.Error("what is past was kept")
		}
	})
}
