// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
)

// This file turns the text of a function into a program.
//
// The engine has no modules, so an import declaration becomes a call of
// require. Imports are found by the parser, not by searching: it stops at the
// word import where a statement begins, and only there is text replaced (with
// as many lines as it had, so that places in errors stay right).
//
//	import cf from 'cloudfront';   ->   const cf = require("cloudfront");
//
// The code then becomes the body of a function that returns the handler:
//
//	(function () { 'use strict';
//	<code>
//	;return typeof handler === 'function' ? handler : undefined })
//
// It was parsed alone before, so it cannot close that body and go on outside
// of it. All code is strict, as at CloudFront.

const (
	maxCode    = 10 << 10
	maxImports = 16
	wrapHead   = "(function () { 'use strict';\n"
	wrapTail   = "\n;return typeof handler === 'function' ? handler : undefined })"
)

var (
	builtInPrototype = regexp.MustCompile(`\b(?:Object|Function|Array|String|Number|Boolean|Date|RegExp|Error|Promise|Buffer)\s*\.\s*prototype\b`)
	borrowedMethod   = regexp.MustCompile(`\b\w+\s*\.\s*prototype\s*\.\s*\w+\s*\.\s*(?:call|apply|bind)\b`)
)

// changesGlobals tells whether code seems to add to a built-in object, such as
// String.prototype. It runs in a machine of its own then, whose globals are
// not frozen; that is slower. Borrowing a method
// (Object.prototype.hasOwnProperty.call) changes nothing. Code that escapes
// this test meets frozen globals, and is tried again (see exec).
func changesGlobals(code string) bool {
	return builtInPrototype.MatchString(borrowedMethod.ReplaceAllString(code, ""))
}

// load checks and compiles the code of a function.
func load(name, code string, k kind) (*goja.Program, error) {
	if len(code) > maxCode {
		return nil, fmt.Errorf("the code has %d bytes; CloudFront allows %d", len(code), maxCode)
	}
	if strings.TrimSpace(code) == "" {
		return nil, errors.New("there is no code")
	}
	code, tree, err := parse(name, code, k)
	if err != nil {
		return nil, err
	}
	if err := checkSyntax(tree, k); err != nil {
		return nil, err
	}
	p, err := compileText(name, wrapHead+code+wrapTail)
	if err != nil {
		return nil, compileError(err)
	}
	return p, nil
}

// parse parses code, replacing imports until there is none.
func parse(name, code string, k kind) (string, *ast.Program, error) {
	for range maxImports {
		tree, err := parser.ParseFile(nil, name, code, 0, parser.WithDisableSourceMaps)
		if err == nil {
			return code, tree, nil
		}
		at, message := errorAt(err)
		offset := offsetOf(code, at)
		if k != js20 || offset < 0 || !strings.HasPrefix(code[offset:], "import") {
			return "", nil, placed(at, 0, message)
		}
		m := importForm.FindStringSubmatchIndex(code[offset:])
		if m == nil {
			return "", nil, placed(at, 0, "this form of import is not supported; write import name from 'module'")
		}
		text := code[offset : offset+m[1]]
		with, err := requireOf(text)
		if err != nil {
			return "", nil, placed(at, 0, err.Error())
		}
		with += strings.Repeat("\n", strings.Count(text, "\n"))
		code = code[:offset] + with + code[offset+m[1]:]
	}
	return "", nil, fmt.Errorf("more than %d imports", maxImports)
}

var (
	importForm = regexp.MustCompile(`^import\s+(?:([A-Za-z_$][\w$]*)\s*(?:,\s*)?)?(?:\{([^{}]*)\}|\*\s*as\s+([A-Za-z_$][\w$]*))?(?:\s*\bfrom\s*)?(?:'([^'\n]*)'|"([^"\n]*)")[ \t]*;?`)
	bindForm   = regexp.MustCompile(`^([A-Za-z_$][\w$]*)(?:\s+as\s+([A-Za-z_$][\w$]*))?$`)
)

// requireOf writes an import declaration as declarations with require.
func requireOf(text string) (string, error) {
	m := importForm.FindStringSubmatch(text)
	module := m[4] + m[5]
	if !knownModule(module) {
		return "", fmt.Errorf("module %q does not exist; there are cloudfront, crypto, querystring and buffer", module)
	}
	call := fmt.Sprintf("require(%q)", module)
	var decl []string
	if m[1] != "" {
		decl = append(decl, fmt.Sprintf("const %s = %s;", m[1], call))
	}
	if m[3] != "" {
		decl = append(decl, fmt.Sprintf("const %s = %s;", m[3], call))
	}
	for _, part := range strings.Split(m[2], ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		b := bindForm.FindStringSubmatch(part)
		if b == nil {
			return "", fmt.Errorf("import of %q is not understood", part)
		}
		local := b[2]
		if local == "" {
			local = b[1]
		}
		if b[1] == "default" {
			decl = append(decl, fmt.Sprintf("const %s = %s;", local, call))
		} else {
			decl = append(decl, fmt.Sprintf("const %s = %s.%s;", local, call, b[1]))
		}
	}
	if decl == nil {
		return call + ";", nil
	}
	return strings.Join(decl, " "), nil
}

func knownModule(name string) bool {
	switch name {
	case "cloudfront", "crypto", "querystring", "buffer":
		return true
	}
	return false
}

// errorAt is the first error of the parser with its place.
func errorAt(err error) (file.Position, string) {
	var list parser.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return list[0].Position, list[0].Message
	}
	return file.Position{}, err.Error()
}

// offsetOf is the byte that a position means, or -1. Columns count characters
// or bytes, by the engine's mood; imports stand at the beginning of lines
// nearly always, and what is found is compared with the text.
func offsetOf(code string, at file.Position) int {
	if at.Line < 1 {
		return -1
	}
	offset := 0
	for range at.Line - 1 {
		i := strings.IndexByte(code[offset:], '\n')
		if i < 0 {
			return -1
		}
		offset += i + 1
	}
	if offset += at.Column - 1; offset < 0 || offset > len(code) {
		return -1
	}
	return offset
}

// placed is an error of the code at a place; skip lines are ours.
func placed(at file.Position, skip int, message string) error {
	if at.Line == 0 {
		return errors.New(message)
	}
	return fmt.Errorf("%d:%d: %s", at.Line-skip, at.Column, message)
}

func compileError(err error) error {
	var syntax *goja.CompilerSyntaxError
	if errors.As(err, &syntax) && syntax.File != nil {
		return placed(syntax.File.Position(syntax.Offset), 1, syntax.Message)
	}
	at, message := errorAt(err)
	return placed(at, 1, message)
}
