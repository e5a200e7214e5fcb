// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"maps"

	"github.com/forelane/forelane/internal/integration"
	"github.com/forelane/forelane/internal/model"
)

// compileCanary gives a compiled stage its canary: the same stage, gates and
// all, but with routes and variables of its own (row A17; Developer Guide, "Set
// up an API Gateway canary release deployment").
func (g *Gateway) compileCanary(m *model.API, a *api, ms *model.Stage, st *stage, deps integration.Deps) error {
	variables := maps.Clone(ms.Variables)
	if variables == nil {
		variables = map[string]string{}
	}
	maps.Copy(variables, ms.Canary.Variables)
	canary := *st
	canary.table, canary.routes = nil, nil
	if !ms.Canary.UseCache {
		canary.cache = nil
	}
	canary.facts.Variables, canary.facts.DeploymentID = variables, ms.Canary.DeploymentID
	canary.facts.Release = integration.Canary
	st.canary, st.share, st.facts.Release = &canary, ms.Canary.Percent/100, integration.Main
	released := *ms
	released.Routes = ms.Canary.Routes
	return g.compileRoutes(m, a, &canary, &released, deps)
}

// release is the stage, or its canary when the dice say so. Every request is
// thrown for by itself.
func (st *stage) release(chance func() float64) *stage {
	if st.canary == nil || st.share <= 0 {
		return st
	}
	if st.share >= 1 || chance() < st.share {
		return st.canary
	}
	return st
}
