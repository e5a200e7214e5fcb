// SPDX-License-Identifier: Apache-2.0

package forelane_test

import (
	"bufio"
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/forelane/forelane/"

// floors is the import law: a package imports only packages of lower floors.
// A room (a package below another) has its own place between the floors of
// what it is a part of; docs/decisions/0001-house.md says why.
var floors = map[string]float64{
	"internal/model": 1, "internal/httpmsg": 1, "internal/httpspec": 1, "internal/pattern": 1,
	"internal/metrics": 1, "internal/passport": 1, "internal/policy": 1, "internal/edgerule": 1, "internal/explain": 1, "internal/signature": 1, "internal/sigv4": 1, "internal/socket": 1, "internal/throttle": 1,
	"internal/trace":   1,
	"internal/tunlink": 1, // of tests

	"internal/viewer": 2, "internal/edgefunc": 2, "internal/edgelambda": 2, "internal/cache": 2, "internal/origin": 2, "internal/bucket": 2,
	"internal/authorizer": 2, "internal/lint": 2, "internal/effect": 2, "internal/bundle": 2, "internal/cluster": 2, "internal/invalidation": 2, "internal/peer": 2,
	"internal/integration": 2, "internal/function": 2, "internal/record": 2, "internal/encode": 2, "internal/template": 2,
	"internal/handover": 2, "internal/signed": 2, "internal/geo": 2, "internal/principal": 2, "internal/schema": 2, "internal/service": 2, "internal/webacl": 2, "internal/tunnel": 2,

	"internal/edge": 3, "internal/gateway": 3, "internal/control": 3, "internal/zone": 3, "internal/deploy": 3,
	"internal/server": 4,
	"internal/config": 4, // reads its file by template/tree, as only floor 4 may
	"cmd/forelane":    5,
}

// rooms are parts of a package: only it and its rooms may import them. Floors 4
// and 5, which put everything together, may too, but the server's are its own.
var rooms = map[string]string{
	"internal/template/": "internal/template",
	"internal/viewer/":   "internal/viewer",
	"internal/function/": "internal/function",
	"internal/edgefunc/": "internal/edgefunc",
	"internal/origin/":   "internal/origin",
	"internal/cache/":    "internal/cache",
	"internal/webacl/":   "internal/webacl",
	"internal/tunnel/":   "internal/tunnel",
	"internal/zone/":     "internal/zone",

	"internal/integration/": "internal/integration",
	"internal/control/":     "internal/control",
	"internal/trace/":       "internal/trace",
	"internal/authorizer/":  "internal/authorizer",
	"internal/geo/":         "internal/geo",
	"internal/gateway/":     "internal/gateway",
	"internal/bucket/":      "internal/bucket",
	"internal/record/":      "internal/record",
	"internal/edge/":        "internal/edge",
	"internal/server/":      "internal/server",
}

// groundOnly are the packages that import the standard library only.
var groundOnly = []string{
	"internal/edgerule", "internal/explain", "internal/model", "internal/httpmsg", "internal/httpspec", "internal/passport", "internal/pattern", "internal/policy", "internal/metrics", "internal/socket", "internal/throttle",
	"internal/trace", "internal/signature", "internal/sigv4",
}

// files calls f with every Go file that is no test, and its package's folder.
func files(t *testing.T, f func(dir, file string)) {
	t.Helper()
	for _, root := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "testdata" {
				return filepath.SkipDir
			}
			if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				f(filepath.ToSlash(filepath.Dir(path)), path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func imports(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, s := range parsed.Imports {
		p, err := strconv.Unquote(s.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	return paths
}

// home is the package that dir is, or is a room of.
func home(dir string) (pkg string, room bool) {
	for prefix, owner := range rooms {
		if strings.HasPrefix(dir, prefix) {
			return owner, true
		}
	}
	return dir, false
}

func TestFloors(t *testing.T) {
	files(t, func(dir, file string) {
		from, _ := home(dir)
		floor, ok := floors[from]
		if !ok {
			t.Errorf("%s: package %s stands on no floor: enter it in the table", file, dir)
			return
		}
		for _, p := range imports(t, file) {
			to, inside := strings.CutPrefix(p, module)
			if !inside {
				if slices.Contains(groundOnly, dir) && strings.Contains(strings.SplitN(p, "/", 2)[0], ".") {
					t.Errorf("%s imports %s: the ground uses the standard library only", file, p)
				}
				continue
			}
			target, room := home(to)
			if target == from {
				continue
			}
			if room && (floor < 4 || target == "internal/server") {
				t.Errorf("%s imports %s, a room of %s", file, to, target)
			}
			if floors[target] >= floor {
				t.Errorf("%s (floor %v) imports %s (floor %v)", file, floor, to, floors[target])
			}
		}
	})
}

// TestFileSizes reports what outgrows 300 lines and refuses what exceeds 500.
func TestFileSizes(t *testing.T) {
	files(t, func(_, file string) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		switch n := bytes.Count(b, []byte("\n")); {
		case n > 500:
			t.Errorf("%s has %d lines: split it by idea", file, n)
		case n > 300:
			t.Logf("%s has %d lines", file, n)
		}
	})
}

// TestLinkedModules compares the modules linked into the binary with the list
// that docs/decisions/dependencies.md gives reasons for.
func TestLinkedModules(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/forelane").Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := map[string]bool{}
	for _, m := range strings.Fields(string(out)) {
		linked[m] = true
	}
	delete(linked, strings.TrimSuffix(module, "/"))
	f, err := os.Open("docs/decisions/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	listed := map[string]bool{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if rest, ok := strings.CutPrefix(sc.Text(), "| `"); ok {
			name, _, _ := strings.Cut(rest, "`")
			listed[name] = true
		}
	}
	for m := range linked {
		if !listed[m] {
			t.Errorf("%s is linked but has no line in docs/decisions/dependencies.md", m)
		}
	}
	for m := range listed {
		if !linked[m] {
			t.Errorf("%s has a line in docs/decisions/dependencies.md but is not linked", m)
		}
	}
}
