// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// whole is a record in which everything that is kept is set.
func whole(id string) *Record {
	return &Record{
		ID: id, Start: time.Unix(1e9, 5).UTC(),
		Viewer:  Viewer{Addr: netip.MustParseAddrPort("192.0.2.1:4711"), ForwardedFor: "192.0.2.9", TLSVersion: "TLSv1.3", Proto: httpmsg.HTTP2},
		Request: Request{Method: "GET", Scheme: "https", Host: "a.example", Path: "/p", Query: "q=1", Referer: "r", UserAgent: "u", Bytes: 300},
		Edge:    Edge{Stack: "s", Distribution: "E1", Behavior: "/a/*", Staging: true},
		Shield:  Shield{ACL: "acl", Action: "ALLOW", Rule: "Default_Action", Inner: "i", Labels: []string{"a:b"}, Counted: []string{"c", "d"}},
		Result:  Result{Error, Miss, OriginError, "why", EndViewerLeft},
		Cache: Cache{
			Status: CacheMiss, Reason: ReasonExpired, Key: "E1\n/p", Age: time.Second, TTL: time.Minute, TTLReason: httpspec.ReasonMaxAge,
			Store: Stored, Collapsed: true, Encoding: "br", Background: true,
		},
		Function: [4]Function{{"f", 3 * time.Microsecond, 5, ""}, {"g", time.Millisecond, 100, "threw"}, {"h", 1, 0, ""}, {"i", 2, 0, "late"}},
		Origin:   Origin{ID: "o", Host: "o.example", Peer: "p", Status: 200, Tries: 2, Failover: true, Member: "m", FirstByte: 7, Error: "e"},
		API:      API{ID: "api", Stage: "prod", Route: "GET /p", Function: "fn", Cold: true, Time: 9},
		Response: Response{Status: 200, Bytes: 1234, ContentType: "text/html"},
		Time:     Timing{FirstByte: 10, Total: 11},
	}
}

func TestRecentGivesBackWhatIsKept(t *testing.T) {
	m := NewRecent(RecentOptions{Keep: time.Minute, Bytes: 1 << 20})
	for name, r := range map[string]*Record{
		"everything": whole("id1"),
		"nothing":    {ID: "id2", Start: time.Unix(1e9, 0).UTC(), Shield: Shield{}},
		"IPv6":       {ID: "id3", Start: time.Unix(1e9, 0).UTC(), Viewer: Viewer{Addr: netip.MustParseAddrPort("[2001:db8::1]:1")}},
	} {
		m.Keep(r, "Accept: a\nX: y\n")
		got, headers, ok := m.Find(r.ID, r.Start)
		if !ok || headers != "Accept: a\nX: y\n" || !reflect.DeepEqual(got, r) {
			t.Errorf("%s: %v %q\n got %+v\nwant %+v", name, ok, headers, got, r)
		}
	}
	for name, tt := range map[string]struct {
		id string
		at time.Time
	}{
		"another id": {"id", time.Unix(1e9, 0)}, "no id": {"", time.Unix(1e9, 0)}, "too late": {"id1", time.Unix(1e9+61, 0)},
	} {
		if r, _, ok := m.Find(tt.id, tt.at); ok {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if NewRecent(RecentOptions{Bytes: 1 << 20}) != nil {
		t.Error("nothing is to be kept, and something is")
	}
}

// TestRecentForgetsTheOldest fills a ring many times over, with entries of many
// sizes: it always has the newest ones, whole, and hits do not push out others.
func TestRecentForgetsTheOldest(t *testing.T) {
	m := NewRecent(RecentOptions{Keep: time.Hour, Bytes: 1})
	start := time.Unix(1e9, 0).UTC()
	miss := whole("the miss")
	miss.Start = start
	m.Keep(miss, "")
	for i := range 20000 {
		r := &Record{ID: fmt.Sprintf("id-%d", i), Start: start.Add(time.Duration(i)), Cache: Cache{Status: CacheHit, Key: strings.Repeat("k", i*7919%1600)}}
		m.Keep(r, "")
		for _, back := range []int{0, 1, 2} {
			if i < back {
				continue
			}
			id := fmt.Sprintf("id-%d", i-back)
			if got, _, ok := m.Find(id, r.Start); !ok || len(got.Cache.Key) < min((i-back)*7919%1600, mostKey-len(Ellipsis)) {
				t.Fatalf("after %d: %s: %v", i, id, ok)
			}
		}
	}
	if _, _, ok := m.Find("id-0", start); ok {
		t.Error("the oldest hit is still there")
	}
	if _, _, ok := m.Find("the miss", start); !ok {
		t.Error("hits pushed out a miss")
	}
	hits, others := m.Reach(start.Add(time.Minute))
	if hits <= 0 || hits > time.Minute || others != time.Minute {
		t.Errorf("reach %s %s", hits, others)
	}
}

func TestRecentCutsWhatIsLong(t *testing.T) {
	m := NewRecent(RecentOptions{Keep: time.Hour})
	r := &Record{ID: "id", Request: Request{Path: "/" + strings.Repeat("ä", 1000), Query: strings.Repeat("q", 8000)}}
	r.Shield = Shield{ACL: "a", Labels: slices.Repeat([]string{"l"}, 100)}
	m.Keep(r, strings.Repeat("h", 9000))
	got, headers, ok := m.Find("id", r.Start)
	if !ok || len(got.Request.Path) > mostTarget+len(Ellipsis) || !strings.HasSuffix(got.Request.Path, "ä"+Ellipsis) || !strings.HasSuffix(got.Request.Query, Ellipsis) ||
		!strings.HasSuffix(headers, Ellipsis) || len(got.Shield.Labels) != mostList {
		t.Errorf("%v %d %d %d %d", ok, len(got.Request.Path), len(got.Request.Query), len(headers), len(got.Shield.Labels))
	}
}

// TestRecentFromManySides: what is found is whole while others write.
func TestRecentFromManySides(t *testing.T) {
	m := NewRecent(RecentOptions{Keep: time.Hour, Bytes: 1})
	var wg sync.WaitGroup
	for side := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				id := fmt.Sprintf("%d-%d", side, i)
				m.Keep(&Record{ID: id, Start: time.Unix(1e9, 0), Request: Request{Path: id}}, id)
				if r, headers, ok := m.Find(id, time.Unix(1e9, 0)); ok && (r.Request.Path != id || headers != id) {
					t.Errorf("%s: %q %q", id, r.Request.Path, headers)
				}
				m.Reach(time.Unix(1e9, 0))
			}
		})
	}
	wg.Wait()
}

