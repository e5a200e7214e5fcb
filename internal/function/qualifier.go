// SPDX-License-Identifier: Apache-2.0

package function

import (
	"math/rand/v2"
	"slices"

	"github.com/forelane/forelane/internal/model"
)

const latest = "$LATEST"

// resolve finds the version that a qualifier means; an alias with weights
// draws one (L8). All versions run the code that is there: a template knows
// only one.
func resolve(def *model.Function, qualifier string, draw func() float64) (version string, ok bool) {
	if qualifier == "" || qualifier == latest {
		return latest, true
	}
	for _, v := range def.Versions {
		if v.Number == qualifier {
			return v.Number, true
		}
	}
	for _, a := range def.Aliases {
		if a.Name == qualifier {
			return pick(a, draw), true
		}
	}
	return "", false
}

// pick draws the version of an alias.
func pick(a model.FunctionAlias, draw func() float64) string {
	if len(a.Weights) == 0 {
		return a.Version
	}
	x := draw()
	names := make([]string, 0, len(a.Weights))
	for v := range a.Weights {
		names = append(names, v)
	}
	slices.Sort(names)
	for _, v := range names {
		if x -= a.Weights[v]; x < 0 {
			return v
		}
	}
	return a.Version
}

func draw() float64 { return rand.Float64() }
