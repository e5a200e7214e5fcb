// SPDX-License-Identifier: Apache-2.0

package sam

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/forelane/forelane/internal/template/tree"
)

// mutate puts values of a wrong kind into n, where the seed says.
func mutate(n *tree.Node, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a reproducible choice is wanted
	var places []**tree.Node
	var walk func(**tree.Node)
	walk = func(p **tree.Node) {
		places = append(places, p)
		for i := range (*p).Items {
			walk(&(*p).Items[i])
		}
		for i := range (*p).Entries {
			walk(&(*p).Entries[i].Value)
		}
	}
	walk(&n)
	for range 1 + r.IntN(4) {
		at, other := places[r.IntN(len(places))], *places[r.IntN(len(places))]
		values := []*tree.Node{
			tree.NewNull(), tree.NewMap(), tree.NewList(), tree.NewString(""), tree.NewString("text"), tree.NewInt(7),
			tree.NewBool(true), tree.NewList(tree.NewNull()), tree.NewMap().With("Ref", tree.NewString("AWS::NoValue")),
			tree.NewMap().With("Ref", tree.NewInt(1)), tree.NewMap().With("Fn::If", tree.NewList((*at).Clone())),
			tree.NewMap().With("Fn::If", tree.NewList(tree.NewString("C"), (*at).Clone(), tree.NewNull())),
			tree.NewMap().With("a", tree.NewNull()), other.Clone(),
		}
		*at = values[r.IntN(len(values))]
	}
}

func mutants(t testing.TB, seeds uint64) {
	files, err := filepath.Glob("testdata/*.yaml")
	if corpus := os.Getenv("CORPUS"); corpus != "" {
		more, _ := filepath.Glob(filepath.Join(corpus, "sam", "input", "*.yaml"))
		files = append(files, more...)
	}
	if err != nil || len(files) == 0 {
		t.Fatalf("no templates: %v", err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		in, err := tree.Parse(f, text)
		if err != nil {
			continue
		}
		for seed := range seeds {
			oneMutant(t, f, in.Clone(), seed)
		}
	}
}

func oneMutant(t testing.TB, file string, in *tree.Node, seed uint64) {
	mutate(in, seed)
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s, seed %d: panic: %v\n%s", file, seed, p, debug.Stack())
		}
	}()
	_, _ = Transform(in, vectorOptions())
}

// TestMutants checks that templates with values of wrong kinds in any place
// are refused or transformed, and never panic.
func TestMutants(t *testing.T) { mutants(t, 25) }
