// SPDX-License-Identifier: Apache-2.0

package template

import (
	"path/filepath"
	"strings"

	"github.com/forelane/forelane/internal/template/asset"
	"github.com/forelane/forelane/internal/template/eval"
	"github.com/forelane/forelane/internal/template/fidelity"
	"github.com/forelane/forelane/internal/template/tree"
)

// attributes answers Fn::GetAtt of a nested stack's outputs with what they
// are, CDK's readers of another region's parameters with what a stack before
// has written there, and everything else with inventions.
type attributes struct {
	*eval.Inventor
	l *loader
	u *unit
}

// GetAtt returns an attribute of a resource.
func (a attributes) GetAtt(id, attr string) (*tree.Node, error) {
	name, ok := strings.CutPrefix(attr, "Outputs.")
	if r := a.u.stack.Resource(id); ok && r != nil && r.Type == "AWS::CloudFormation::Stack" {
		if child := a.l.child(a.u, id); child != nil {
			if n := child.outputs[name]; n != nil {
				return n, nil
			}
		}
	}
	if v, ok := a.elsewhere(id, attr); ok {
		return v, nil
	}
	return a.Inventor.GetAtt(id, attr)
}

// elsewhere is the ARN of an edge function of CDK: a stack of us-east-1 writes
// it into a parameter, and a custom resource of this one reads that.
func (a attributes) elsewhere(id, attr string) (*tree.Node, bool) {
	r := a.u.stack.Resource(id)
	if r == nil || r.Type != "Custom::CrossRegionStringParameterReader" || attr != "FunctionArn" {
		return nil, false
	}
	props, err := a.u.stack.Properties(id)
	if err != nil { // evaluate finds it
		return nil, false
	}
	name, _ := props.Get("ParameterName").Str()
	v, ok := a.l.shared.Parameters[name]
	return tree.NewString(v), ok
}

// child loads the nested stack id once; nil when its template is not in the
// project, which is reported.
func (l *loader) child(u *unit, id string) *unit {
	if c, done := u.nested[id]; done {
		return c
	}
	u.nested[id] = nil // a stack that needs itself sees nothing
	props, err := u.stack.Properties(id)
	if err != nil {
		l.fail(err)
		return nil
	}
	meta, _ := u.stack.Metadata(id) // its errors are found by evaluate
	props = l.localize(u, "AWS::CloudFormation::Stack", props, meta)
	url, _ := props.Get("TemplateURL").Str()
	path, ok := l.templatePath(u, id, url)
	at := props.Get("TemplateURL")
	switch {
	case !ok:
		l.note(u, id, "its template is not in this project: nothing of it is run; give it with --code "+u.prefix+id+"=FILE")
		return nil
	case u.depth+1 > maxNesting || len(l.units) >= maxUnits:
		l.errs = append(l.errs, at.Errorf("stacks nest deeper than %d levels, or there are more than %d", maxNesting, maxUnits))
		return nil
	case l.o.Lenient && l.assets.Kind(path) == 0:
		l.note(u, id, "its template is not in this project: nothing of it is run")
		return nil
	}
	c := &unit{
		file: path, dir: folder(path), prefix: u.prefix + id, stackName: u.stackName + "-" + id,
		params: map[string]string{}, depth: u.depth + 1, outputs: map[string]*tree.Node{},
	}
	if p := props.Get("Parameters"); p.IsMap() {
		for _, e := range p.Entries {
			c.params[e.Key] = parameterText(e.Value)
		}
	}
	l.unit(c)
	if c.stack == nil {
		return nil
	}
	outs, _ := c.stack.Outputs() // errors are found by outputs
	for _, o := range outs {
		c.outputs[o.Name] = o.Value
	}
	u.nested[id] = c
	return c
}

