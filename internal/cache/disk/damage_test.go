// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// closedStore is a closed store with objects of all kinds, invalidations among them.
func closedStore(t *testing.T) (*memFS, dropped) {
	fs := newMemFS()
	s := open(t, Options{Dir: t.TempDir(), Budget: 8 << 20, Segment: 256 << 10, Log: quiet(), FS: fs})
	gone := dropped{}
	r := rand.New(rand.NewPCG(5, 5))
	for gen := range uint64(600) {
		gone.note(act(s, r, 0, gen+1))
	}
	for i := range killKeys {
		put(s, killKey(0, i), 1000, 100*i)
		if i%8 == 0 {
			if err := stream(t, s, killKey(0, i), 1000, 300000); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.Close()
	return fs, gone
}

// damageRounds is 60, or five for each of DISK_KILL_ROUNDS.
func damageRounds() int {
	if n, err := strconv.Atoi(os.Getenv("DISK_KILL_ROUNDS")); err == nil {
		return 5 * n
	}
	return 60
}

// TestDamage flips bits, cuts files short and swaps them; nothing wrong may be
// handed out, and the store must open and work.
func TestDamage(t *testing.T) {
	base, gone := closedStore(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	files := slices.Sorted(maps.Keys(base.names))
	if !slices.ContainsFunc(files, func(n string) bool { return strings.HasPrefix(n, "body-") }) {
		t.Fatal("no large body among the files")
	}
	found := 0
	for i := range damageRounds() {
		fs := base.cut(nil)
		f := fs.names[files[r.IntN(len(files))]]
		what := ""
		switch i % 5 {
		case 0, 1:
			what = "bit flipped"
			at := r.IntN(len(f.now))
			if r.IntN(2) == 0 {
				at = r.IntN(min(len(f.now), 200))
			}
			f.now[at] ^= 1 << r.IntN(8)
		case 2:
			if f.name == journalName {
				continue // a journal that ends early looks like one whose end was not acknowledged
			}
			what = "cut short"
			f.now = f.now[:r.IntN(len(f.now))]
		case 3:
			what = "zeros"
			if f.name == journalName {
				continue
			}
			at := r.IntN(len(f.now))
			clear(f.now[at:min(at+4096, len(f.now))])
		case 4:
			what = "exchanged"
			g := fs.names[files[r.IntN(len(files))]]
			if f.name == journalName || g.name == journalName {
				continue
			}
			f.now, g.now = g.now, f.now
		}
		s := open(t, Options{Dir: t.TempDir(), Budget: 8 << 20, Segment: 256 << 10, Log: quiet(), FS: fs})
		if err := s.Healthy(); err != nil {
			t.Fatalf("%s %s: %v", f.name, what, err)
		}
		found += gone.verify(t, s)
		put(s, keyOf(1), 1, 1000)
		s.Flush()
		want(t, s, keyOf(1), 1)
		s.Close()
	}
	if found == 0 {
		t.Error("nothing was found: nothing was tested")
	}
}

// TestOneBadBlockCostsOneObject: without damage to a head, the others stay.
func TestOneBadBlockCostsOneObject(t *testing.T) {
	fs := newMemFS()
	o := Options{Dir: t.TempDir(), Budget: 8 << 20, Segment: 1 << 20, Log: quiet(), FS: fs}
	s := open(t, o)
	for i := range 10 {
		put(s, keyOf(i), 1, 3000)
	}
	s.Flush()
	body := content(keyOf(5), 1, 3000)
	f := fs.names[segmentName(1)]
	at := strings.Index(string(f.now), string(body))
	f.now[at+100] ^= 4
	for range 2 {
		for i := range 10 {
			if i == 5 {
				none(t, s, keyOf(i))
			} else {
				want(t, s, keyOf(i), 1)
			}
		}
		s.Close()
		s = open(t, o)
	}
}

func TestAnotherVersionIsDropped(t *testing.T) {
	for _, name := range []string{storeName, segmentName(1), journalName, checkpointName} {
		t.Run(name, func(t *testing.T) {
			fs := newMemFS()
			o := Options{Dir: t.TempDir(), Budget: 8 << 20, Log: quiet(), FS: fs}
			s := open(t, o)
			put(s, keyOf(1), 1, 1000)
			s.Close()
			fs.names[name].now[4]++ // the version
			s = open(t, o)
			if name == checkpointName {
				want(t, s, keyOf(1), 1)
			} else {
				none(t, s, keyOf(1))
			}
			put(s, keyOf(2), 1, 1000)
			s.Close()
			s = open(t, o)
			want(t, s, keyOf(2), 1)
		})
	}
}
