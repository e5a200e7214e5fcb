// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The kill test: a child works on a store until it is killed at a random point,
// round after round on the same folder; then every byte of every object is
// compared, and that nothing acknowledged as dropped is there.
//
//	DISK_KILL_ROUNDS=200 go test -run TestKill ./internal/cache/disk

const (
	killWorkers = 3
	killKeys    = 40
)

func killOptions(dir string) Options {
	return Options{Dir: dir, Budget: 24 << 20, Segment: 512 << 10, Log: quiet()}
}

func killKey(worker, i int) []byte {
	return fmt.Appendf(nil, "d%d\n/%d/%d\nGET", worker, i%4, i)
}

// victim is the child. It writes a line when it has done something; a line of
// a drop has the generations that must be gone.
func victim(dir string) {
	base, _ := strconv.ParseUint(os.Getenv("DISK_KILL_BASE"), 10, 64)
	fmt.Println("opening")
	s, err := Open(killOptions(dir))
	if err != nil {
		fmt.Println("failed", err)
		return
	}
	var workers sync.WaitGroup
	for w := range killWorkers {
		workers.Go(func() {
			r := rand.New(rand.NewPCG(base, uint64(w)))
			for gen := base; ; gen++ {
				fmt.Println(act(s, r, w, gen))
			}
		})
	}
	workers.Wait()
}

// act does one thing. The generations of a worker only grow.
func act(s *Store, r *rand.Rand, w int, gen uint64) string {
	i := r.IntN(killKeys)
	key := killKey(w, i)
	switch n := r.IntN(100); {
	case n < 60:
		put(s, key, gen, r.IntN(1<<r.IntN(18)+1))
	case n < 68:
		if wr, err := s.CreateSince(s.Clock(), key); err == nil {
			size := r.IntN(1 << 20)
			wr.Write(content(key, gen, size))
			wr.Commit(metaOf(gen, size))
			wr.Close()
		}
	case n < 76:
		if ref, ok := s.Find(key); ok {
			s.Touch(ref)
			if it, err := s.Read(ref, key); err == nil {
				s.Renew(ref, key, append([]byte(nil), it.Meta()...))
				it.Close()
			}
		}
	case n < 86:
		if ref, ok := s.Find(key); ok {
			s.Touch(ref)
		}
	case n < 92:
		if s.Delete(key) == nil {
			return fmt.Sprintf("drop %d %d key %d", w, gen, i)
		}
	case n < 97:
		if s.Invalidate(Target{string(textOf(key)), false}) == nil {
			return fmt.Sprintf("drop %d %d key %d", w, gen, i)
		}
	default:
		if s.Invalidate(Target{fmt.Sprintf("d%d\n/%d/", w, i%4), true}) == nil {
			return fmt.Sprintf("drop %d %d all %d", w, gen, i%4)
		}
	}
	return "did"
}

// dropped is the generation up to which each key is gone for good.
type dropped map[string]uint64

func (d dropped) note(line string) {
	var w, n int
	var gen uint64
	var what string
	if k, _ := fmt.Sscanf(line, "drop %d %d %s %d", &w, &gen, &what, &n); k != 4 {
		return
	}
	for i := range killKeys {
		if what == "key" && i == n || what == "all" && i%4 == n {
			key := string(killKey(w, i))
			d[key] = max(d[key], gen)
		}
	}
}

// verify reads everything and returns how many objects there were.
func (d dropped) verify(t *testing.T, s *Store) (objects int) {
	t.Helper()
	for w := range killWorkers {
		for i := range killKeys {
			key := killKey(w, i)
			gen, ok := check(t, s, key)
			if !ok {
				continue
			}
			objects++
			if last, hit := d[string(key)]; hit && gen <= last {
				t.Fatalf("%q: generation %d came back, %d was dropped", key, gen, last)
			}
		}
	}
	return objects
}

func TestKill(t *testing.T) {
	rounds := 6
	if n, err := strconv.Atoi(os.Getenv("DISK_KILL_ROUNDS")); err == nil {
		rounds = n
	}
	dir := filepath.Join(t.TempDir(), "store")
	gone := dropped{}
	r := rand.New(rand.NewPCG(rand.Uint64(), 1))
	checked, drops := 0, 0
	for round := 1; round <= rounds; round++ {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), "DISK_KILL_DIR="+dir, fmt.Sprintf("DISK_KILL_BASE=%d", round*1_000_000))
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines, until := 0, r.IntN(1<<r.IntN(13)+1)+1
		for sc := bufio.NewScanner(out); sc.Scan(); {
			if strings.HasPrefix(sc.Text(), "failed") {
				t.Fatal(sc.Text())
			}
			if lines++; lines == until {
				child.Process.Kill()
			}
			if strings.HasPrefix(sc.Text(), "drop") {
				drops++
			}
			gone.note(sc.Text()) // what came through before the kill counts
		}
		child.Wait()
		if r.IntN(3) == 0 && round != rounds {
			continue // killed again before anything was tidied up
		}
		if r.IntN(3) == 0 {
			os.Remove(filepath.Join(dir, checkpointName))
		}
		s := open(t, killOptions(dir))
		if err := s.Healthy(); err != nil {
			t.Fatal(err)
		}
		checked += gone.verify(t, s)
		s.Close()
	}
	if checked == 0 || drops == 0 {
		t.Errorf("%d objects and %d drops: nothing was tested", checked, drops)
	}
	t.Logf("%d rounds: %d objects compared, %d drops held", rounds, checked, drops)
}
