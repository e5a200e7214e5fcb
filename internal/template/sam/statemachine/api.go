// SPDX-License-Identifier: Apache-2.0

package statemachine

import (
	"github.com/forelane/forelane/internal/template/sam/base"
)

// api starts an execution from a method of a REST API.
func (e event) api() error {
	err := e.check(append(text("Stage"), append(section("Auth"),
		base.Prop{Name: "Path", Check: base.IsString, Required: true},
		base.Prop{Name: "Method", Check: base.IsString, Required: true},
		base.Prop{Name: "RestApiId", Check: base.IsString, Required: true},
		base.Prop{Name: "UnescapeMappingTemplate", Check: base.IsBool, Plain: true})...))
	if err != nil {
		return err
	}
	return nil
}
