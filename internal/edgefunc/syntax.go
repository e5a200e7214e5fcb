// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"reflect"

	"github.com/dop251/goja/ast"
)

// checkSyntax refuses what the engine here can run and CloudFront's cannot.
// There such code is published without a word and then fails on each request
// (SyntaxError: Token "const" not supported in this version), so it is better
// told at once. The tree is walked by reflection, once, when the stack is
// built.
func checkSyntax(tree *ast.Program, k kind) error {
	w := syntaxWalk{kind: k}
	w.visit(reflect.ValueOf(tree.Body))
	if w.node == nil {
		return nil
	}
	at := tree.File.Position(int(w.node.Idx0()) - tree.File.Base())
	return placed(at, 0, w.what)
}

type syntaxWalk struct {
	kind kind
	node ast.Node
	what string
}

func (w *syntaxWalk) visit(v reflect.Value) {
	if w.node != nil {
		return
	}
	switch v.Kind() {
	case reflect.Interface:
		w.visit(v.Elem())
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		if n, ok := v.Interface().(ast.Node); ok && w.refuse(n) {
			w.node = n
			return
		}
		if _, ok := v.Interface().(ast.Node); ok || v.Elem().Kind() == reflect.Struct {
			w.fields(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			w.visit(v.Index(i))
		}
	case reflect.Struct:
		w.fields(v)
	}
}

func (w *syntaxWalk) fields(v reflect.Value) {
	t := v.Type()
	for i := range t.NumField() {
		// DeclarationList repeats declarations of the body; File is no tree.
		if f := t.Field(i); f.IsExported() && f.Name != "DeclarationList" && f.Name != "File" {
			w.visit(v.Field(i))
		}
	}
}

// refuse tells whether a node is beyond the runtime, and sets what.
func (w *syntaxWalk) refuse(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ClassDeclaration, *ast.ClassLiteral:
		w.what = "classes are not supported by CloudFront Functions"
	case *ast.YieldExpression:
		w.what = "generators are not supported by CloudFront Functions"
	case *ast.FunctionLiteral:
		switch {
		case n.Generator:
			w.what = "generators are not supported by CloudFront Functions"
		case n.Async && w.kind == js10:
			w.what = "async functions need runtime cloudfront-js-2.0"
		}
	case *ast.ArrowFunctionLiteral:
		if n.Async && w.kind == js10 {
			w.what = "async functions need runtime cloudfront-js-2.0"
		}
	case *ast.LexicalDeclaration:
		if w.kind == js10 {
			w.what = "const and let need runtime cloudfront-js-2.0; write var"
		}
	case *ast.AwaitExpression:
		if w.kind == js10 {
			w.what = "await needs runtime cloudfront-js-2.0"
		}
	case *ast.WithStatement:
		w.what = "with is not allowed in strict code"
	}
	return w.what != ""
}
