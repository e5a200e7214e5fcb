// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func put(t *testing.T, s *Store, key, text string) *Object {
	t.Helper()
	d, err := s.Draft(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(d, text); err != nil {
		t.Fatal(err)
	}
	o := &Object{Key: key}
	if err := d.Commit(o, nil); err != nil {
		t.Fatal(err)
	}
	return o
}

func read(t *testing.T, s *Store, key string) (text string, o *Object) {
	t.Helper()
	o, f, err := s.Get(key)
	if err != nil {
		t.Fatal(err)
	}
	if f == nil {
		return "", o
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return string(b), o
}

func keys(t *testing.T, s *Store) string {
	t.Helper()
	var all []string
	for at := ""; ; {
		o, ok, err := s.After(at)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return strings.Join(all, " ")
		}
		name := o.Key
		if o.Deleted {
			name = "-" + name
		}
		all = append(all, name)
		at = o.Key + "\x00"
	}
}

// files are the names of all files below a folder.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestObjectsSurviveAndAreReplaced(t *testing.T) {
	dir := t.TempDir()
	s := New(dir, nil)
	if got := keys(t, s); got != "" {
		t.Errorf("an empty store has %s", got)
	}
	put(t, s, "b/../../x", "one")
	put(t, s, "a", "two")
	first := put(t, s, "b", "three")
	put(t, s, "b", "four")
	if err := s.Delete("a", false); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete("c", true); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete("never", false); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*Store{"the same": s, "opened again": New(dir, nil)} {
		if got := keys(t, s); got != "b b/../../x -c" {
			t.Errorf("%s: keys %s", name, got)
		}
		text, o := read(t, s, "b")
		if text != "four" || o.ETag != "8cbad96aced40b3838dd9f07f6ef5772" || o.Size != 4 || o.Modified.Before(first.Modified) {
			t.Errorf("%s: %q %+v", name, text, o)
		}
		if text, _ := read(t, s, "b/../../x"); text != "one" {
			t.Errorf("%s: %q", name, text)
		}
		if _, o := read(t, s, "a"); o != nil {
			t.Errorf("%s: a deleted object is there: %+v", name, o)
		}
		if _, o := read(t, s, "c"); o == nil || !o.Deleted {
			t.Errorf("%s: a deletion is forgotten: %+v", name, o)
		}
	}
	if all := files(t, dir); len(all) != 5 { // two objects of two files, one deletion
		t.Errorf("files %q", all)
	}
}

func TestCommitAsksFirst(t *testing.T) {
	s := New(t.TempDir(), nil)
	put(t, s, "k", "old")
	d, err := s.Draft("k")
	if err != nil {
		t.Fatal(err)
	}
	no := errors.New("no")
	if err := d.Commit(&Object{Key: "k"}, func() error { return no }); !errors.Is(err, no) {
		t.Errorf("error %v", err)
	}
	if text, _ := read(t, s, "k"); text != "old" {
		t.Errorf("%q", text)
	}
	if all := files(t, s.dir); len(all) != 2 {
		t.Errorf("left over: %q", all)
	}
}

// TestAnyMomentIsTheEnd takes the folder as a power cut would leave it at each
// step of a write.
func TestAnyMomentIsTheEnd(t *testing.T) {
	dir := t.TempDir()
	s := New(dir, nil)
	put(t, s, "k", "old")
	old := time.Now().Add(-2 * leftOver)
	half, err := s.Draft("k") // bytes came, no description
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(half, "hal"); err != nil {
		t.Fatal(err)
	}
	name := s.name("k")
	for file, text := range map[string]string{
		name + ".aa.tmp":                       `{"Key":"k","Size":3,"Da`, // a description that is half there
		name + ".bb.data":                      "replaced, not yet removed",
		s.name("torn") + ".json":               `{"Key":"to`,             // what no rename leaves: a broken disk
		s.name("torn") + ".cc.data":            "its data",               // which is kept, for it may be mended
		s.name("k")[:len(name)-1] + "0.json":   `{"Key":"k","Data":"x"}`, // not this key's place
		filepath.Join(dir, "objects", "stray"): "",
	} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "objects", "stray")); err != nil {
		t.Fatal(err)
	}
	again := New(dir, nil)
	if got := keys(t, again); got != "k" {
		t.Errorf("keys %s", got)
	}
	if text, _ := read(t, again, "k"); text != "old" {
		t.Errorf("%q", text)
	}
	for _, f := range files(t, dir) {
		if strings.HasSuffix(f, ".tmp") || strings.HasSuffix(f, ".bb.data") {
			t.Errorf("%s is left over", f)
		}
	}
	if _, err := os.Stat(s.name("torn") + ".cc.data"); err != nil {
		t.Errorf("data of a description that cannot be read is gone: %v", err)
	}
	if err := half.Commit(&Object{Key: "k"}, nil); err != nil { // what is being written was not touched
		t.Fatal(err)
	}
	if text, _ := read(t, again, "k"); text != "hal" {
		t.Errorf("%q", text)
	}
	if _, _, err := again.Get("torn"); err == nil {
		t.Error("a torn description is no error")
	}
}

