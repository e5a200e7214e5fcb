// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/tree"
)

// TestCorpus evaluates every public template that needs no SAM transform, and
// what the SAM translator's own tests expect of it. Values of parameters that
// have none are invented; exports exist; settings exist for references to
// secrets of other stacks.
func TestCorpus(t *testing.T) {
	root := os.Getenv("CORPUS")
	if root == "" {
		t.Log("CORPUS is not set: nothing to do")
		return
	}
	// the translator's vectors hold some that CloudFormation refuses later
	for folder, mayFail := range map[string]int{"templates": 0, "sam/output": 10} {
		files, loaded, refused := 0, 0, 0
		_ = filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, _ := filepath.Rel(root, path)
			parsed, err := tree.Parse(name, text)
			if err != nil || parsed.Get("Resources") == nil {
				return nil
			}
			if strings.Contains(string(tree.JSON(parsed.Get("Transform"))), "Serverless") {
				if _, err := Expand(parsed, corpusOptions(path, parsed)); err != nil {
					t.Errorf("before SAM: %s: %v", name, err)
				}
				return nil
			}
			files++
			err = loadCorpus(corpusOptions(path, parsed), parsed)
			switch awsRefuses := strings.Contains(string(text), "!Rain::") || parsed.Has("Globals"); {
			case err != nil && awsRefuses:
				refused++
			case err != nil:
				t.Logf("%s: %v", name, err)
			default:
				loaded++
			}
			return nil
		})
		t.Logf("%s: %d of %d templates load, %d are refused as AWS does", folder, loaded, files, refused)
		if failed := files - loaded - refused; failed > mayFail {
			t.Errorf("%s: %d templates fail", folder, failed)
		}
	}
}

// corpusOptions invents what the template at path needs from outside.
func corpusOptions(path string, parsed *tree.Node) Options {
	o := Options{
		StackName:  "corpus",
		Parameters: map[string]string{},
		Env:        func(key string) (string, bool) { return "setting", strings.ToUpper(key) == key },
		Exports:    func(name string) (*tree.Node, bool) { return tree.NewString("export-" + name), true },
		ReadFile: func(location string) ([]byte, error) {
			b, err := os.ReadFile(filepath.Join(filepath.Dir(path), location))
			if errors.Is(err, fs.ErrNotExist) {
				return []byte("{}"), nil // the corpus holds templates alone
			}
			return b, err
		},
	}
	for _, en := range section(parsed, "Parameters") {
		if _, cdk := cdkAsset(en.Key); !cdk && !en.Value.Has("Default") {
			o.Parameters[en.Key] = inventParameter(en.Value)
		}
	}
	return o
}

func loadCorpus(o Options, parsed *tree.Node) error {
	x, err := Expand(parsed, o)
	if err != nil {
		return err
	}
	s, err := New(x, o)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range s.Resources() {
		_, err := s.Properties(r.LogicalID)
		_, merr := s.Metadata(r.LogicalID)
		errs = append(errs, err, merr)
	}
	_, err = s.Outputs()
	return errors.Join(append(errs, err)...)
}

func inventParameter(p *tree.Node) string {
	if v := p.Get("AllowedValues"); v.Len() > 0 {
		s, _ := v.Items[0].Scalar()
		return s
	}
	typ, _ := p.Get("Type").Str()
	if strings.Contains(typ, "Number") {
		if s, ok := p.Get("MinValue").Scalar(); ok {
			return s
		}
		return "1"
	}
	sc := &scope{}
	for _, try := range []string{
		"invented", "invented-value-1", "a@example.com", "example.com", "www.example.com", "10.0.0.0/16", "https://example.com/a", "arn:aws:iam::123456789012:role/x",
		"https://github.com/o/r", "123456789012", "us-east-1a,us-east-1b", "", "Invented1!",
	} {
		if len(sc.constrain(&Parameter{decl: p}, typ, []string{try})) == 0 {
			return try
		}
	}
	return "invented"
}
