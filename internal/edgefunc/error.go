// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"errors"
	"fmt"

	"github.com/dop251/goja"
)

// ErrorKind is how a run failed.
type ErrorKind uint8

// The kinds, named as X-Cache names them.
const (
	Execution  ErrorKind = iota // the code threw, or ended without an answer
	Validation                  // what it returned breaks a rule
	Throttled                   // it took too long or too much memory
)

// String is CloudFront's word.
func (k ErrorKind) String() string {
	return [...]string{"FunctionExecutionError", "FunctionValidationError", "FunctionThrottledError", "?"}[k&3]
}

// Status is what the viewer gets: 502 for a wrong answer, else 503.
func (k ErrorKind) Status() int {
	if k == Validation {
		return 502
	}
	return 503
}

// Error is a failed run.
type Error struct {
	Kind     ErrorKind
	Function string
	Message  string // of the exception, or the rule that was broken
	Line     int    // of the code; 0: not known
	Column   int
}

// Error is the message with its place.
func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s: function %s:%d:%d: %s", e.Kind, e.Function, e.Line, e.Column, e.Message)
	}
	return fmt.Sprintf("%s: function %s: %s", e.Kind, e.Function, e.Message)
}

// invalid is a broken rule; the function's name is filled in by the caller.
func invalid(format string, args ...any) *Error {
	return &Error{Kind: Validation, Message: fmt.Sprintf(format, args...)}
}

// limit is what a machine is interrupted with, and what a guard throws.
type limit struct{ what string }

func (l *limit) Error() string { return l.what }

// failure turns an error of the engine into an *Error.
func (f *Function) failure(err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		own.Function = f.name
		return own
	}
	e := &Error{Kind: Execution, Function: f.name, Message: err.Error()}
	var stopped *goja.InterruptedError
	var thrown *goja.Exception
	var deep *goja.StackOverflowError
	switch {
	case errors.As(err, &stopped):
		e.Kind, e.Message = Throttled, fmt.Sprint(stopped.Value())
		e.place(stopped.Stack())
	case errors.As(err, &thrown):
		var l *limit
		if errors.As(err, &l) {
			e.Kind = Throttled
		}
		e.Message = describe(thrown.Value())
		e.place(thrown.Stack())
	case errors.As(err, &deep):
		e.Message = "RangeError: Maximum call stack size exceeded"
		e.place(deep.Stack())
	}
	return e
}

// place takes the innermost frame that is of the function's own code.
func (e *Error) place(stack []goja.StackFrame) {
	for _, frame := range stack {
		if p := frame.Position(); p.Filename == e.Function && p.Line > 1 {
			e.Line, e.Column = p.Line-1, p.Column // line 1 is ours, see load
			return
		}
	}
}

// describe is a thrown value as one line: an Error as "Name: message".
func describe(v goja.Value) string {
	if o, ok := v.(*goja.Object); ok {
		name, message := o.Get("name"), o.Get("message")
		if name != nil && message != nil && !goja.IsUndefined(name) {
			return clip(name.String()+": "+message.String(), 1024)
		}
	}
	if v == nil {
		return "undefined"
	}
	return clip(v.String(), 1024)
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}