func TestAnotherProcessWrites(t *testing.T) {
	dir := t.TempDir()
	gone := make(chan struct{})
	before, after := New(dir, nil), New(dir, gone)
	put(t, before, "a", "1")
	if got := keys(t, after); got != "a" {
		t.Errorf("keys %s", got)
	}
	put(t, before, "b", "2")
	if got := keys(t, after); got != "a b" {
		t.Errorf("keys %s", got)
	}
	put(t, before, "c", "3")
	close(gone)
	if got := keys(t, after); got != "a b c" {
		t.Errorf("keys %s", got)
	}
	if after.shared != nil {
		t.Error("the disk is looked at for ever")
	}
}

func TestUploads(t *testing.T) {
	dir := t.TempDir()
	s := New(dir, nil)
	id, err := s.Begin(Upload{Key: "k", Fields: []Field{{"Content-Type", "text/plain"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		number int
		text   string
	}{{2, "world"}, {1, "old"}, {1, "hello "}, {3, "unused"}} {
		if _, err := s.PutPart("k", id, p.number, strings.NewReader(p.text), nil); err != nil {
			t.Fatal(err)
		}
	}
	no := errors.New("no")
	if _, err := s.PutPart("k", id, 4, strings.NewReader("bad"), func(string) error { return no }); !errors.Is(err, no) {
		t.Errorf("error %v", err)
	}
	s = New(dir, nil)
	for name, try := range map[string][2]string{"another key": {"j", id}, "no such id": {"k", strings.Repeat("0", 32)}, "no id": {"k", "../../x"}, "empty": {"k", ""}} {
		if _, _, err := s.Parts(try[0], try[1]); !errors.Is(err, ErrNoUpload) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	u, parts, err := s.Parts("k", id)
	if err != nil || len(parts) != 3 || parts[0].Size != 6 {
		t.Fatalf("%+v %v", parts, err)
	}
	if all, err := s.Uploads(); err != nil || len(all) != 1 || all[0].ID != id || all[0].Key != "k" {
		t.Errorf("%+v %v", all, err)
	}
	o, err := s.Complete(u, parts[:2], nil)
	if err != nil {
		t.Fatal(err)
	}
	text, got := read(t, s, "k")
	if text != "hello world" || got.ETag != o.ETag || !strings.HasSuffix(o.ETag, "-2") || got.Fields[0].Value != "text/plain" {
		t.Errorf("%q %+v", text, got)
	}
	if err := s.Abort("k", id); !errors.Is(err, ErrNoUpload) {
		t.Errorf("error %v", err)
	}
	if all := files(t, dir); len(all) != 2 {
		t.Errorf("left over: %q", all)
	}
}

// TestManyAtOnce writes, reads, lists and deletes the same keys: what is read
// is always one whole object.
func TestManyAtOnce(t *testing.T) {
	s := New(t.TempDir(), nil)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 15 {
				key := "k" + strconv.Itoa(i%3)
				text := strings.Repeat(strconv.Itoa(w), 1000+i)
				d, err := s.Draft(key)
				if err == nil {
					_, err = io.WriteString(d, text)
				}
				if err == nil {
					err = d.Commit(&Object{Key: key}, nil)
				}
				if err == nil && i%5 == 4 {
					err = s.Delete(key, w%2 == 0)
				}
				if err != nil {
					t.Errorf("write: %v", err)
				}
			}
		})
		wg.Go(func() {
			for i := range 60 {
				o, f, err := s.Get("k" + strconv.Itoa(i%3))
				if err != nil {
					t.Errorf("read: %v", err)
					continue
				}
				if f != nil {
					b, err := io.ReadAll(f)
					if sum := md5.Sum(b); err != nil || int64(len(b)) != o.Size || hex.EncodeToString(sum[:]) != o.ETag {
						t.Errorf("%d bytes of %d, %v", len(b), o.Size, err)
					}
					_ = f.Close()
				}
				if _, _, err := s.After(""); err != nil {
					t.Errorf("list: %v", err)
				}
			}
		})
	}
	wg.Wait()
	data, descriptions := 0, 0
	for _, f := range files(t, s.dir) {
		if strings.HasSuffix(f, ".data") {
			data++
		} else if o, err := describe(f); err == nil && !o.Deleted {
			descriptions++
		}
	}
	if data != descriptions {
		t.Errorf("%d files of data for %d objects", data, descriptions)
	}
}
