// SPDX-License-Identifier: Apache-2.0

package function

import (
	"archive/zip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestChangedFileIsPickedUp(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "index.py"), "import text\ndef handler(e, c):\n    return text.T\n")
	write(t, filepath.Join(dir, "text", "__init__.py"), "T = 'one'\n")
	f := python("f", "")
	f.Code = model.Code{Dir: dir}
	s, b := service(t, nil, f)
	want(t, invoke(t, s, "f", `{}`), `"one"`)
	want(t, invoke(t, s, "f", `{}`), `"one"`)
	write(t, filepath.Join(dir, "text", "__init__.py"), "T = 'two two'\n")
	b.wait("changed: new invocations get the new code", 1)
	want(t, invoke(t, s, "f", `{}`), `"two two"`)
	if _, err := os.Stat(filepath.Join(dir, "__pycache__")); err == nil {
		t.Error("byte code was written beside the source")
	}
}

func TestInFlightFinishesOnOldCode(t *testing.T) {
	f, open := gate(t)
	s, b := service(t, nil, f)
	wait := flock(s, "gate", 1)
	b.wait("entered", 1)
	g := *f
	g.Code.Inline = "def handler(e, c):\n    return 'new'\n"
	if err := s.Apply(t.Context(), []*model.Function{&g}); err != nil {
		t.Fatal(err)
	}
	b.wait("changed: ", 1)
	want(t, invoke(t, s, "gate", `{}`), `"new"`)
	open()
	answers, faults := wait()
	if answers[`"new"`] != 0 || len(answers) != 1 || len(faults) != 0 {
		t.Errorf("answers %v, faults %v", answers, faults)
	}
}

func TestApplyKeepsWhatIsUnchanged(t *testing.T) {
	f := python("f", "import os\ndef handler(e, c):\n    return os.getpid()\n")
	g := python("g", "def handler(e, c):\n    return 1\n")
	s, _ := service(t, nil, f, g)
	first := invoke(t, s, "f", `{}`)
	invoke(t, s, "g", `{}`)
	again := *f
	again.Timeout, again.Aliases = 2*f.Timeout, []model.FunctionAlias{{Name: "a", Version: latest}}
	if err := s.Apply(t.Context(), []*model.Function{&again}); err != nil {
		t.Fatal(err)
	}
	want(t, invoke(t, s, "f:a", `{}`), string(first.Payload))
	if _, err := s.Invoke(t.Context(), &model.Invocation{Function: "g"}); err == nil {
		t.Error("a removed function answers")
	}
}

func TestGoSourceIsRebuilt(t *testing.T) {
	dir := t.TempDir()
	// A module without requirements: it speaks the Runtime API by hand.
	write(t, filepath.Join(dir, "go.mod"), "module example.com/f\n\ngo 1.24\n")
	program := func(answer string) string {
		return `package main

import (
	"net/http"
	"os"
	"strings"
)

func main() {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		r, err := http.Get(api + "next")
		if err != nil {
			os.Exit(1)
		}
		r.Body.Close()
		p, err := http.Post(api+r.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "application/json", strings.NewReader(` + answer + `))
		if err != nil {
			os.Exit(1)
		}
		p.Body.Close()
	}
}
`
	}
	write(t, filepath.Join(dir, "main.go"), program("`\"one\"`"))
	f := inline("f", "provided.al2023", "")
	f.Code = model.Code{Dir: dir} // Build is not said: the source tells
	s, b := service(t, nil, f)
	want(t, invoke(t, s, "f", `{}`), `"one"`)

	write(t, filepath.Join(dir, "main.go"), program("nonsense"))
	b.wait("the code that ran before goes on", 1)
	if text := b.text(); !strings.Contains(text, "undefined: nonsense") {
		t.Errorf("the compiler's words are missing:\n%s", text)
	}
	if st := s.Status()[0]; st.State != StateReady || !strings.Contains(st.Trouble, "undefined: nonsense") {
		t.Errorf("status %+v", st)
	}
	want(t, invoke(t, s, "f", `{}`), `"one"`)

	write(t, filepath.Join(dir, "main.go"), program("`\"two\"`"))
	b.wait("changed: ", 1)
	want(t, invoke(t, s, "f", `{}`), `"two"`)
	if st := s.Status()[0]; st.Trouble != "" {
		t.Errorf("status %+v", st)
	}
}

