// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/schema"
	"github.com/forelane/forelane/internal/template/tree"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestErrors compares testdata/NAME.yaml with NAME.err: all that is wrong, with
// its places.
func TestErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if _, err := Parse(name+".yaml", text); err != nil {
				got = err.Error() + "\n"
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".err"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			if (name[:3] == "ok-") != (got == "") {
				t.Errorf("the name says otherwise: %q", got)
			}
		})
	}
}

func TestEverySetting(t *testing.T) {
	n, err := Read("testdata/ok-full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	def := Default()
	var unset func(settings, defaults []setting, path string)
	unset = func(settings, defaults []setting, path string) {
		for i, s := range settings {
			if s.sub != nil {
				unset(s.sub, defaults[i].sub, path+s.key+".")
			} else if same(s, defaults[i]) {
				t.Errorf("testdata/ok-full.yaml leaves %s%s at its default", path, s.key)
			}
		}
	}
	alike := table(n)
	for i := range alike {
		if alike[i].key == "cluster" { // listen and url exclude each other
			alike = append(alike[:i:i], alike[i+1:]...)
			break
		}
	}
	unset(alike, table(def), "")
	want := Listen{
		HTTP: "0.0.0.0:80", HTTPS: "", H2C: true, H2WebSocket: true, ReusePort: true, ProxyProtocol: []string{"10.0.0.0/8", "192.0.2.1"},
		Connections: 1000, PerAddress: 10, Drain: 90 * time.Second, DrainDelay: 5 * time.Second, Tunnel: "10.0.0.1:7000", Endpoint: "Endpoint=10.0.0.1:8081",
	}
	if !reflect.DeepEqual(n.Listen, want) {
		t.Errorf("listen %+v", n.Listen)
	}
	if n.Data != "testdata/state" || n.Admin.TokenFile != "/etc/forelane/token" || n.TLS.Certificates[0] != (Certificate{"testdata/a.pem", ""}) {
		t.Errorf("paths %q %q %v", n.Data, n.Admin.TokenFile, n.TLS.Certificates)
	}
	if n.Cache.Memory != 1<<30 || n.Cache.Disk != 20e9 || n.Origins["Api"] != "https://10.0.0.9:8443" || n.Account != "000123456789" {
		t.Errorf("%+v %v %s", n.Cache, n.Origins, n.Account)
	}
	if !n.Is(RoleEdge) || n.Is(RoleControl) {
		t.Errorf("roles %v", n.Roles)
	}
}

// TestPrint: what is printed is read as what it was printed from, with and
// without the marks of comments.
func TestPrint(t *testing.T) {
	n, err := Read("testdata/ok-full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []*Node{n, Default()} {
		var b bytes.Buffer
		if err := Print(&b, n); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if n.Data == "" {
			text = strings.Replace(text, "#data: \n", "data: state\n", 1)
		}
		again, err := Parse("/node.yaml", []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		var c bytes.Buffer
		again.Data = n.Data
		if err := Print(&c, again); err != nil {
			t.Fatal(err)
		}
		if first, _, _ := strings.Cut(b.String(), "testdata"); !strings.HasPrefix(c.String(), first) {
			t.Errorf("printed again\n%s\nof\n%s", c.String(), b.String())
		}
	}
}

// TestSchema: the schema takes what Parse takes, and refuses what is unknown or
// of another kind.
func TestSchema(t *testing.T) {
	var b bytes.Buffer
	if err := Schema(&b); err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(b.Bytes(), &root); err != nil {
		t.Fatal(err)
	}
	root["$schema"] = "http://json-schema.org/draft-04/schema#" // what this process can check by
	text, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.New("node", map[string]string{"node": string(text)}).Compile("node")
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n, err := tree.Parse(file, src)
		if err != nil {
			continue // no YAML
		}
		fault := s.Check(tree.JSON(n))
		switch name := filepath.Base(file); {
		case strings.HasPrefix(name, "ok-") && fault != "":
			t.Errorf("%s: %v", name, fault)
		case strings.HasPrefix(name, "kind-") && fault == "":
			t.Errorf("%s: the schema takes it", name)
		}
	}
}

func TestSecret(t *testing.T) {
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		text string
		mode os.FileMode
		ok   bool
	}{
		"one line":         {"s3cret\n", 0o600, true},
		"of a group":       {"s3cret", 0o640, true},
		"of everybody":     {"s3cret", 0o644, false},
		"empty":            {"\n", 0o600, false},
		"two lines":        {"a\nb\n", 0o600, false},
		"longer than 4096": {strings.Repeat("x", 4097), 0o600, false},
	} {
		file := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		if err := os.WriteFile(file, []byte(tt.text), tt.mode); err != nil {
			t.Fatal(err)
		}
		got, err := Secret(file)
		if (err == nil) != tt.ok || tt.ok && got != "s3cret" {
			t.Errorf("%s: %q %v", name, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error tells the secret", name)
		}
	}
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]Size{"256MiB": 256 << 20, "1.5GB": 15e8, "2 GiB": 2 << 30, "1024": 1024, "10B": 10} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("%s: %d %v", in, got, err)
		}
	}
	for _, in := range []string{"", "0", "-1MiB", "MiB", "NaN", "1e30GiB", "10 apples"} {
		if got, err := ParseSize(in); err == nil {
			t.Errorf("%q: %d", in, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := Parse("node.yaml", text)
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := Print(&b, n); err != nil {
			t.Fatal(err)
		}
		if _, err := Parse("node.yaml", b.Bytes()); err != nil {
			t.Errorf("%v\n%s", err, b.String())
		}
	})
}
