// SPDX-License-Identifier: Apache-2.0

package shape

import (
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/tree"
)

func TestCheck(t *testing.T) {
	s := Map(
		Must("Name", Text),
		May("On", Flag),
		May("Count", OrMap(Integer)),
		May("Ratio", Real),
		May("Kind", OneOf("A", "B")),
		May("Log", OrFlag(Map(May("Level", Any)))),
		May("Parts", Dict(List(Map(Must("Id", Any))))),
	)
	tests := []struct{ name, in, want string }{
		{"least", "Name: x", ""},
		{"all", "{Name: 1, On: 'yes', Count: '5', Ratio: 0.5, Kind: A, Log: {Level: 1}, Parts: {a: [{Id: 1}]}}", ""},
		{"intrinsic", "{Name: x, Count: !Ref N}", ""},
		{"null is absent", "{Name: x, Kind: null}", ""},
		{"flag or map", "{Name: x, Log: false}", ""},
		{"missing", "On: true", "'Name' is required"},
		{"null where needed", "Name: null", "'Name' is required"},
		{"text", "Name: [x]", "'Name' must be a string"},
		{"flag", "{Name: x, On: !Ref Flag}", "'On' must be a boolean"},
		{"integer", "{Name: x, Count: 1.5}", "'Count' must be a whole number"},
		{"number", "{Name: x, Ratio: inf}", "'Ratio' must be a number"},
		{"word", "{Name: x, Kind: C}", "'Kind' must be one of A, B"},
		{"unknown", "{Name: x, Nam: y}", "no property 'Nam'"},
		{"deep", "{Name: x, Parts: {a: [{Id: 1}, {}]}}", "'Parts.a.1.Id' is required"},
		{"no list", "{Name: x, Parts: {a: {}}}", "'Parts.a' must be a list"},
		{"no map", "[]", "must be a map"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := tree.Parse("t.yaml", []byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			e := Check(s, "", n)
			if tt.want == "" {
				if e != nil {
					t.Fatal(e)
				}
				return
			}
			if e == nil || !strings.Contains(e.Error(), tt.want) || e.Pos.Line == 0 {
				t.Errorf("got %v, want …%s… with a position", e, tt.want)
			}
		})
	}
}