// TestBrokenCodeIsMended: what could not be run at first is followed too.
func TestBrokenCodeIsMended(t *testing.T) {
	dir := t.TempDir()
	f := inline("f", "provided.al2023", "")
	f.Code = model.Code{Dir: dir}
	s, b := service(t, nil, f)
	b.wait("cannot be run: there is no bootstrap", 1)
	path := filepath.Join(dir, "bootstrap")
	if err := os.WriteFile(path+".new", []byte("#!/bin/sh\nexit 5\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	for s.Status()[0].State != StateReady {
		runtime.Gosched()
	}
	if o := failed(t, invoke(t, s, "f", `{}`)); o.ErrorType != "Runtime.ExitError" || !strings.HasSuffix(o.ErrorMessage, "exit status 5") {
		t.Errorf("got %+v", o)
	}
	if n := strings.Count(b.text(), "INIT_REPORT"); n != 2 {
		t.Errorf("%d starts were tried, want 2", n)
	}
}

// packed makes a zip; a name that ends in * is executable.
func packed(t testing.TB, files map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "code.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for name, text := range files {
		name, exec := strings.CutSuffix(name, "*")
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o644)
		if exec {
			h.SetMode(0o755)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestZipAndLayers: the code in a zip, modules in layers, the later one first.
func TestZipAndLayers(t *testing.T) {
	py := python("py", "")
	py.Handler = "src/app.handler"
	py.Code = model.Code{Zip: packed(t, map[string]string{"src/app.py": "import dep, own\ndef handler(e, c):\n    return [dep.N, own.N]\n"})}
	py.Layers = []model.Code{
		{Zip: packed(t, map[string]string{"python/dep.py": "N = 'first'\n"})},
		{Zip: packed(t, map[string]string{"python/dep.py": "N = 'second'\n"})},
	}
	js := node("js", "")
	js.Handler = "src/index.api.handler"
	js.Code = model.Code{Zip: packed(t, map[string]string{"src/index.mjs": "import { N } from 'dep'\nimport own from 'own'\nexport const api = { handler: async () => [N, own.N] }\n"})}
	js.Layers = []model.Code{{Zip: packed(t, map[string]string{
		"nodejs/node_modules/dep/package.json": `{"type":"module","main":"index.js"}`,
		"nodejs/node_modules/dep/index.js":     "export const N = 'layer'\n",
	})}}
	sh := inline("sh", "provided.al2023", "")
	sh.Handler = "x"
	sh.Code = model.Code{Dir: t.TempDir()}
	sh.Layers = []model.Code{{Zip: packed(t, map[string]string{"bootstrap*": bashBootstrap, "bin/tool*": "#!/bin/sh\necho '\"tool\"'\n"})}}
	node, py3 := t.TempDir(), t.TempDir()
	write(t, filepath.Join(node, "own", "index.js"), "exports.N = 'node-path'\n")
	write(t, filepath.Join(py3, "own.py"), "N = 'python-path'\n")
	s, _ := service(t, func(o *Options) { o.NodePath, o.PythonPath = []string{node}, []string{py3} }, py, js, sh)
	want(t, invoke(t, s, "py", `{}`), `["second", "python-path"]`)
	want(t, invoke(t, s, "js", `{}`), `["layer","node-path"]`)
	if _, err := os.Stat("/usr/bin/curl"); err == nil { // the shell's only HTTP client
		want(t, invoke(t, s, "sh", `{}`), "\"tool\"")
	}
}

// bashBootstrap is a custom runtime in the form that AWS's documentation
// teaches: curl for the Runtime API.
const bashBootstrap = `#!/bin/sh
set -eu
API="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  HEADERS="$(mktemp)"
  curl -sS -o /dev/null -D "$HEADERS" "$API/next"
  ID=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)
  curl -sS -o /dev/null -d "$(tool)" "$API/$ID/response"
done
`
