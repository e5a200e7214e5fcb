// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestBudget: never more than a segment over it, whatever the sizes.
func TestBudget(t *testing.T) {
	fs := newMemFS()
	o := Options{Dir: t.TempDir(), Budget: 8 << 20, Segment: 256 << 10, Log: quiet(), FS: fs}
	s := open(t, o)
	var worst int64
	fs.mu.Lock()
	fs.before = func(op, _ string) error {
		if op == "write" || op == "create" {
			var n int64
			for _, f := range fs.names {
				n += int64(len(f.now))
			}
			worst = max(worst, n)
		}
		return nil
	}
	fs.mu.Unlock()
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 3000 {
		put(s, keyOf(i), 1, r.IntN(1<<r.IntN(18)+1))
		if i%20 == 0 {
			if err := stream(t, s, keyOf(10000+i), 1, 100000+r.IntN(1<<20)); err != nil {
				t.Fatal(err)
			}
		}
		if i%7 == 0 {
			if ref, ok := s.Find(keyOf(max(i-50, 0))); ok {
				s.Touch(ref)
			}
		}
	}
	s.Flush()
	st := s.Stats()
	if limit := o.Budget + o.Segment; worst > limit {
		t.Errorf("%d bytes of files, more than %d", worst, limit)
	}
	if st.Reclaimed == 0 || st.Reinserted == 0 || st.Used < o.Budget/2 || st.Lost > 0 {
		t.Errorf("%+v", st)
	}
	fs.mu.Lock()
	var files int64
	for name, f := range fs.names {
		if name != journalName && name != storeName && name != checkpointName {
			files += int64(len(f.now))
		}
	}
	fs.mu.Unlock()
	if files != st.Used {
		t.Errorf("%d bytes used, %d accounted", files, st.Used)
	}
	s.Close()
	o.Budget = 4 << 20
	s = open(t, o)
	if err := stream(t, s, keyOf(1), 1, 3<<20); !errors.Is(err, ErrNoSpace) {
		t.Errorf("more than half the budget: %v", err)
	}
	if err := stream(t, s, keyOf(1), 1, 1<<20); err != nil {
		t.Error(err)
	}
	want(t, s, keyOf(1), 1)
	if st := s.Stats(); st.Used > o.Budget+o.Segment {
		t.Errorf("a smaller budget: %d bytes used", st.Used)
	}
}

func TestTouchedObjectsStay(t *testing.T) {
	dir := t.TempDir()
	s := open(t, small(dir))
	for i := range 5 {
		put(s, keyOf(i), 1, 2000)
	}
	if err := stream(t, s, keyOf(5), 1, 100<<10); err != nil {
		t.Fatal(err)
	}
	for i := range 2000 {
		put(s, keyOf(100+i), 1, 2000)
		s.Flush()
		for j := range 6 {
			if ref, ok := s.Find(keyOf(j)); ok && j != 3 {
				s.Touch(ref)
			}
		}
	}
	for range 2 {
		for j := range 6 {
			if j == 3 {
				none(t, s, keyOf(j))
			} else {
				want(t, s, keyOf(j), 1)
			}
		}
		s.Close()
		s = open(t, small(dir))
	}
}

// TestRulesAreForgotten when nothing is left that they could hit.
func TestRulesAreForgotten(t *testing.T) {
	s := open(t, small(t.TempDir()))
	for i := range 50 {
		put(s, keyOf(i), 1, 1000)
		s.Invalidate(Target{string(textOf(keyOf(i))), i%2 == 0})
		put(s, keyOf(1000+i), 1, 1000)
		s.Delete(keyOf(1000 + i))
	}
	if n := s.Stats().Rules; n != 100 {
		t.Errorf("%d rules, want 100", n)
	}
	for i := range 2000 {
		put(s, keyOf(100+i), 1, 2000)
		if i%10 == 0 {
			s.Flush()
		}
	}
	s.Flush()
	if n := s.Stats().Rules; n != 0 {
		t.Errorf("%d rules are left", n)
	}
}

// TestForgottenRulesStayInForce: what is in demand is copied, but not past an
// invalidation that is forgotten once its segments are gone.
func TestForgottenRulesStayInForce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, small(dir))
	var refs []Ref
	for i := range 3 {
		if err := stream(t, s, keyOf(i), 1, []int{2000, 15000, 100000}[i]); err != nil {
			t.Fatal(err)
		}
		s.Flush()
		ref, _ := s.Find(keyOf(i))
		refs = append(refs, ref)
	}
	if err := s.Invalidate(Target{"dist\n/dir", true}); err != nil {
		t.Fatal(err)
	}
	for i := 0; s.Stats().Rules > 0; i++ {
		for _, ref := range refs {
			s.Touch(ref)
		}
		put(s, fmt.Appendf(nil, "else\n/%d\n", i), 1, 2000)
		s.Flush()
	}
	for range 2 {
		for i := range refs {
			none(t, s, keyOf(i))
		}
		s.Close()
		os.Remove(filepath.Join(dir, checkpointName))
		s = open(t, small(dir))
	}
}

func TestReadersKeepWhatTheyRead(t *testing.T) {
	s := open(t, small(t.TempDir()))
	var items []*Item
	for i, size := range []int{15 << 10, 300 << 10} {
		if err := stream(t, s, keyOf(i), 1, size); err != nil {
			t.Fatal(err)
		}
		s.Flush()
		ref, _ := s.Find(keyOf(i))
		it, err := s.Read(ref, keyOf(i))
		if err != nil {
			t.Fatal(err)
		}
		defer it.Close()
		items = append(items, it)
	}
	for i := range 2000 {
		put(s, keyOf(100+i), 1, 2000)
	}
	s.Flush()
	for i, it := range items {
		none(t, s, keyOf(i))
		b := make([]byte, it.Size())
		if _, err := it.ReadAt(b, 0); err != nil || string(b) != string(content(keyOf(i), 1, len(b))) {
			t.Errorf("object %d: %v", i, err)
		}
	}
}

// TestStress is for the race detector.
func TestStress(t *testing.T) {
	s := open(t, killOptions(t.TempDir()))
	var all sync.WaitGroup
	for w := range killWorkers {
		gone := dropped{}
		all.Go(func() {
			r := rand.New(rand.NewPCG(3, uint64(w)))
			for gen := uint64(1); gen < 150; gen++ {
				gone.note(act(s, r, w, gen))
				key := killKey(w, r.IntN(killKeys))
				if g, ok := check(t, s, key); ok && g <= gone[string(key)] {
					t.Errorf("%q: generation %d was dropped", key, g)
				}
			}
		})
		all.Go(func() { // reads what others write and drop
			r := rand.New(rand.NewPCG(4, uint64(w)))
			for range 300 {
				check(t, s, killKey(r.IntN(killWorkers), r.IntN(killKeys)))
				s.Stats()
			}
		})
	}
	all.Wait()
}
