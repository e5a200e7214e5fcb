// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"

	"github.com/forelane/forelane/internal/edge"
	"github.com/forelane/forelane/internal/edgefunc"
)

// edgeFunctions gives the edge the functions of a stack by ARN.
func edgeFunctions(set *edgefunc.Set) func(arn string) (edge.Function, error) {
	return func(arn string) (edge.Function, error) {
		f, ok := set.Function(arn)
		if !ok {
			return nil, fmt.Errorf("function %s is not in this template", arn)
		}
		return f, nil
	}
}