func TestRecentDoesNotAllocate(t *testing.T) {
	m := NewRecent(RecentOptions{Keep: time.Hour, Bytes: 1 << 20})
	r := whole("id")
	r.Cache.Status = CacheHit
	if n := testing.AllocsPerRun(1000, func() { m.Keep(r, "Accept: a\n") }); n != 0 {
		t.Errorf("%v allocations a record", n)
	}
}

func TestDigestOfAProcess(t *testing.T) {
	a, b := NewRecent(RecentOptions{Keep: 1}), NewRecent(RecentOptions{Keep: 1})
	if again := a.Digest("x"); a.Digest("x") != again || a.Digest("x") == a.Digest("y") || a.Digest("x") == b.Digest("x") {
		t.Error("digests tell too little, or too much")
	}
}

// FuzzRecall reads any bytes as an entry: it must neither panic nor allocate by
// what they say.
func FuzzRecall(f *testing.F) {
	c := codec{}
	headers := "A: b\n"
	c.entry(whole("id"), &headers)
	f.Add(c.b)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, headers := new(Record), ""
		c := codec{b: b, reading: true}
		c.entry(r, &headers)
		if c.broken {
			return
		}
		again := codec{}
		again.entry(r, &headers)
		back, text := new(Record), ""
		c = codec{b: again.b, reading: true}
		if c.entry(back, &text); c.broken {
			t.Errorf("what was read cannot be written and read: %+v", r)
		}
	})
}

func BenchmarkRecentKeep(b *testing.B) {
	m := NewRecent(RecentOptions{Keep: time.Hour})
	r := &Record{
		ID: strings.Repeat("i", 56), Start: time.Unix(1e9, 0), Viewer: Viewer{Addr: netip.MustParseAddrPort("192.0.2.1:1"), TLSVersion: "TLSv1.3"},
		Request:  Request{Method: "GET", Scheme: "https", Host: "d1.cloudfront.net", Path: "/images/logo.png", UserAgent: "Mozilla/5.0 (X11; Linux x86_64)", Bytes: 300},
		Edge:     Edge{Stack: "shop", Distribution: "E1EXAMPLE", Behavior: "*"},
		Result:   Result{Type: Hit, Sent: Hit},
		Cache:    Cache{Status: CacheHit, Key: "E1EXAMPLE\n/images/logo.png\norigin=site", Age: time.Second, TTL: time.Hour},
		Response: Response{Status: 200, Bytes: 1200, ContentType: "image/png"},
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Keep(r, "")
	}
}
