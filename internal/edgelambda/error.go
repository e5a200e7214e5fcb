// SPDX-License-Identifier: Apache-2.0

package edgelambda

import (
	"errors"
	"fmt"
)

// ErrorKind is how a run failed.
type ErrorKind uint8

// The kinds, named as X-Cache and the access log name them.
const (
	Execution  ErrorKind = iota // the function failed, or there is none
	Validation                  // what it returned breaks a rule
	Limit                       // it took too long, or there was no room for it
)

// String is CloudFront's word.
func (k ErrorKind) String() string {
	return [...]string{"LambdaExecutionError", "LambdaValidationError", "LambdaLimitExceeded", "?"}[k&3]
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
	Message  string
}

// Error is the kind, the function and what was wrong.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: function %s: %s", e.Kind, e.Function, e.Message)
}

// invalid is a broken rule; named fills in the function.
func invalid(format string, args ...any) *Error {
	return &Error{Kind: Validation, Message: fmt.Sprintf(format, args...)}
}

func (f *Function) named(err error) error {
	var e *Error
	if errors.As(err, &e) {
		e.Function = f.name
	}
	return err
}

func clip(s string) string {
	const most = 120
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
