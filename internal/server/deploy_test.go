// SPDX-License-Identifier: Apache-2.0

package server

import (
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

// TestClashes: two stacks of a node claim nothing twice.
func TestClashes(t *testing.T) {
	one := &model.Stack{
		Name: "one", Distributions: []*model.Distribution{{Aliases: []string{"shop.example"}}}, Functions: []*model.Function{{Name: "f"}},
		Domains: []*model.Domain{{LogicalID: "D", Name: "api.example"}, {Name: "elsewhere.example"}},
	}
	for name, tt := range map[string]struct {
		two  model.Stack
		want string
	}{
		"nothing":              {model.Stack{Name: "two", Functions: []*model.Function{{Name: "g"}}, Domains: []*model.Domain{{Name: "elsewhere.example"}}}, ""},
		"an alias":             {model.Stack{Name: "two", Distributions: []*model.Distribution{{Pos: "t:1", Aliases: []string{"Shop.example"}}}}, "t:1: stack one has alias Shop.example already"},
		"a function's name":    {model.Stack{Name: "two", Functions: []*model.Function{{Name: "f"}}}, "function f"},
		"a domain":             {model.Stack{Name: "two", Domains: []*model.Domain{{LogicalID: "D", Name: "api.example"}}}, "domain api.example"},
		"the same stack twice": {*one, ""},
	} {
		err := clashes([]*model.Stack{one, &tt.two})
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
