// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func key(target string) []byte { return append(AppendKey(nil, "E1", target), "\nv"...) }

// object is an object born now.
func object(ttl time.Duration, body string) *Object {
	return NewObject(Object{Status: 200, Born: time.Now(), TTL: ttl}, []byte(body))
}

func open(c *Cache, target string) Answer { return c.Open(key(target), time.Now(), true) }

// put stores a body under a target.
func put(c *Cache, target string, ttl time.Duration, body string) {
	c.Solo(key(target)).Renew(object(ttl, body))
}

func text(o *Object) string { return string(bytes.Join(o.Chunks(), nil)) }

// peek tells whether a fresh object is stored.
func peek(c *Cache, key []byte) bool {
	o, fresh := c.Peek(key, time.Now())
	o.Release()
	return fresh
}

// same tells whether a is b as it comes out of the cache.
func same(a, b *Object) bool {
	return a.Status == b.Status && a.Head == b.Head && a.Length == b.Length && a.Born.Equal(b.Born) && a.Age == b.Age &&
		a.TTL == b.TTL && a.Stale == b.Stale && a.StaleIfError == b.StaleIfError && a.Alone == b.Alone && a.Flags == b.Flags &&
		text(a) == text(b)
}

// readAll reads until the end.
func readAll(ctx context.Context, r *Reader) (string, error) {
	defer r.Close()
	var b strings.Builder
	for {
		p, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return b.String(), err
		}
		b.Write(p)
	}
}

func TestLifeOfAnObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{})
		a := open(c, "/a")
		if a.Status != Miss || a.Lease == nil {
			t.Fatalf("first: %+v", a)
		}
		o := object(time.Minute, "body")
		o.Stale = time.Minute
		a.Lease.Renew(o)
		if a = open(c, "/a"); a.Status != Hit || text(a.Object) != "body" {
			t.Fatalf("fresh: %+v", a)
		}
		<-time.After(time.Minute)
		a = open(c, "/a")
		if a.Status != Stale || a.Lease == nil || !same(a.Object, o) {
			t.Fatalf("at its end: %+v", a)
		}
		if b := open(c, "/a"); b.Status != Stale || b.Lease != nil {
			t.Fatalf("only one refreshes: %+v", b)
		}
		a.Lease.Abandon()
		<-time.After(time.Minute)
		if a = open(c, "/a"); a.Status != Expired || a.Lease == nil || !same(a.Object, o) {
			t.Fatalf("after the window: %+v", a)
		}
		a.Lease.Abandon()
	})
}

func TestFollowersStreamWhileTheBodyArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{})
		a := open(c, "/a")
		b := open(c, "/a")
		if b.Status != Wait {
			t.Fatalf("second: %v", b.Status)
		}
		got := make(chan string, 2)
		first := make(chan string, 1)
		go func() {
			out, _, r, err := b.Flight.Await(t.Context())
			if out != Ready || err != nil {
				t.Errorf("Await: %v %v", out, err)
				return
			}
			p, _ := r.Next(t.Context())
			first <- string(p)
			rest, err := readAll(t.Context(), r)
			got <- string(p) + rest + fmt.Sprint(err)
		}()
		pr, pw := io.Pipe()
		fill, r := a.Lease.Begin(&Object{Status: 200, Born: time.Now(), TTL: time.Minute, Length: -1})
		go func() { _ = fill.Copy(pr) }()
		_, _ = pw.Write([]byte("one "))
		if p := <-first; p != "one " {
			t.Errorf("before the end the follower read %q", p)
		}
		_, _ = pw.Write([]byte("two"))
		_ = pw.Close()
		if s := <-got; s != "one two<nil>" {
			t.Errorf("follower: %q", s)
		}
		if s, err := readAll(t.Context(), r); s != "one two" || err != nil {
			t.Errorf("leader: %q %v", s, err)
		}
		if h := open(c, "/a"); h.Status != Hit || text(h.Object) != "one two" || h.Object.Length != 7 {
			t.Errorf("stored: %+v", h)
		}
	})
}

func TestWhatBecomesOfFollowers(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(*Lease)
		want Outcome
		next Status
	}{
		{"renewed", func(l *Lease) { l.Renew(object(time.Minute, "x")) }, Ready, Hit},
		{"passed", func(l *Lease) { l.Pass(time.Now(), time.Minute, Unshared) }, Alone, Pass},
		{"abandoned", func(l *Lease) { l.Abandon() }, Again, Miss},
		{"shared once", func(l *Lease) {
			o := object(time.Minute, "x")
			o.Transient = true
			l.Renew(o)
		}, Ready, Miss},
		{"kept for revalidation", func(l *Lease) {
			o := object(0, "x")
			o.Alone = true
			l.Renew(o)
		}, Alone, Expired},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := New(Config{})
			a, b := open(c, "/a"), open(c, "/a")
			done := make(chan Outcome)
			go func() {
				out, _, _, _ := b.Flight.Await(t.Context())
				done <- out
			}()
			synctest.Wait()
			tt.end(a.Lease)
			if got := <-done; got != tt.want {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
			n := open(c, "/a")
			if n.Status != tt.next {
				t.Errorf("%s: then %v, want %v", tt.name, n.Status, tt.next)
			}
			if n.Lease != nil {
				n.Lease.Abandon()
			}
		})
	}
}

func TestAloneObjectsAreNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{})
		o := object(0, "x")
		o.Alone = true
		c.Solo(key("/a")).Renew(o)
		for range 3 {
			if a := open(c, "/a"); a.Status != Expired || a.Lease == nil {
				t.Fatalf("%+v", a)
			}
		}
	})
}

func TestFetchEndsWhenTheLastViewerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{})
		a, b := open(c, "/a"), open(c, "/a")
		a.Lease.Leave()
		if a.Lease.Context().Err() != nil {
			t.Fatal("a follower is still there")
		}
		b.Flight.Leave()
		if a.Lease.Context().Err() == nil {
			t.Fatal("nobody is there and the fetch goes on")
		}
		if n := open(c, "/a"); n.Status != Miss {
			t.Errorf("a new request must not follow a fetch that was given up: %v", n.Status)
		}
	})
}

func TestF16IncompleteBodiesAreNotStored(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name   string
		length int64
		src    io.Reader
		stored bool
	}{
		{"as announced", 4, strings.NewReader("body"), true},
		{"empty", 0, strings.NewReader(""), true},
		{"shorter", 9, strings.NewReader("body"), false},
		{"longer", 3, strings.NewReader("body"), false},
		{"no length", -1, strings.NewReader("body"), true},
		{"broken off", -1, io.MultiReader(strings.NewReader("body"), errReader{broken}), false},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := New(Config{})
			fill, r := open(c, "/a").Lease.Begin(&Object{Status: 200, Born: time.Now(), TTL: time.Minute, Length: tt.length})
			err := fill.Copy(tt.src)
			if (err == nil) != tt.stored {
				t.Errorf("%s: %v", tt.name, err)
			}
			if _, rerr := readAll(t.Context(), r); (rerr == nil) != tt.stored {
				t.Errorf("%s: reader got %v", tt.name, rerr)
			}
			if a := open(c, "/a"); (a.Status == Hit) != tt.stored {
				t.Errorf("%s: then %v", tt.name, a.Status)
			}
			if n := c.Stats().Filling; n != 0 {
				t.Errorf("%s: %d bytes still reserved", tt.name, n)
			}
		})
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

// endless counts what was read of an endless body.
type endless struct{ n, max int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.max > 0 && e.n >= e.max {
		return 0, io.EOF
	}
	e.n += int64(len(p))
	return len(p), nil
}

func TestLargeBodiesStreamThroughAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{ObjectLimit: 1 << 20})
		a := open(c, "/a")
		b := open(c, "/a")
		src := &endless{max: 64 << 20}
		fill, r := a.Lease.Begin(&Object{Status: 200, Born: time.Now(), TTL: time.Minute, Length: -1})
		go func() { _ = fill.Copy(src) }()
		_, _, slow, _ := b.Flight.Await(t.Context())
		synctest.Wait()
		if src.n > 4<<20 {
			t.Fatalf("%d bytes were read ahead of all readers", src.n)
		}
		if p := open(c, "/a"); p.Status != Pass || p.Reason != TooLarge {
			t.Errorf("new requests: %v %v", p.Status, p.Reason)
		}
		// One reader is fast, the other stands still: it is cut off.
		total, start := int64(0), time.Now()
		for {
			p, err := r.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			total += int64(len(p))
		}
		if total < 64<<20 || time.Since(start) > time.Minute {
			t.Errorf("%d bytes in %v", total, time.Since(start))
		}
		if _, err := slow.Next(t.Context()); !errors.Is(err, ErrLagged) {
			t.Errorf("slow reader: %v", err)
		}
		if a := open(c, "/a"); a.Status != Pass {
			t.Errorf("then %v", a.Status)
		}
	})
}

func TestASlowSingleReaderIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{ObjectLimit: 1 << 20})
		fill, r := open(c, "/a").Lease.Begin(&Object{Born: time.Now(), TTL: time.Minute, Length: -1})
		go func() { _ = fill.Copy(&endless{max: 4 << 20}) }()
		<-time.After(time.Hour)
		if s, err := readAll(t.Context(), r); err != nil || len(s) < 4<<20 {
			t.Errorf("%d bytes, %v", len(s), err)
		}
	})
}

func TestFillsShareABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{Budget: 64 << 20, ObjectLimit: 4 << 20, Filling: 6 << 20})
		big := Object{Born: time.Now(), TTL: time.Minute, Length: 4 << 20}
		o1, o2 := big, big
		f1, r1 := open(c, "/1").Lease.Begin(&o1)
		f2, r2 := open(c, "/2").Lease.Begin(&o2)
		go func() { _ = f1.Copy(io.LimitReader(&endless{}, 4<<20)) }()
		go func() { _ = f2.Copy(io.LimitReader(&endless{}, 4<<20)) }()
		for _, r := range []*Reader{r1, r2} {
			if s, err := readAll(t.Context(), r); err != nil || len(s) != 4<<20 {
				t.Errorf("%d %v", len(s), err)
			}
		}
		synctest.Wait()
		if a := open(c, "/1"); a.Status != Hit {
			t.Errorf("the first: %v", a.Status)
		}
		if a := open(c, "/2"); a.Status != Pass || a.Reason != NoCapacity {
			t.Errorf("the second: %v %v", a.Status, a.Reason)
		}
	})
}

func TestF19Invalidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fill := func() *Cache {
			c := New(Config{})
			for _, p := range []string{"/a", "/a?x=1", "/ab", "/A", "/b/c"} {
				put(c, p, time.Hour, p)
			}
			return c
		}
		for _, tt := range []struct{ path, gone string }{
			{"/a", "/a"},
			{"a", "/a"},
			{"/a?x=1", "/a?x=1"},
			{"/a*", "/a /a?x=1 /ab"},
			{"/a?*", "/a?x=1"},
			{"/*", "/a /a?x=1 /ab /A /b/c"},
			{"*", "/a /a?x=1 /ab /A /b/c"},
			{"/nothing", ""},
		} {
			c := fill()
			n := dropped(c, func() { drop(c, tt.path) })
			var gone []string
			for _, p := range []string{"/a", "/a?x=1", "/ab", "/A", "/b/c"} {
				if o, _ := c.Peek(key(p), time.Now()); o == nil {
					gone = append(gone, p)
				}
			}
			if got := strings.Join(gone, " "); got != tt.gone || n != len(gone) {
				t.Errorf("%s: %q gone, %d counted, want %q", tt.path, got, n, tt.gone)
			}
			if dropped(c, func() { c.Invalidate("E2", []Path{ParsePath("*")}) }) != 0 {
				t.Error("another distribution's objects were dropped")
			}
		}
	})
}

func TestAnInvalidationReachesWhatIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{})
		a := open(c, "/a")
		solo := c.Solo(key("/s"))
		c.Invalidate("E1", []Path{ParsePath("*")})
		if b := open(c, "/a"); b.Status != Miss {
			t.Errorf("a request after the invalidation follows an older fetch: %v", b.Status)
		} else {
			b.Lease.Abandon()
		}
		a.Lease.Renew(object(time.Hour, "old"))
		solo.Renew(object(time.Hour, "old"))
		for _, p := range []string{"/a", "/s"} {
			if o, _ := c.Peek(key(p), time.Now()); o != nil {
				t.Errorf("%s: an answer from before the invalidation was stored", p)
			}
		}
	})
}

func TestPurge(t *testing.T) {
	c := New(Config{})
	for i := range 3000 {
		put(c, fmt.Sprintf("/%d", i), time.Hour, "x")
	}
	if n := dropped(c, c.Purge); n != 3000 || c.Stats().Bytes != 0 || c.Stats().Objects != 0 {
		t.Errorf("%d dropped, left %+v", n, c.Stats())
	}
}

// An answer that is not shared leaves a marker only where one is of use.
func TestUnsharedAnswersThatNobodyWaitedFor(t *testing.T) {
	for _, tt := range []struct {
		name     string
		waits    bool
		why      PassReason
		want     Status
		objects  int
		existing bool
	}{
		{"nobody waits", false, Unshared, Miss, 0, false},
		{"somebody waits", true, Unshared, Pass, 1, false},
		{"something is stored", false, Unshared, Pass, 1, true},
		{"too large", false, TooLarge, Pass, 1, false},
	} {
		c, now := New(Config{}), time.Now()
		if tt.existing {
			c.Open([]byte("k"), now, true).Lease.Renew(NewObject(Object{Status: 200, Born: now.Add(-time.Hour), TTL: time.Minute}, nil))
		}
		l := c.Open([]byte("k"), now, true).Lease
		if tt.waits {
			c.Open([]byte("k"), now, true).Flight.Leave()
		}
		l.Pass(now, time.Minute, tt.why)
		n := c.Stats().Objects
		a := c.Open([]byte("k"), now, true)
		if a.Status != tt.want || n != tt.objects {
			t.Errorf("%s: %v, %d entries", tt.name, a.Status, n)
		}
		a.Lease.Abandon()
	}
}
