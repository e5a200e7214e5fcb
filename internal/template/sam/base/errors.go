// SPDX-License-Identifier: Apache-2.0

package base

import (
	"fmt"

	"github.com/forelane/forelane/internal/template/tree"
)

// Errorf makes the error of a resource: Path names it, at (which may be nil)
// tells the position.
func Errorf(id string, at *tree.Node, format string, args ...any) *tree.Error {
	e := &tree.Error{Path: "Resources." + id, Msg: fmt.Sprintf(format, args...)}
	if at != nil {
		e.Pos = at.Pos
	}
	return e
}

// EventErrorf makes the error of one event of a resource.
func EventErrorf(id, event string, at *tree.Node, format string, args ...any) *tree.Error {
	return Errorf(id, at, "event %s: "+format, append([]any{event}, args...)...)
}

// Locate gives err the position of res if it has none.
func Locate(err error, res *tree.Node) error {
	if e, ok := err.(*tree.Error); ok && e.Pos == (tree.Pos{}) && res != nil { //nolint:errorlint // only our own, unwrapped
		e.Pos = res.Pos
	}
	return err
}
