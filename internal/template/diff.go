// SPDX-License-Identifier: Apache-2.0

package template

import (
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/tree"
)

// Op is what becomes of a resource or a property. The list is closed.
type Op string

// The operations.
const (
	Add    Op = "add"
	Remove Op = "remove"
	Modify Op = "modify"
)

// Change is a resource that differs between two evaluations.
type Change struct {
	Op        Op     `json:"op"`
	LogicalID string `json:"logicalId"`
	Type      string `json:"type"`
	// Pos is where it stands in the newer template; of one that is removed, in
	// the older.
	Pos        string     `json:"pos,omitempty"`
	Properties []Property `json:"properties,omitempty"`
	// More is how many properties are left out of a long list.
	More int `json:"more,omitempty"`
}

// Property is a property that differs. Values that may be secret are not told.
type Property struct {
	Op     Op     `json:"op"`
	Path   string `json:"path"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	Pos    string `json:"pos,omitempty"`
}

// Bounds of a list of changes.
const (
	maxProperties = 40
	maxShown      = 120
)

// Diff tells how two evaluations of a stack differ, in the order of the newer
// template; what is removed comes last. A nil Result has no resources.
func Diff(before, after *Result) []Change {
	var out []Change
	old := map[string]*base.Resource{}
	if before != nil {
		for _, r := range before.resources {
			old[r.ID] = r
		}
	}
	if after != nil {
		for _, r := range after.resources {
			was := old[r.ID]
			delete(old, r.ID)
			switch {
			case was == nil:
				out = append(out, Change{Op: Add, LogicalID: r.ID, Type: r.Type, Pos: r.Where()})
			case was.Type != r.Type:
				out = append(out, Change{
					Op: Modify, LogicalID: r.ID, Type: r.Type, Pos: r.Where(),
					Properties: []Property{{Op: Modify, Path: "Type", Before: was.Type, After: r.Type}},
				})
			default:
				out = append(out, modified(before, after, was, r)...)
			}
		}
	}
	if before != nil {
		for _, r := range before.resources {
			if old[r.ID] != nil {
				out = append(out, Change{Op: Remove, LogicalID: r.ID, Type: r.Type, Pos: r.Where()})
			}
		}
	}
	return out
}

func modified(before, after *Result, was, is *base.Resource) []Change {
	d := differ{before: before, after: after}
	d.compare("", was.Props.Node(), is.Props.Node())
	d.compare("Metadata", was.Meta.Node(), is.Meta.Node())
	if len(d.found) == 0 {
		return nil
	}
	c := Change{Op: Modify, LogicalID: is.ID, Type: is.Type, Pos: is.Where(), Properties: d.found}
	if n := len(d.found); n > maxProperties {
		c.Properties, c.More = d.found[:maxProperties], n-maxProperties
	}
	return []Change{c}
}

// differ collects the properties that differ.
type differ struct {
	before, after *Result
	found         []Property
}

func (d *differ) compare(path string, was, is *tree.Node) {
	switch {
	case was.IsNull() && is.IsNull():
	case was.IsMap() && is.IsMap():
		for _, e := range is.Entries {
			d.compare(below(path, e.Key), was.Get(e.Key), e.Value)
		}
		for _, e := range was.Entries {
			if !is.Has(e.Key) {
				d.compare(below(path, e.Key), e.Value, nil)
			}
		}
	case was.IsList() && is.IsList() && len(was.Items) == len(is.Items):
		for i := range is.Items {
			d.compare(path+"["+strconv.Itoa(i)+"]", was.Items[i], is.Items[i])
		}
	default:
		d.leaf(path, was, is)
	}
}

func below(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (d *differ) leaf(path string, was, is *tree.Node) {
	a, b := d.before.plain(was), d.after.plain(is)
	if a == b {
		return
	}
	p := Property{Op: Modify, Path: path, Before: shorten(path, a), After: shorten(path, b)}
	switch {
	case was.IsNull():
		p.Op = Add
	case is.IsNull():
		p.Op = Remove
	}
	if is != nil && is.Pos.Line > 0 {
		p.Pos = is.Pos.String()
	}
	d.found = append(d.found, p)
}

// plain is a value as text; paths in the stack's own folder are relative, so
// that two folders of the same files are the same.
func (r *Result) plain(n *tree.Node) string {
	if n.IsNull() {
		return ""
	}
	s, ok := n.Scalar()
	if !ok {
		s = string(tree.CanonicalJSON(n))
	}
	if r.root != "" {
		s = strings.ReplaceAll(s, r.root+"/", "")
	}
	return s
}

// shorten makes a value fit into a line; a secret stays one.
func shorten(path, s string) string {
	if s == "" {
		return ""
	}
	if secret(path) {
		return "…"
	}
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > maxShown {
		return string(runes[:maxShown]) + "…"
	}
	return s
}

// secret tells whether the value of a property may be one: the environment of
// functions, and what its name says.
func secret(path string) bool {
	lower := strings.ToLower(path)
	return strings.HasPrefix(lower, "environment.") || slices.ContainsFunc([]string{"secret", "password", "token", "credential", "authvalue", "headervalue"}, func(word string) bool {
		return strings.Contains(lower, word)
	}) || strings.HasSuffix(lower, "apikey.value") || lower == "value"
}
