// SPDX-License-Identifier: Apache-2.0

package latency

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const ms = time.Millisecond

func between(t *testing.T, tab *Table, viewer, region string, want time.Duration) {
	t.Helper()
	got, ok := tab.Between(netip.MustParseAddr(viewer), region)
	if got != want || ok != (want != 0) {
		t.Errorf("%s to %s: %v %v, want %v", viewer, region, got, ok, want)
	}
}

func TestR1MeasuredBeforeConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tab := New()
		tab.Configure([]Row{
			{netip.MustParsePrefix("0.0.0.0/0"), "eu", 70 * ms},
			{netip.MustParsePrefix("203.0.0.0/16"), "eu", 50 * ms},
			{netip.MustParsePrefix("203.0.113.64/26"), "eu", 30 * ms},
			{netip.MustParsePrefix("2001:db8::/32"), "us", 20 * ms},
		})
		between(t, tab, "198.51.100.1", "eu", 70*ms)
		between(t, tab, "203.0.1.1", "eu", 50*ms)
		between(t, tab, "203.0.113.65", "eu", 30*ms)
		between(t, tab, "203.0.113.1", "us", 0)
		between(t, tab, "2001:db8::5", "us", 20*ms)
		between(t, tab, "2001:db9::5", "us", 0)
		tab.Learn(netip.MustParseAddr("203.0.113.9"), "eu", 40*ms)
		between(t, tab, "203.0.113.65", "eu", 40*ms)
		between(t, tab, "::ffff:203.0.113.65", "eu", 40*ms)
		tab.Learn(netip.MustParseAddr("203.0.113.200"), "eu", 80*ms) // a quarter of the way
		between(t, tab, "203.0.113.65", "eu", 50*ms)
		// Another node's figure of our own region does not replace what we measure.
		tab.Merge([]Row{{netip.MustParsePrefix("203.0.113.0/24"), "eu", 9 * ms}, {netip.MustParsePrefix("203.0.113.0/24"), "us", 90 * ms}})
		between(t, tab, "203.0.113.65", "eu", 50*ms)
		between(t, tab, "203.0.113.65", "us", 90*ms)
		tab.Merge([]Row{{netip.MustParsePrefix("203.0.113.0/24"), "us", 91 * ms}})
		between(t, tab, "203.0.113.65", "us", 91*ms)
		if rows := tab.Rows(); len(rows) != 1 || rows[0].RTT != 50*ms {
			t.Errorf("own figures: %v", rows)
		}
		<-time.After(keep)
		between(t, tab, "203.0.113.1", "eu", 50*ms) // configured again
		between(t, tab, "203.0.113.1", "us", 0)
	})
}

func TestTableIsBounded(t *testing.T) {
	tab := New()
	for i := range mostNetworks + 500 {
		tab.Learn(netip.AddrFrom4([4]byte{byte(i>>16) + 1, byte(i >> 8), byte(i), 1}), "eu", ms)
	}
	if n := tab.Len(); n != mostNetworks {
		t.Errorf("%d networks", n)
	}
	for i := range 2 * mostRegions {
		tab.Learn(netip.MustParseAddr("203.0.113.1"), strings.Repeat("r", i+1), ms)
	}
	if n := len(tab.measured[netip.MustParsePrefix("203.0.113.0/24")].regions); n != mostRegions {
		t.Errorf("%d regions", n)
	}
}

func TestText(t *testing.T) {
	rows, err := Read(strings.NewReader("# a\n\n203.0.113.9/24 eu-west-1 8.25 # b\n2001:db8::/48 us-east-1 92\n"))
	want := []Row{{netip.MustParsePrefix("203.0.113.0/24"), "eu-west-1", 8250 * time.Microsecond}, {netip.MustParsePrefix("2001:db8::/48"), "us-east-1", 92 * ms}}
	if err != nil || !slices.Equal(rows, want) {
		t.Errorf("%v %v", rows, err)
	}
	again, err := Read(bytes.NewReader(Append(nil, rows)))
	if err != nil || !slices.Equal(again, want) {
		t.Errorf("again %v %v", again, err)
	}
	for _, bad := range []string{"203.0.113.0 eu 1", "203.0.113.0/24 eu", "203.0.113.0/24 eu x", "203.0.113.0/24 eu -1", "203.0.113.0/24 eu 1e9", "203.0.113.0/24 eu NaN"} {
		if _, err := Read(strings.NewReader("# a\n" + bad)); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
