// SPDX-License-Identifier: Apache-2.0

package template

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/forelane/forelane/internal/template/asset"
	"github.com/forelane/forelane/internal/template/cdk"
)

// source is one template to load.
type source struct {
	file            string
	name            string
	region, account string
}

// find says which templates are at a path.
func find(path string, assets *asset.Set) ([]source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w (give a template, a SAM project folder or cdk.out)", path, unwrapPath(err))
	}
	switch {
	case info.IsDir():
		return findInFolder(path, assets)
	case filepath.Base(path) == "manifest.json":
		return findInAssembly(filepath.Dir(path), assets)
	}
	// a template of an assembly has its assets beside it
	if stem, ok := strings.CutSuffix(path, ".template.json"); ok {
		if _, err := os.Stat(stem + ".assets.json"); err == nil {
			if err := cdk.ReadAssets(stem+".assets.json", assets.Read, assets.Add); err != nil {
				return nil, err
			}
		}
	}
	return []source{{file: path, name: stackName(path)}}, nil
}

// unwrapPath drops the path that the error repeats.
func unwrapPath(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func findInFolder(dir string, assets *asset.Set) ([]source, error) {
	exists := func(name string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && !info.IsDir()
	}
	if exists("manifest.json") {
		return findInAssembly(dir, assets)
	}
	for _, name := range []string{"template.yaml", "template.yml", "template.json"} {
		if exists(name) {
			file := filepath.Join(dir, name)
			return []source{{file: file, name: stackName(file)}}, nil
		}
	}
	mend := "name the template file"
	if exists("cdk.json") {
		mend = "run cdk synth, then give " + filepath.Join(dir, "cdk.out")
	}
	return nil, fmt.Errorf("%s: there is no template.yaml, template.yml, template.json or manifest.json in the folder (%s)", dir, mend)
}

func findInAssembly(dir string, assets *asset.Set) ([]source, error) {
	a, err := cdk.Read(dir, assets.Read)
	if err != nil {
		return nil, err
	}
	for key, path := range a.Assets {
		assets.Add(key, path)
	}
	out := make([]source, 0, len(a.Stacks))
	for _, s := range a.Stacks {
		out = append(out, source{file: s.Template, name: s.Name, region: s.Region, account: s.Account})
	}
	return out, nil
}

// stackName makes a name from the path: the folder's for template.yaml, else
// the file's.
func stackName(file string) string {
	base := filepath.Base(file)
	stem, _, _ := strings.Cut(base, ".")
	if stem == "template" || stem == "" {
		if abs, err := filepath.Abs(file); err == nil {
			stem = filepath.Base(filepath.Dir(abs))
		}
	}
	var b strings.Builder
	for _, r := range stem {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9' && b.Len() > 0:
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	name := strings.Trim(b.String(), "-")
	if name == "" {
		return "forelane"
	}
	return name[:min(len(name), 100)]
}
