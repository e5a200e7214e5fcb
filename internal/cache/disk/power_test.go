// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"maps"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// TestPowerCut works on a store, takes what the disk would be after a cut (or a
// kill) before some operation, and goes on from that; time after time.
func TestPowerCut(t *testing.T) {
	rounds := 30
	if n, err := strconv.Atoi(os.Getenv("DISK_KILL_ROUNDS")); err == nil {
		rounds = n
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	fs := newMemFS()
	gone := dropped{}
	checked := 0
	for round := 1; round <= rounds; round++ {
		// The hook runs in any goroutine, with the lock of fs.
		left := 1 + r.IntN(1<<r.IntN(10))
		cutter := r
		if r.IntN(3) == 0 {
			cutter = nil
		}
		acked := dropped{}
		maps.Copy(acked, gone)
		var after *memFS
		var then dropped
		fs.before = func(_, _ string) error {
			if left--; left == 0 {
				after, then = fs.cut(cutter), maps.Clone(acked)
			}
			return nil
		}
		o := Options{Dir: t.TempDir(), Budget: 4 << 20, Segment: 256 << 10, Log: quiet(), FS: fs}
		s := open(t, o)
		acts := rand.New(rand.NewPCG(seed, uint64(round)))
		for gen := uint64(round) * 1_000_000; ; gen++ {
			line := act(s, acts, 0, gen)
			fs.mu.Lock()
			acked.note(line)
			cut := after != nil
			fs.mu.Unlock()
			if cut {
				break
			}
		}
		s.Close()
		fs, gone = after, then
		if r.IntN(4) == 0 {
			delete(fs.names, checkpointName)
		}
		o.FS, o.Dir = fs, t.TempDir()
		s = open(t, o)
		if err := s.Healthy(); err != nil {
			t.Fatal(err)
		}
		checked += gone.verify(t, s)
		s.Close()
	}
	if checked == 0 {
		t.Error("no object survived: nothing was tested")
	}
	t.Logf("%d cuts: %d objects compared", rounds, checked)
}
