// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

// TestCorpusFunctions compiles and runs the inline functions of the templates
// below the folder that CORPUS names.
func TestCorpusFunctions(t *testing.T) {
	root := os.Getenv("CORPUS")
	if root == "" {
		t.Log("CORPUS is not set: nothing to do")
		return
	}
	found := 0
	err := filepath.WalkDir(filepath.Join(root, "templates"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), "AWS::CloudFront::Function") {
			return err
		}
		var tree any
		list := blockFunctions(string(text))
		if json.Unmarshal(text, &tree) == nil {
			list = functionsIn(tree)
		}
		for _, fn := range list {
			found++
			runCorpusFunction(t, path, fn)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Error("the corpus has no function")
	}
	t.Logf("%d functions", found)
}

// functionsIn finds objects with FunctionCode and its runtime in a JSON template.
func functionsIn(v any) (list []*model.EdgeFunction) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			list = append(list, functionsIn(x)...)
		}
	case map[string]any:
		if code, ok := v["FunctionCode"].(string); ok {
			f := &model.EdgeFunction{Name: "corpus", Code: code}
			if c, ok := v["FunctionConfig"].(map[string]any); ok {
				f.Runtime, _ = c["Runtime"].(string)
			}
			list = append(list, f)
		}
		for _, x := range v {
			list = append(list, functionsIn(x)...)
		}
	}
	return list
}

// blockFunctions finds block scalars called FunctionCode in a YAML template,
// near enough for code: lines keep their ends.
func blockFunctions(text string) (list []*model.EdgeFunction) {
	lines := strings.Split(text, "\n")
	depth := func(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }
	for i, line := range lines {
		if key, mark, ok := strings.Cut(strings.TrimSpace(line), ":"); !ok || key != "FunctionCode" || !strings.ContainsAny(mark, "|>") {
			continue
		}
		end := i + 1
		for end < len(lines) && (strings.TrimSpace(lines[end]) == "" || depth(lines[end]) > depth(line)) {
			end++
		}
		f := &model.EdgeFunction{Name: "corpus", Code: strings.Join(lines[i+1:end], "\n"), Runtime: "cloudfront-js-1.0"}
		if strings.Contains(text, "cloudfront-js-2.0") {
			f.Runtime = "cloudfront-js-2.0"
		}
		list = append(list, f)
	}
	return list
}

func runCorpusFunction(t *testing.T, path string, m *model.EdgeFunction) {
	t.Helper()
	set, err := Compile([]*model.EdgeFunction{m}, nil, Options{})
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	f, _ := set.Function("corpus")
	f.pool = sharedPools()[f.kind]
	if strings.Contains(m.Code, "event.response") {
		rs := testResponse()
		if _, err := f.ViewerResponse(context.Background(), testEvent(), testRequest(), rs); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		return
	}
	if _, _, err := f.ViewerRequest(context.Background(), testEvent(), testRequest()); err != nil {
		code, _ := json.Marshal(m.Code)
		t.Errorf("%s: %v\n%s", path, err, code)
	}
}
