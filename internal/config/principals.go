// SPDX-License-Identifier: Apache-2.0

// The file of principals: who may sign requests for AWS_IAM, with which keys.
//
//	principals:
//	  - accessKeyId: AKIAIOSFODNN7EXAMPLE
//	    secretAccessKey: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
//	    arn: arn:aws:iam::123456789012:user/alice
//	    policies: [Caller]        # names of the template's, or documents
//
// It holds secrets: one that others may read is refused, and no error repeats a
// value of it but a name or an ARN.

package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/forelane/forelane/internal/policy"
	"github.com/forelane/forelane/internal/principal"
	"github.com/forelane/forelane/internal/template/fidelity"
	"github.com/forelane/forelane/internal/template/tree"
)

// Bounds of the file.
const (
	maxPrincipalsFile = 1 << 20
	maxPrincipals     = 10_000
)

// ReadPrincipals reads a file of principals. The error joins all that is wrong,
// in the order of the file.
func ReadPrincipals(file string) (*principal.Set, error) {
	if err := Private(file); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parsePrincipals(file, text)
}

func parsePrincipals(file string, text []byte) (*principal.Set, error) {
	if len(text) > maxPrincipalsFile {
		return nil, fmt.Errorf("%s: %d bytes, the limit is %d", file, len(text), maxPrincipalsFile)
	}
	if blank(text) {
		return nil, &tree.Error{Pos: tree.Pos{File: file, Line: 1, Col: 1}, Msg: "the file names nobody", Mend: "begin with principals:"}
	}
	root, err := tree.Parse(file, text)
	if err != nil {
		return nil, unquoted(file, err)
	}
	d := &decoder{dir: filepath.Dir(file)}
	p := &principalsReader{d: d, keys: map[string]tree.Pos{}}
	d.fields(root, "", []string{"principals"})
	list := root.Get("principals")
	switch {
	case !root.IsMap():
	case !list.IsList() || len(list.Items) == 0:
		d.fail(root.Pos, "principals", "write them as a list", "it names nobody")
	case len(list.Items) > maxPrincipals:
		d.fail(list.Pos, "principals", "", "%d principals, the limit is %d", len(list.Items), maxPrincipals)
	default:
		for i, n := range list.Items {
			p.principal(n, fmt.Sprintf("principals[%d]", i))
		}
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return principal.New(p.all), nil
}

// unquoted is an error of the YAML reader without its words, which may repeat a
// part of the file.
func unquoted(file string, err error) error {
	at := tree.Pos{File: file, Line: 1, Col: 1}
	if e, ok := errors.AsType[*tree.Error](err); ok {
		at = e.Pos
	}
	return &tree.Error{Pos: at, Msg: "it cannot be read as YAML", Mend: "check the indentation and quotes near this line"}
}

// fields refuses keys of a map that are not known, or there twice.
func (d *decoder) fields(n *tree.Node, path string, known []string) {
	if !n.IsMap() {
		d.fail(n.Pos, path, "write it as key: value", "want a map, not a %s", n.Kind)
		return
	}
	for _, e := range n.Entries {
		switch at := join(path, e.Key); {
		case e.Earlier.Line != 0:
			d.fail(e.KeyPos, at, "keep one of them", "it is given twice: line %d has it already", e.Earlier.Line)
		case !slices.Contains(known, e.Key):
			d.fail(e.KeyPos, at, fidelity.Nearest(e.Key, known, "there are "+fmt.Sprint(known)), "there is no such setting")
		}
	}
}

type principalsReader struct {
	d    *decoder
	all  []*principal.Principal
	keys map[string]tree.Pos
}

// principalProperties are those of one principal.
func principalProperties() []string {
	return []string{"accessKeyId", "secretAccessKey", "sessionToken", "expires", "arn", "id", "policies"}
}

func (r *principalsReader) principal(n *tree.Node, path string) {
	before := len(r.d.errs)
	r.d.fields(n, path, principalProperties())
	if !n.IsMap() {
		return
	}
	p := &principal.Principal{}
	for key, to := range map[string]*string{
		"accessKeyId": &p.AccessKeyID, "secretAccessKey": &p.SecretAccessKey, "sessionToken": &p.SessionToken, "arn": &p.ARN, "id": &p.ID,
	} {
		v := n.Get(key)
		text, ok := v.Str()
		if v != nil && (!ok || text == "") {
			r.d.fail(v.Pos, join(path, key), "put it in quotes", "want a text")
		}
		*to = text
	}
	if v := n.Get("expires"); v != nil {
		t, err := time.Parse(time.RFC3339, v.Text)
		if err != nil {
			r.d.fail(v.Pos, join(path, "expires"), "write it as 2026-12-31T23:59:59Z", "want a time")
		}
		p.Expires = t
	}
	r.policies(n.Get("policies"), join(path, "policies"), p)
	if len(r.d.errs) > before {
		return
	}
	if property, err := p.Check(); err != nil {
		r.d.fail(placeOf(n, property), join(path, property), "", "%v", err)
		return
	}
	if first, taken := r.keys[p.AccessKeyID]; taken {
		r.d.fail(placeOf(n, "accessKeyId"), join(path, "accessKeyId"), "", "line %d has this access key already", first.Line)
		return
	}
	r.keys[p.AccessKeyID] = placeOf(n, "accessKeyId")
	r.all = append(r.all, p)
}

// placeOf is where a property is, or the map that lacks it.
func placeOf(n *tree.Node, property string) tree.Pos {
	if v := n.Get(property); v != nil {
		return v.Pos
	}
	return n.Pos
}

// policies reads names and documents.
func (r *principalsReader) policies(n *tree.Node, path string, p *principal.Principal) {
	if n == nil {
		return
	}
	if !n.IsList() {
		r.d.fail(n.Pos, path, "write it as a list", "want names of policies, or documents")
		return
	}
	for i, item := range n.Items {
		at := fmt.Sprintf("%s[%d]", path, i)
		if name, ok := item.Str(); ok && name != "" {
			p.Names = append(p.Names, name)
			continue
		}
		if !item.IsMap() {
			r.d.fail(item.Pos, at, "", "want the name of a policy, or a document")
			continue
		}
		if doc := r.document(item, at); doc != nil {
			p.Policies = append(p.Policies, doc)
		}
	}
}

// document reads a policy more strictly than AWS's parser of templates does: an
// element that is misspelt could allow more than was meant.
func (r *principalsReader) document(n *tree.Node, path string) *policy.Document {
	before := len(r.d.errs)
	r.d.fields(n, path, []string{"Version", "Id", "Statement"})
	statements := []*tree.Node{n.Get("Statement")}
	if list := n.Get("Statement"); list.IsList() {
		statements = list.Items
	}
	for i, st := range statements {
		if st == nil {
			r.d.fail(n.Pos, path, "add Statement", "the document has no statement")
			continue
		}
		at := fmt.Sprintf("%s.Statement[%d]", path, i)
		r.d.fields(st, at, []string{"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"})
		if st.IsMap() && st.Get("Resource") == nil && st.Get("NotResource") == nil {
			r.d.fail(st.Pos, at, `write "*" for all`, "the resource is missing")
		}
	}
	if len(r.d.errs) > before {
		return nil
	}
	doc, err := policy.Parse(string(tree.JSON(n)))
	if err != nil {
		r.d.fail(n.Pos, path, "", "%v", err)
		return nil
	}
	return doc
}
