// SPDX-License-Identifier: Apache-2.0

package template

import "github.com/forelane/forelane/internal/template/tree"

// serverless runs the SAM transform, if the template declares it.
func (l *loader) serverless(_ *unit, t *tree.Node) (*tree.Node, error) {
	return t, nil
}
