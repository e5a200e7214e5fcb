// SPDX-License-Identifier: Apache-2.0

package api

import (
	"regexp"

	"github.com/forelane/forelane/internal/template/build/base"
)

// What API Gateway takes as stage variables (row A18; Developer Guide, "Use
// stage variables for a REST API", quotas).
const (
	maxVariables     = 100
	maxVariableName  = 64
	maxVariableValue = 512
)

var (
	variableName  = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
	variableValue = regexp.MustCompile(`^[A-Za-z0-9-._~:/?#&=,]*$`)
)

// variables refuses stage variables that API Gateway refuses.
func (b *builder) variables() {
	for typ, paths := range map[string][][]string{
		"AWS::ApiGateway::Stage":      {{"Variables"}, {"CanarySetting", "StageVariableOverrides"}},
		"AWS::ApiGateway::Deployment": {{"StageDescription", "Variables"}, {"DeploymentCanarySettings", "StageVariableOverrides"}},
		"AWS::ApiGatewayV2::Stage":    {{"StageVariables"}},
	} {
		for _, r := range b.Of(typ) {
			for _, path := range paths {
				checkVariables(r.Props.Get(path...))
			}
		}
	}
}

func checkVariables(v base.Value) {
	pairs := v.Pairs()
	if len(pairs) > maxVariables {
		v.Fail("keep 100 of them", "a stage has at most %d variables, not %d", maxVariables, len(pairs))
	}
	for _, p := range pairs {
		value := p.Value.Text()
		switch {
		case len(p.Key) > maxVariableName || !variableName.MatchString(p.Key):
			p.Value.Fail("use letters, digits and _, 64 at most", "%q is no name of a stage variable", p.Key)
		case len(value) > maxVariableValue || !variableValue.MatchString(value):
			p.Value.Fail("use letters, digits and -._~:/?#&=, and 512 characters at most", "%.60q is no value of a stage variable", value)
		}
	}
}
