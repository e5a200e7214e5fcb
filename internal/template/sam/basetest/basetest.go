// SPDX-License-Identifier: Apache-2.0

// Package basetest helps the rooms of the SAM transform to be tested on their
// own: a template in, resources out, compared with a few lines of YAML.
//
// The flow: Context parses a template; the test calls its room; Compare looks
// for the resources that it expects among those made.
//
// What it does not do: it runs no transform. It is for tests only.
package basetest

import (
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

// Parse reads YAML. Tabs that begin the lines, as in a Go literal, are cut.
func Parse(t testing.TB, text string) *tree.Node {
	t.Helper()
	text = strings.Trim(text, "\n\t")
	n, err := tree.Parse("t.yaml", []byte(strings.ReplaceAll(text, "\n\t", "\n")))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return n
}

// Context makes a context for a template of these Resources. Its Out is a
// copy of the template.
func Context(t testing.TB, resources string) *base.Context {
	t.Helper()
	tm := tree.NewMap().With("Resources", Parse(t, resources))
	c := base.NewContext(tm, base.Options{})
	c.Out = tm.Clone()
	return c
}

// Expander is the Expand of a room.
type Expander func(*base.Context, string, *tree.Node) ([]base.Resource, error)

// Expand expands the resource id of c and puts the result into c.Out.
func Expand(c *base.Context, expand Expander, id string) (*tree.Node, error) {
	rs, err := expand(c, id, c.Lookup(id))
	if err != nil {
		return nil, err
	}
	out := tree.NewMap()
	for _, r := range rs {
		out.Set(r.ID, r.Node)
		c.Out.Get("Resources").Set(r.ID, r.Node)
	}
	return out, nil
}

// Properties expands the resource with these properties, called R, of a
// template that has nothing else.
func Properties(t testing.TB, expand Expander, typ, props string) (*tree.Node, error) {
	t.Helper()
	c := Context(t, "R: {}")
	c.Lookup("R").Set("Type", tree.NewString(typ))
	c.Lookup("R").Set("Properties", Parse(t, props))
	return Expand(c, expand, "R")
}

// Compare checks that the values of want, a map of paths such as R/Properties,
// are found in got. A path to nothing is written as null.
func Compare(t testing.TB, got *tree.Node, want string) {
	t.Helper()
	for _, e := range Parse(t, want).Entries {
		v := got.At(strings.Split(e.Key, "/")...)
		if v == nil {
			v = tree.NewNull()
		}
		if !tree.Equal(v, e.Value) {
			t.Errorf("%s\n got %s\nwant %s", e.Key, tree.JSON(v), tree.JSON(e.Value))
		}
	}
}

// Refused checks that err names the resource and says word.
func Refused(t testing.TB, err error, resource, word string) {
	t.Helper()
	if err == nil {
		t.Fatal("it was accepted")
	}
	if s := err.Error(); !strings.Contains(s, "Resources."+resource+":") || !strings.Contains(s, word) {
		t.Errorf("the error is %q; want one of Resources.%s with %q", s, resource, word)
	}
}

// Fuzz feeds a room with properties of any form: it may refuse them, but must
// come back.
func Fuzz(f *testing.F, expand Expander, typ string, seeds ...string) {
	for _, s := range seeds {
		f.Add(strings.ReplaceAll(strings.Trim(s, "\n\t"), "\n\t", "\n"))
	}
	f.Fuzz(func(_ *testing.T, props string) {
		p, err := tree.Parse("f.yaml", []byte(props))
		if err != nil {
			return
		}
		res := tree.NewMap().With("Type", tree.NewString(typ)).With("Properties", p)
		c := base.NewContext(tree.NewMap().With("Resources", tree.NewMap().With("R", res)), base.Options{})
		c.Out = c.Template.Clone()
		_, _ = Expand(c, expand, "R")
	})
}
