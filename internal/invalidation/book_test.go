// SPDX-License-Identifier: Apache-2.0

package invalidation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nodes is a Carrier that notes what it is handed.
type nodes struct {
	mu   sync.Mutex
	done []string // ids
	gate chan struct{}
	fail int // Appends that fail first
}

func (n *nodes) Append(_ context.Context, v Invalidation) (uint64, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail > 0 {
		n.fail--
		return 0, errors.New("the log cannot be reached")
	}
	n.done = append(n.done, v.ID)
	return uint64(len(n.done)), nil
}

func (n *nodes) Wait(ctx context.Context, _ uint64) error {
	if n.gate == nil {
		return nil
	}
	select {
	case <-n.gate:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func open(t *testing.T, dir string, c Carrier) *Book {
	t.Helper()
	b, err := Open(dir, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func create(t *testing.T, b *Book, ref string, paths ...string) Invalidation {
	t.Helper()
	v, err := b.Create(t.Context(), Request{Distribution: "E1", CallerReference: ref, Paths: paths})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func reason(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return 0
}

func TestF19CallerReference(t *testing.T) {
	n := &nodes{}
	b := open(t, t.TempDir(), n)
	first := create(t, b, "r", "/a", "/b*")
	if first.Status != Completed || len(first.ID) != 14 || first.ID[0] != 'I' {
		t.Errorf("%+v", first)
	}
	if again := create(t, b, "r", "/b*", "/a"); again.ID != first.ID || len(n.done) != 1 {
		t.Errorf("the same request is %s, done %v", again.ID, n.done)
	}
	_, err := b.Create(t.Context(), Request{Distribution: "E1", CallerReference: "r", Paths: []string{"/a"}})
	if reason(err) != ReferenceTaken {
		t.Errorf("other paths: %v", err)
	}
	if v, err := b.Create(t.Context(), Request{Distribution: "E2", CallerReference: "r", Paths: []string{"/a"}}); err != nil || v.ID == first.ID {
		t.Errorf("of another distribution: %v %v", v, err)
	}
	one, two := create(t, b, "", "/a"), create(t, b, "", "/a")
	if one.ID == two.ID || one.CallerReference == two.CallerReference {
		t.Error("without a reference each is its own")
	}
	if got := b.List("E1"); len(got) != 3 || got[0].ID != two.ID || got[2].ID != first.ID {
		t.Errorf("%+v", got)
	}
	if _, err := b.Get("E2", first.ID); reason(err) != NotFound {
		t.Errorf("%v", err)
	}
}

func TestF19Paths(t *testing.T) {
	for path, ok := range map[string]bool{
		"/": true, "/a": true, "/*": true, "/a/b*": true, "/a?x=1": true, "/a?*": true, "/caf%C3%A9": true, "#red": true, "#Product:1": true,
		"#a*": true, "": false, "a": false, "*": false, "/a*b": false, "/*/b": false, "/a**": false, "/café": false, "/a b": false,
		"/a\n": false, "#": false, "#a,b": false, "#a b": false, "#é": false, "/" + strings.Repeat("a", 4000): false, "#" + strings.Repeat("a", 257): false,
		"/" + strings.Repeat("a", 3999): true, "#" + strings.Repeat("a", 256): true,
	} {
		if err := Check(path); (err == nil) != ok || !ok && reason(err) != InvalidPath {
			t.Errorf("%.40q: %v", path, err)
		}
	}
	b := open(t, t.TempDir(), &nodes{})
	if _, err := b.Create(t.Context(), Request{Distribution: "E1"}); reason(err) != InvalidPath {
		t.Errorf("no path: %v", err)
	}
}

func TestF19InProgress(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		n := &nodes{gate: make(chan struct{}), fail: 2}
		b, err := Open(dir, n, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		v := create(t, b, "r", "/a*")
		if v.Status != InProgress || b.InProgress("E1") != 1 {
			t.Errorf("%+v", v)
		}
		many := func(n int, star string) []string {
			paths := make([]string, n)
			for i := range paths {
				paths[i] = fmt.Sprintf("/%d%s", i, star)
			}
			return paths
		}
		for name, tc := range map[string]struct {
			paths []string
			want  Reason
		}{
			"15 stars":   {many(15, "*"), TooMany},
			"3001 paths": {many(3001, ""), TooMany},
		} {
			_, err := b.Create(t.Context(), Request{Distribution: "E1", Paths: tc.paths, Quotas: true})
			if reason(err) != tc.want {
				t.Errorf("%s: %v", name, err)
			}
		}
		close(n.gate)
		<-time.After(3 * pause)
		if v, _ = b.Get("E1", v.ID); v.Status != Completed {
			t.Error("it is not completed")
		}
		if _, err := b.Create(t.Context(), Request{Distribution: "E1", Paths: many(15, "*"), Quotas: true}); err != nil {
			t.Error(err)
		}
	})
}

// TestARestartKeepsTheBook, also with a torn line, and goes on with what was
// not completed.
func TestARestartKeepsTheBook(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, &nodes{})
	done := create(t, b, "done", "/a")
	b.Close()
	stuck := &nodes{gate: make(chan struct{})}
	b = open(t, dir, stuck)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	open1, err := b.Create(ctx, Request{Distribution: "E1", CallerReference: "open", Paths: []string{"/b"}})
	if err != nil || open1.Status != InProgress {
		t.Fatalf("%+v %v", open1, err)
	}
	b.Close()
	f, err := os.OpenFile(filepath.Join(dir, fileName), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"invalidation":{"id":"I`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	n := &nodes{}
	b = open(t, dir, n)
	v, err := b.Create(t.Context(), Request{Distribution: "E1", CallerReference: "open", Paths: []string{"/b"}})
	if err != nil || v.ID != open1.ID || v.Status != Completed || !slices.Equal(n.done, []string{open1.ID}) {
		t.Errorf("%+v %v, done %v", v, err, n.done)
	}
	last := create(t, b, "last", "/c")
	b.Close()
	b = open(t, dir, n)
	for _, want := range []Invalidation{done, v, last} {
		if got, err := b.Get("E1", want.ID); err != nil || got.Status != Completed || !got.Created.Equal(want.Created) || !slices.Equal(got.Paths, want.Paths) {
			t.Errorf("%+v %v, want %+v", got, err, want)
		}
	}
}

// TestTwoProcessesHaveOneBook while one hands over to the other.
func TestTwoProcessesHaveOneBook(t *testing.T) {
	dir := t.TempDir()
	one, two := open(t, dir, &nodes{}), open(t, dir, &nodes{})
	for i := range 20 {
		b, other := one, two
		if i%2 == 1 {
			b, other = two, one
		}
		v := create(t, b, fmt.Sprint(i), "/a")
		if got, err := other.Get("E1", v.ID); err != nil || got.Status != Completed {
			t.Fatalf("%d: %+v %v", i, got, err)
		}
	}
}

func TestTheBookIsBounded(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, &nodes{})
	paths := make([]string, 3000)
	for i := range paths {
		paths[i] = fmt.Sprintf("/some/longer/path/%d", i)
	}
	for i := range 50 {
		create(t, b, fmt.Sprint(i), paths...)
	}
	if n := len(b.List("E1")); n != KeptPaths/len(paths) {
		t.Errorf("%d entries", n)
	}
	before, _ := os.Stat(b.file.name)
	b.file.at = 0 // as after a restart
	b.mu.Lock()
	err := b.rewrite()
	b.mu.Unlock()
	after, _ := os.Stat(b.file.name)
	if err != nil || after.Size() >= before.Size() {
		t.Errorf("%d bytes before, %d after, %v", before.Size(), after.Size(), err)
	}
	v := create(t, b, "new", "/a")
	b.Close()
	b = open(t, dir, &nodes{})
	if _, err := b.Get("E1", v.ID); err != nil {
		t.Error(err)
	}
}

// TestLearn: what another node began is completed when its wait is over.
func TestLearn(t *testing.T) {
	b := open(t, t.TempDir(), &nodes{})
	gate, waited := make(chan struct{}), make(chan struct{})
	v := Invalidation{ID: "I1", Distribution: "E1", CallerReference: "x", Paths: []string{"/a"}, Created: time.Now()}
	for range 2 {
		if err := b.Learn(v, func(context.Context) error { <-gate; close(waited); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := b.Get("E1", "I1"); err != nil || got.Status != InProgress {
		t.Errorf("%+v %v", got, err)
	}
	if same, err := b.Create(canceled(t), Request{Distribution: "E1", CallerReference: "x", Paths: []string{"/a"}}); err != nil || same.ID != "I1" {
		t.Errorf("%+v %v", same, err)
	}
	close(gate)
	<-waited
	<-b.byID["I1"].done
	if got, err := b.Get("E1", "I1"); err != nil || got.Status != Completed {
		t.Errorf("%+v %v", got, err)
	}
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// BenchmarkCreate is one more invalidation of a book that is as full as it gets:
// Kept entries with KeptPaths paths, all of them completed.
func BenchmarkCreate(b *testing.B) {
	for _, full := range []bool{false, true} {
		b.Run(fmt.Sprintf("full=%v", full), func(b *testing.B) {
			book, err := Open(b.TempDir(), &nodes{}, nil)
			if err != nil {
				b.Fatal(err)
			}
			defer book.Close()
			book.mu.Lock()
			for i := 0; full && i < Kept; i++ {
				v := Invalidation{ID: fmt.Sprint("I", i), Distribution: "E1", CallerReference: fmt.Sprint(i), Status: Completed}
				for j := range KeptPaths / Kept {
					v.Paths = append(v.Paths, fmt.Sprintf("/%d/%d*", i, j))
				}
				book.add(v)
			}
			book.mu.Unlock()
			for b.Loop() {
				if _, err := book.Create(b.Context(), Request{Distribution: "E1", Paths: []string{"/a*"}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
