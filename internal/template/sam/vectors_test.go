// SPDX-License-Identifier: Apache-2.0

package sam

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/tree"
)

// vectorOptions are those under which AWS made its expected output.
func vectorOptions() Options {
	return Options{
		Region: "ap-southeast-1",
		Parameters: map[string]*tree.Node{
			"param1": tree.NewString("value1"), "param2": tree.NewString("value2"),
		},
		Application: func(id, _ string) (string, error) {
			if id == "non-existent" {
				return "", errors.New("there is no such application")
			}
			return "https://awsserverlessrepo-changesets-xxx.s3.amazonaws.com/signed-url", nil
		},
	}
}

// TestVectors transforms the inputs of AWS's own test suite, if CORPUS names
// the folder that has them.
func TestVectors(t *testing.T) {
	corpus := os.Getenv("CORPUS")
	if corpus == "" {
		t.Log("CORPUS is not set: nothing to do")
		return
	}
	inputs, err := filepath.Glob(filepath.Join(corpus, "sam", "input", "*.yaml"))
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no vectors in %s: %v", corpus, err)
	}
	only := os.Getenv("VECTOR")
	var good, equal, exact, bad, refused int
	for _, in := range inputs {
		name := strings.TrimSuffix(filepath.Base(in), ".yaml")
		if only != "" && !strings.Contains(name, only) {
			continue
		}
		out, err := os.ReadFile(filepath.Join(corpus, "sam", "output", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := transformText(name, text)
		if strings.HasPrefix(name, "error_") {
			bad++
			if msg := wrongRefusal(text, out, err); msg != "" {
				t.Logf("%s: %s", name, msg)
				continue
			}
			refused++
			continue
		}
		good++
		if err != nil {
			t.Logf("%s: %v", name, err)
			continue
		}
		want, have := decode(t, out), decode(t, tree.JSON(got))
		if reflect.DeepEqual(want, have) {
			exact++
		}
		if d := difference("", sorted(want), sorted(have)); d != "" {
			t.Logf("%s: %s", name, d)
			continue
		}
		equal++
	}
	t.Logf("%d of %d equal (%d with lists in the same order), %d of %d refused", equal, good, exact, refused, bad)
	if equal*100 < good*97 || refused < bad {
		t.Error("too few")
	}
}

func transformText(name string, text []byte) (n *tree.Node, err error) {
	in, err := tree.Parse(name+".yaml", text)
	if err != nil {
		return nil, err
	}
	return Transform(in, vectorOptions())
}

var namedResource = regexp.MustCompile(`[Rr]esource with id \[(\w+)\]`)

// wrongRefusal tells why err is not what the vector wants: an error that names
// each resource which AWS names. "" if it is.
func wrongRefusal(in, want []byte, err error) string {
	if err == nil {
		return "was not refused"
	}
	var v struct{ ErrorMessage string }
	if json.Unmarshal(want, &v) != nil {
		return "the expected output is no JSON"
	}
	t, perr := tree.Parse("", in)
	if perr != nil {
		return ""
	}
	for _, m := range namedResource.FindAllStringSubmatch(v.ErrorMessage, -1) {
		if t.At("Resources", m[1]) != nil && !strings.Contains(err.Error(), "Resources."+m[1]) {
			return fmt.Sprintf("resource %s is not named in %v", m[1], err)
		}
	}
	if !strings.Contains(err.Error(), "Resources.") && strings.Contains(v.ErrorMessage, "Resource with id") {
		return fmt.Sprintf("no resource is named in %v", err)
	}
	return ""
}

func decode(t *testing.T, b []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// sorted sorts all lists by the JSON of their members, as AWS's own comparison
// of these vectors does.
func sorted(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = sorted(v[k])
		}
	case []any:
		keys := make([]string, len(v))
		for i := range v {
			v[i] = sorted(v[i])
			b, _ := json.Marshal(v[i])
			keys[i] = string(b)
		}
		sort.Sort(byKey{keys, v})
	}
	return v
}

type byKey struct {
	keys []string
	v    []any
}

func (b byKey) Len() int           { return len(b.v) }
func (b byKey) Less(i, j int) bool { return b.keys[i] < b.keys[j] }
func (b byKey) Swap(i, j int) {
	b.keys[i], b.keys[j] = b.keys[j], b.keys[i]
	b.v[i], b.v[j] = b.v[j], b.v[i]
}

// difference describes the first place where have is not want.
func difference(path string, want, have any) string {
	w, ok1 := want.(map[string]any)
	h, ok2 := have.(map[string]any)
	if ok1 && ok2 {
		var diffs []string
		for k := range w {
			if _, ok := h[k]; !ok {
				diffs = append(diffs, "missing "+path+"."+k)
			} else if d := difference(path+"."+k, w[k], h[k]); d != "" {
				diffs = append(diffs, d)
			}
		}
		for k := range h {
			if _, ok := w[k]; !ok {
				diffs = append(diffs, "extra "+path+"."+k)
			}
		}
		sort.Strings(diffs)
		if len(diffs) > 4 {
			diffs = append(diffs[:4], "…")
		}
		return strings.Join(diffs, "; ")
	}
	if reflect.DeepEqual(want, have) {
		return ""
	}
	a, _ := json.Marshal(want)
	b, _ := json.Marshal(have)
	return fmt.Sprintf("%s: want %.200s, have %.200s", path, a, b)
}
