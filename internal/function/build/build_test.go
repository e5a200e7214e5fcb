// SPDX-License-Identifier: Apache-2.0

package build

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/function/client"
	"github.com/forelane/forelane/internal/model"
)

type entry struct {
	name, text string
	mode       fs.FileMode
}

func pack(t testing.TB, entries ...entry) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.mode != 0 {
			h.SetMode(e.mode)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "code.zip")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnzip(t *testing.T) {
	path := pack(t,
		entry{"bootstrap", "#!/bin/sh", 0o755},
		entry{"lib/", "", fs.ModeDir | 0o755},
		entry{"lib/a.js", "1", 0o444},
		entry{`win\b.js`, "2", 0},
		entry{"bin/link", "../lib/a.js", fs.ModeSymlink | 0o777},
	)
	dir := t.TempDir()
	if err := Unzip(t.Context(), path, dir); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"bootstrap": "#!/bin/sh", "lib/a.js": "1", "win/b.js": "2", "bin/link": "1"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != text {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if !executable(filepath.Join(dir, "bootstrap")) || executable(filepath.Join(dir, "lib/a.js")) {
		t.Error("permissions are lost")
	}
}

func TestUnzipRefuses(t *testing.T) {
	tests := []struct {
		name    string
		entries []entry
		words   string
	}{
		{"a name that leads out", []entry{{"../x", "1", 0o644}}, "leads out"},
		{"one with backslashes", []entry{{`..\x`, "1", 0o644}}, "leads out"},
		{"an absolute name", []entry{{"/tmp/x", "1", 0o644}}, "leads out"},
		{"a link that leads out", []entry{{"a/link", "../../x", fs.ModeSymlink | 0o777}}, "leads out"},
		{"an absolute link", []entry{{"link", "/etc/passwd", fs.ModeSymlink | 0o777}}, "leads out"},
		{"a file over a folder", []entry{{"a/b", "1", 0o644}, {"a", "2", 0o644}}, "a"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			outer := t.TempDir()
			dir := filepath.Join(outer, "in")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			err := Unzip(t.Context(), pack(t, test.entries...), dir)
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), test.words) {
				t.Errorf("got %v", err)
			}
			if left, err := os.ReadDir(outer); err != nil || len(left) != 1 {
				t.Errorf("something was written outside: %v, %v", left, err)
			}
		})
	}
}

// TestUnzipWritesThroughNoLink: links are made last.
func TestUnzipWritesThroughNoLink(t *testing.T) {
	dir := t.TempDir()
	err := Unzip(t.Context(), pack(t, entry{"d", "e", fs.ModeSymlink | 0o777}, entry{"d/x", "1", 0o644}), dir)
	if err == nil {
		t.Error("a link took the place of a folder")
	}
}

func FuzzUnzip(f *testing.F) {
	for _, e := range [][]entry{{{"a", "1", 0o644}}, {{"../a", "1", 0o644}}, {{"l", "../x", fs.ModeSymlink | 0o777}}} {
		b, err := os.ReadFile(pack(f, e...))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		outer := t.TempDir()
		path, dir := filepath.Join(outer, "code.zip"), filepath.Join(outer, "in")
		if os.WriteFile(path, b, 0o600) != nil || os.Mkdir(dir, 0o755) != nil {
			t.Fatal("no room")
		}
		_ = Unzip(context.Background(), path, dir)
		if left, err := os.ReadDir(outer); err != nil || len(left) != 2 {
			t.Errorf("something was written outside: %v, %v", left, err)
		}
	})
}

// tools makes a PATH of its own, with programs that are scripts.
func tools(t *testing.T, scripts map[string]string) string {
	dir := t.TempDir()
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPrograms(t *testing.T) {
	real := tools(t, map[string]string{"node": "echo v22.1.0", "python3.12": ""})
	path := tools(t, map[string]string{
		"node":       "echo " + real + "/node",
		"python3.13": "echo no version is set >&2; exit 127", // a shim with nothing behind it
		"python3":    "echo " + real + "/python3.12",
	})
	b := &Builder{Dir: t.TempDir(), Path: path, Environ: []string{"PATH=/usr/bin:/bin"}, Clients: client.Paths{Node: "/c/main.cjs", Python: "/c/main.py"}}
	tests := []struct {
		runtime, argv, note, trouble string
	}{
		{"nodejs22.x", real + "/node /c/main.cjs", "", ""},
		{"nodejs24.x", real + "/node /c/main.cjs", "nodejs24.x is run by the machine's Node.js 22", ""},
		{"python3.12", real + "/python3.12 -B /c/main.py", "", ""},
		{"python3.13", real + "/python3.12 -B /c/main.py", "python3.13 is run by the machine's python3.12", ""},
		{"ruby3.4", "", "", "inline code (ZipFile) is for Node.js and Python"},
		{"", "", "", "inline code"},
	}
	for _, test := range tests {
		u, err := b.Prepare(t.Context(), &model.Function{Runtime: test.runtime, Handler: "index.handler", Code: model.Code{Inline: "x"}})
		if test.trouble != "" {
			if err == nil || !strings.Contains(err.Error(), test.trouble) {
				t.Errorf("%s: got %v", test.runtime, err)
			}
			continue
		}
		if err != nil || strings.Join(u.Argv, " ") != test.argv || u.Note != test.note || !u.Frames {
			t.Errorf("%s: got %+v, %v", test.runtime, u, err)
		}
	}
	none := &Builder{Dir: t.TempDir(), Path: t.TempDir()}
	for runtime, words := range map[string]string{"nodejs22.x": "install Node.js", "python3.12": "install Python"} {
		if _, err := none.Prepare(t.Context(), &model.Function{Runtime: runtime, Code: model.Code{Inline: "x"}}); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s without a program: %v", runtime, err)
		}
	}
}

