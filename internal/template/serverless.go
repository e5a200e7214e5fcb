// SPDX-License-Identifier: Apache-2.0

package template

import (
	"path/filepath"
	"strings"

	"github.com/forelane/forelane/internal/template/sam"
	"github.com/forelane/forelane/internal/template/tree"
)

// serverless runs the SAM transform, if the template declares it.
func (l *loader) serverless(u *unit, t *tree.Node) (*tree.Node, error) {
	if !sam.NeedsTransform(t) {
		return t, nil
	}
	o := sam.Options{Region: l.o.Region, AccountID: l.o.AccountID, Parameters: map[string]*tree.Node{}}
	for name, value := range u.params {
		if t.Get("Parameters").Has(name) {
			o.Parameters[name] = tree.NewString(value)
		}
	}
	o.ReadFile = func(path string) (*tree.Node, error) { return l.definition(u, path) }
	return sam.Transform(l.unbuilt(t), o)
}

// definition reads a definition that a serverless resource names by a path.
func (l *loader) definition(u *unit, path string) (*tree.Node, error) {
	if path = filepath.FromSlash(path); !filepath.IsAbs(path) {
		path = filepath.Join(u.dir, path)
	}
	text, err := l.assets.Read(path)
	if err != nil {
		if l.o.Lenient {
			return tree.Parse(path, []byte(`{"openapi": "3.0.1", "info": {"title": "missing", "version": "1"}, "paths": {}}`))
		}
		return nil, unwrapPath(err)
	}
	return tree.Parse(l.assets.Show(path), text)
}

// unbuilt gives functions what `sam build` would: an image has an ImageUri, and
// code without an address is in the template's folder.
func (l *loader) unbuilt(t *tree.Node) *tree.Node {
	resources := t.Get("Resources")
	if !resources.IsMap() {
		return t
	}
	global := t.At("Globals", "Function")
	for _, e := range resources.Entries {
		if typ, _ := e.Value.Get("Type").Str(); typ != "AWS::Serverless::Function" {
			continue
		}
		p := e.Value.Get("Properties")
		if !p.IsMap() {
			continue
		}
		has := func(name string) bool {
			v := p.Get(name)
			if v.IsNull() || v.IsString() && v.Text == "" {
				v = global.Get(name)
			}
			return !v.IsNull()
		}
		kind, _ := p.Get("PackageType").Str()
		if kind == "" {
			kind, _ = global.Get("PackageType").Str()
		}
		at := e.Value.Get("Type").Pos
		switch {
		case kind == "Image" && !has("ImageUri"):
			p.Set("ImageUri", &tree.Node{Kind: tree.String, Text: "forelane.local/" + strings.ToLower(e.Key) + ":latest", Pos: at})
		case kind != "Image" && !has("CodeUri") && !has("InlineCode") && !has("ImageUri"):
			p.Set("CodeUri", &tree.Node{Kind: tree.String, Text: ".", Pos: at})
		}
	}
	return t
}
