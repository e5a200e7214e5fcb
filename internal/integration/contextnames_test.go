// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
)

// Every variable that ContextVar has a case for is listed for keySet(), but for
// those that a REST API does not have.
func TestA8ContextNames(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "expr.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	others := []string{"routeKey", "integration.requestId"}
	found := 0
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != "ContextVar" {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			c, ok := n.(*ast.CaseClause)
			if !ok {
				return true
			}
			for _, e := range c.List {
				lit, ok := e.(*ast.BasicLit)
				if !ok {
					continue
				}
				name, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				found++
				if !slices.Contains(others, name) && !slices.Contains(contextNames[:], name) {
					t.Errorf("contextNames lacks %q", name)
				}
			}
			return true
		})
	}
	if found < 15 {
		t.Errorf("%d variables found", found)
	}
}