func TestInlineName(t *testing.T) {
	b := &Builder{Dir: t.TempDir(), Path: os.Getenv("PATH")}
	for code, name := range map[string]string{
		"exports.handler = async () => 1":                         "index.js",
		"const x = require('x')\nexports.handler = x":             "index.js",
		"import x from 'x'\nexport const handler = x":             "index.mjs",
		"export const handler = async () => 1":                    "index.mjs",
		"export default { a: 1 }":                                 "index.mjs",
		"import { a } from 'x'\n":                                 "index.mjs",
		"const s = `text`\nimport('x').then(exports.handler = 1)": "index.js",
	} {
		u := &Unit{}
		dir, err := b.inline(&model.Function{Runtime: "nodejs22.x", Code: model.Code{Inline: code}}, u)
		if err != nil || !isFile(filepath.Join(dir, name)) {
			t.Errorf("%q is not in %s: %v", code, name, err)
		}
	}
}

func TestOwnBootstrap(t *testing.T) {
	exec, plain := t.TempDir(), t.TempDir()
	for dir, mode := range map[string]fs.FileMode{exec: 0o755, plain: 0o644} {
		if err := os.WriteFile(filepath.Join(dir, "bootstrap"), []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	b := &Builder{Dir: t.TempDir(), Path: os.Getenv("PATH")}
	for _, runtime := range []string{"provided.al2023", "go1.x", "java21", "dotnet8", "ruby3.4"} {
		u, err := b.Prepare(t.Context(), &model.Function{Runtime: runtime, Handler: "Main::run", Code: model.Code{Dir: exec}})
		if err != nil || u.Argv[0] != filepath.Join(exec, "bootstrap") || u.Frames {
			t.Errorf("%s: %+v, %v", runtime, u, err)
		}
	}
	if _, err := b.Prepare(t.Context(), &model.Function{Runtime: "provided.al2023", Code: model.Code{Dir: plain}}); err == nil || !strings.Contains(err.Error(), "chmod +x") {
		t.Errorf("got %v", err)
	}
}

// TestGoBuildRunsNoToolWhenBuilt: the second time go is not even started.
func TestGoBuildRunsNoToolWhenBuilt(t *testing.T) {
	src, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	for name, text := range map[string]string{"go.mod": "module m\n", "main.go": "package main\n", "main_test.go": "1", "page/a.html": "a"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(src, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	path := tools(t, map[string]string{"go": `echo $1 >> ` + log + `
if [ "$1" = list ]; then echo ` + src + `; exit; fi
while [ "$1" != -o ]; do shift; done
cp /bin/true "$2"`})
	b := &Builder{Dir: t.TempDir(), Path: path, Environ: []string{"PATH=/usr/bin:/bin", "HOME=/nowhere"}}
	ran := func() string {
		out, err := b.goBuild(t.Context(), src)
		if err != nil || !executable(filepath.Join(out.dir, "bootstrap")) {
			t.Fatalf("got %+v, %v", out, err)
		}
		text, _ := os.ReadFile(log)
		os.Remove(log)
		return strings.ReplaceAll(string(text), "\n", " ")
	}
	change := func(name, text string) {
		if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := ran(); got != "list build " {
		t.Errorf("the first time: %q", got)
	}
	if got := ran(); got != "" {
		t.Errorf("the second time: %q", got)
	}
	change("main_test.go", "2")
	if got := ran(); got != "" {
		t.Errorf("after a change of a test: %q", got)
	}
	change("main.go", "package main // changed\n")
	if got := ran(); got != "list build " {
		t.Errorf("after a change: %q", got)
	}
	change("page/a.html", "changed")
	if got := ran(); got != "list build " {
		t.Errorf("after a change of what may be embedded: %q", got)
	}
	change("main.go", "package main\n")
	change("page/a.html", "changed")
	ran()
	if entries, err := filepath.Glob(filepath.Join(b.Dir, "gobuild", "*", "*", "bootstrap")); err != nil || len(entries) != keepBuilds {
		t.Errorf("%d binaries are kept, %v", len(entries), err)
	}
}

func TestTreeDigest(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := treeDigest(dir)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := put("a.js", "1")
	for _, name := range []string{"node_modules/x/index.js", ".git/HEAD", "__pycache__/a.pyc"} {
		if put(name, "x") != first {
			t.Errorf("%s counts", name)
		}
	}
	if put("lib/b.js", "2") == first {
		t.Error("a new file does not count")
	}
}
