// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// project writes files below a new folder; a value "-> x" is a symbolic link.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if to, link := strings.CutPrefix(text, "-> "); link {
			if err := os.Symlink(to, path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func pack(t *testing.T, dir string, m *Manifest) []byte {
	t.Helper()
	var b Builder
	if err := b.AddDir(".", dir, false); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := b.Write(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func manifestOf(params ...string) *Manifest {
	m := &Manifest{Template: "template.yaml", Name: "shop", Parameters: map[string]string{}}
	for _, p := range params {
		k, v, _ := strings.Cut(p, "=")
		m.Parameters[k] = v
	}
	return m
}

func TestSameFilesSameDigest(t *testing.T) {
	files := map[string]string{"template.yaml": "Resources: {}", "api/app.py": "x", "site/a/b.html": "y", ".git/HEAD": "z", ".forelane/log": "z"}
	one, two := project(t, files), project(t, files)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(two, "api/app.py"), old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(two, "site/a/b.html"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, b := pack(t, one, manifestOf("A=1", "B=2")), pack(t, two, manifestOf("B=2", "A=1"))
	if sha256.Sum256(a) != sha256.Sum256(b) {
		t.Error("the same files gave two digests")
	}
	for what, change := range map[string]func() []byte{
		"a parameter": func() []byte { return pack(t, two, manifestOf("A=1", "B=3")) },
		"a program": func() []byte {
			if err := os.Chmod(filepath.Join(two, "api/app.py"), 0o755); err != nil {
				t.Fatal(err)
			}
			return pack(t, two, manifestOf("A=1", "B=2"))
		},
	} {
		if bytes.Equal(change(), a) {
			t.Errorf("%s changed and the digest did not", what)
		}
	}
}

func TestUnpack(t *testing.T) {
	dir := project(t, map[string]string{"template.yaml": "Resources: {}", "api/run.sh": "#!/bin/sh", "site/here.txt": "-> ../api/run.sh"})
	if err := os.Chmod(filepath.Join(dir, "api/run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	archive := pack(t, dir, manifestOf("A=1"))
	to := filepath.Join(t.TempDir(), "b")
	for range 2 { // the second time it is there already
		if err := Unpack(bytes.NewReader(archive), to); err != nil {
			t.Fatal(err)
		}
	}
	m, err := Open(to)
	if err != nil || m.Parameters["A"] != "1" || m.Template != "template.yaml" {
		t.Errorf("%+v %v", m, err)
	}
	for _, name := range []string{"api/run.sh", "site/here.txt"} {
		if fi, err := os.Lstat(Path(to, name)); err != nil || fi.Mode() != 0o755 {
			t.Errorf("%s: %v %v", name, fi, err)
		}
	}
	at := time.Date(2026, 5, 6, 7, 8, 9, 99, time.UTC)
	if err := Date(to, at); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(Path(to, "api/run.sh")); err != nil || !fi.ModTime().Equal(at.Truncate(time.Second)) {
		t.Errorf("%v %v", fi.ModTime(), err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(to)); len(entries) != 1 {
		t.Errorf("left over: %v", entries)
	}
}

func TestLinksThatLeadOut(t *testing.T) {
	secret := project(t, map[string]string{"secret": "s"})
	dir := project(t, map[string]string{"a/out": "-> " + secret + "/secret", "b/loop": "-> ../b", "c/none": "-> gone"})
	for name, want := range map[string]string{"a": "leads out of", "b": "leads back", "c": "leads nowhere"} {
		var b Builder
		if err := b.AddDir(name, filepath.Join(dir, name), false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var b Builder
	if err := b.AddDir("a", filepath.Join(dir, "a"), true); err != nil {
		t.Errorf("a code folder may lead anywhere: %v", err)
	}
}

// archive makes a tar of headers and texts that Write would not make.
func archive(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		text := "x"
		if h.Name == manifestName {
			text = `{"format":1,"template":"t","name":"n"}`
		}
		if h.Typeflag != 0 && h.Typeflag != tar.TypeReg {
			text = ""
		}
		h.Size, h.Mode = int64(len(text)), 0o644
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestUnpackRefuses(t *testing.T) {
	head := tar.Header{Name: manifestName}
	for name, in := range map[string][]byte{
		"nothing":                 nil,
		"no archive":              []byte(strings.Repeat("no archive ", 200)),
		"no manifest":             archive(t, tar.Header{Name: "project/a"}),
		"a name that leads out":   archive(t, head, tar.Header{Name: "project/../../a"}),
		"an absolute name":        archive(t, head, tar.Header{Name: "/etc/passwd"}),
		"a name beside project":   archive(t, head, tar.Header{Name: "other/a"}),
		"the folder itself":       archive(t, head, tar.Header{Name: "project/."}),
		"a link":                  archive(t, head, tar.Header{Name: "project/l", Typeflag: tar.TypeSymlink, Linkname: "/etc"}),
		"a hard link":             archive(t, head, tar.Header{Name: "project/l", Typeflag: tar.TypeLink, Linkname: manifestName}),
		"a device":                archive(t, head, tar.Header{Name: "project/d", Typeflag: tar.TypeChar}),
		"names out of order":      archive(t, head, tar.Header{Name: "project/b"}, tar.Header{Name: "project/a"}),
		"a name twice":            archive(t, head, tar.Header{Name: "project/a"}, tar.Header{Name: "project/a"}),
		"a file that is a folder": archive(t, head, tar.Header{Name: "project/a"}, tar.Header{Name: "project/a/b"}),
		"a long name":             archive(t, head, tar.Header{Name: "project/" + strings.Repeat("n", maxName+1)}),
		"a cut one":               archive(t, head, tar.Header{Name: "project/a"})[:1300],
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "b")
			if err := Unpack(bytes.NewReader(in), dir); err == nil {
				t.Error("it was taken")
			}
			if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) != 0 {
				t.Errorf("left over: %v", left)
			}
		})
	}
}

func TestManifestPathsStayInside(t *testing.T) {
	for _, m := range []*Manifest{
		{Template: "../t"},
		{Template: "/t"},
		{Template: ""},
		{Template: "t", Code: map[string]string{"Fn": "../x"}},
		{Template: "t", Buckets: map[string]string{"B": "/x"}},
	} {
		if err := new(Builder).Write(new(bytes.Buffer), m); err == nil {
			t.Errorf("%+v was taken", m)
		}
	}
}

func TestCompare(t *testing.T) {
	a := project(t, map[string]string{"same": "1", "changed": "1", "gone": "1"})
	b := project(t, map[string]string{"same": "1", "changed": "2", "new": "1", "new2": "1"})
	if d, err := Compare(a, b); err != nil || d != (Difference{2, 1, 1}) {
		t.Errorf("%v %v", d, err)
	}
	if d, err := Compare(a, a); err != nil || !d.None() {
		t.Errorf("%v %v", d, err)
	}
	if d, err := Compare("", a); err != nil || d.Added != 3 {
		t.Errorf("%v %v", d, err)
	}
}

// FuzzUnpack: whatever the bytes, nothing is made outside of the folder, and on
// an error nothing at all.
func FuzzUnpack(f *testing.F) {
	f.Add(archive(f, tar.Header{Name: manifestName}, tar.Header{Name: "project/a"}))
	f.Add(archive(f, tar.Header{Name: manifestName}, tar.Header{Name: "project/../a"}))
	f.Fuzz(func(t *testing.T, in []byte) {
		above := t.TempDir()
		dir := filepath.Join(above, "b")
		err := Unpack(bytes.NewReader(in), dir)
		entries, _ := os.ReadDir(above)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		want := map[string]bool{}
		if err == nil {
			want["b"] = true
		}
		if !slices.Equal(names, slices.Sorted(maps.Keys(want))) {
			t.Errorf("%v: %v", err, names)
		}
	})
}
