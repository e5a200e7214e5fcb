// SPDX-License-Identifier: Apache-2.0

package template

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden loads the templates of testdata and compares the model and the
// report, without zero values, with golden files.
func TestGolden(t *testing.T) {
	for _, name := range []string{"edge", "rest", "http", "nested", "sam", "origins", "cdk.out"} {
		t.Run(name, func(t *testing.T) {
			results, err := Load(context.Background(), filepath.Join("testdata", name), Options{})
			if err != nil {
				t.Fatal(err)
			}
			var docs []any
			for _, r := range results {
				docs = append(docs, map[string]any{"stack": plain(t, r.Stack), "report": plain(t, r.Report)})
			}
			got, err := json.MarshalIndent(docs, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			wd, _ := filepath.Abs(".")
			got = append(bytes.ReplaceAll(got, []byte(wd+string(filepath.Separator)), nil), '\n')
			golden := filepath.Join("testdata", "golden", name+".json")
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs: %s", golden, firstDifference(string(got), string(want)))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got " + strings.TrimSpace(g[i]) + ", want " + strings.TrimSpace(w[i])
		}
	}
	return "one is longer"
}

// plain is a value as JSON has it, without zero values.
func plain(t *testing.T, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return prunedZero(out)
}

func prunedZero(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			switch e := prunedZero(e).(type) {
			case nil:
				delete(v, k)
			case map[string]any:
				if len(e) == 0 {
					delete(v, k)
				}
			}
		}
		return v
	case []any:
		for i := range v {
			v[i] = prunedZero(v[i])
		}
		if len(v) == 0 {
			return nil
		}
		return v
	case bool:
		if !v {
			return nil
		}
	case float64:
		if v == 0 {
			return nil
		}
	case string:
		if v == "" {
			return nil
		}
	}
	return v
}