// note reports a nested stack that is not loaded. Something may have asked for
// its outputs before its own turn, so the words wait until all is gathered.
func (l *loader) note(u *unit, id, words string) {
	l.notes = append(l.notes, pending{id: u.prefix + id, note: fidelity.Note{Verdict: fidelity.Unsupported, Path: "TemplateURL", Words: words}})
}

func (l *loader) templatePath(u *unit, id, url string) (string, bool) {
	if p, ok := l.assets.Locate(u.prefix+id, asset.Local, ""); ok && p != "" {
		return p, true
	}
	if key, ok := strings.CutPrefix(url, "s3://"+asset.Local+"/"); ok {
		return key, true
	}
	return l.assets.LocateURL(u.prefix+id, url)
}

// parameterText writes a value as a parameter is given: lists with commas.
func parameterText(n *tree.Node) string {
	if s, ok := n.Scalar(); ok {
		return s
	}
	if n.IsList() {
		parts := make([]string, len(n.Items))
		for i, it := range n.Items {
			parts[i], _ = it.Scalar()
		}
		return strings.Join(parts, ",")
	}
	return string(tree.JSON(n))
}

// localize writes local paths of a template that was not packaged as S3
// locations of the bucket asset.Local, as `aws cloudformation package` does
// with real ones. The key is the path on this machine.
func (l *loader) localize(u *unit, typ string, props, meta *tree.Node) *tree.Node {
	name, bucket, key := packaged(typ)
	if name == "" {
		return props
	}
	if p, ok := meta.Get("aws:asset:path").Str(); ok { // a template of cdk.out
		if prop, _ := meta.Get("aws:asset:property").Str(); prop == name || strings.HasPrefix(prop, name+".") {
			path := filepath.Join(u.dir, filepath.FromSlash(p))
			if l.assets.Kind(path) != 0 {
				return with(props, name, location(props.Get(name), bucket, key, path))
			}
		}
	}
	v := props.Get(name)
	s, ok := v.Str()
	if !ok || s == "" {
		return props
	}
	if rest, ok := strings.CutPrefix(s, "s3://"); ok {
		b, k, _ := strings.Cut(rest, "/")
		if b != asset.Local {
			if bucket == "" {
				return props
			}
			m := &tree.Node{Kind: tree.Map, Pos: v.Pos}
			return with(props, name, m.With(bucket, tree.NewString(b)).With(key, tree.NewString(k)))
		}
		s = k
	} else if strings.Contains(s, "://") {
		return props
	}
	path := filepath.FromSlash(s)
	if !filepath.IsAbs(path) {
		path = filepath.Join(u.dir, path)
	}
	return with(props, name, location(v, bucket, key, path))
}

// packaged names the property of a type that `aws cloudformation package`
// uploads, and the keys it is written with after.
func packaged(typ string) (property, bucket, key string) {
	switch typ {
	case "AWS::Lambda::Function":
		return "Code", "S3Bucket", "S3Key"
	case "AWS::Lambda::LayerVersion":
		return "Content", "S3Bucket", "S3Key"
	case "AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api":
		return "BodyS3Location", "Bucket", "Key"
	case "AWS::CloudFormation::Stack":
		return "TemplateURL", "", ""
	}
	return "", "", ""
}

func location(at *tree.Node, bucket, key, path string) *tree.Node {
	var pos tree.Pos
	if at != nil {
		pos = at.Pos
	}
	text := func(s string) *tree.Node { return &tree.Node{Kind: tree.String, Text: s, Pos: pos} }
	if bucket == "" {
		return text("s3://" + asset.Local + "/" + path)
	}
	m := &tree.Node{Kind: tree.Map, Pos: pos}
	return m.With(bucket, text(asset.Local)).With(key, text(path))
}

// with returns props with one key replaced; the evaluator's own tree is shared
// and must not change.
func with(props *tree.Node, key string, v *tree.Node) *tree.Node {
	c := *props
	c.Entries = append([]tree.Entry(nil), props.Entries...)
	c.Set(key, v)
	return &c
}
